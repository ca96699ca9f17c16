"""From the commit of a change to its row on fifty open boards."""

import asyncio
import json
import time

from benchmarks import data
from benchmarks.create import _body
from benchmarks.servers import Server
from benchmarks.table import Line
from benchmarks.wire import JSON, Wire, as_staff, demand, signed_in

BOARDS, CHANGES, PAUSE = 50, 60, 0.15
LIMIT_MS = 200.0


class Watch:
    """One open board: remembers when it first saw each call."""

    def __init__(self, wire: Wire, seen: dict[str, list[float]]) -> None:
        self.wire, self.seen = wire, seen

    async def connect(self) -> None:
        """Open the stream."""
        await self.wire.begin(
            "GET", "/admin/board/stream", b"", accept="text/event-stream"
        )
        demand(await self.wire.read_head(), 200)

    async def run(self) -> None:
        """Read events for ever."""
        mine: set[str] = set()
        while chunk := await self.wire.chunk():
            if b"event: " not in chunk:
                continue
            at = time.perf_counter()
            for call_id in [each for each in self.seen if each.encode() in chunk]:
                if call_id not in mine:
                    mine.add(call_id)
                    self.seen[call_id].append(at)


async def measure(app: Server, salt: int) -> list[Line]:
    """Change calls by REST while fifty boards are open."""
    seen: dict[str, list[float]] = {}
    session = await as_staff(app.port, data.DISPATCHER, data.PASSWORD)
    boards = [Watch(Wire(app.port, dict(session.headers)), seen) for _ in range(BOARDS)]
    for board in boards:
        await board.connect()
    watching = [asyncio.create_task(board.run()) for board in boards]
    delays = await _changes(app, seen, salt)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    for board in boards:
        board.wire.close()
    missed = CHANGES * BOARDS - len(delays)
    p95 = sorted(delays)[int(len(delays) * 0.95)] * 1000 if delays else float("inf")
    return [
        Line(
            f"change committed → seen by {BOARDS} boards",
            f"p95 {p95:.0f} ms" + (f", {missed} missed" if missed else ""),
            f"≤ {LIMIT_MS:.0f} ms",
            p95 <= LIMIT_MS and not missed,
        )
    ]


async def _changes(app: Server, seen: dict[str, list[float]], salt: int) -> list[float]:
    """Cancel calls made beforehand; the answer comes right after the commit."""
    wire, calls = Wire(app.port), []
    for place in range(CHANGES // 6):
        login = data.patient_login(salt * 100 + place)
        token = await signed_in(app.port, login, data.PASSWORD)
        headers = {"authorization": f"Bearer {token}", "content_type": JSON}
        for turn in range(6):
            made = await wire.send("POST", "/v1/bookings", _body(turn), **headers)
            demand(made, 201)
            calls.append((made.json()["id"], headers))
    await asyncio.sleep(2)
    committed: dict[str, float] = {}
    said = json.dumps(
        {"reason": "bench", "reason_code": "patient_changed_mind"}
    ).encode()
    for call_id, headers in calls:
        seen[call_id] = []
        answer = await wire.send(
            "POST", f"/v1/bookings/{call_id}/cancel", said, **headers
        )
        committed[call_id] = time.perf_counter()
        demand(answer, 200)
        await asyncio.sleep(PAUSE)
    await asyncio.sleep(2)
    return [
        max(0.0, at - committed[call_id]) for call_id in seen for at in seen[call_id]
    ]
