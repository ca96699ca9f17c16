"""Conversations: from send to received, against a bare server, and idle sockets."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from itertools import count
from statistics import median
from typing import Any

import psycopg

from benchmarks import data
from benchmarks.servers import Server
from benchmarks.sockets import Heard, Socket, opened
from benchmarks.table import Line
from benchmarks.wire import Wire, demand, signed_in
from models.role_grant import Role
from services import chat_tickets, refresh_tokens
from services.actor import Actor, Via
from services.config import get_settings
from services.database import Sessions, make_engine, make_sessions
from services.edges import transaction

CALLS, OF_PATIENT, OF_DOCTOR = 100, 2, 3
LIMIT_MS = 100.0
# Below the limit of one sender: 20 in 10 seconds.
TURNS, PAUSE = 10, 1.0
ROUNDS, EACH, ROUND_SECONDS = 3, 18, 11.0
AT_LEAST = 0.15
IDLE, READS, SLOWER, AT_ONCE = 10, 300, 2.0, 100
# A doctor of their own for each of so many open calls; the triggers are asleep.
PREPARE = (
    "SET LOCAL session_replication_role = replica",
    f"""
    CREATE TEMP TABLE chosen ON COMMIT DROP AS
    SELECT c.id, c.patient_id, d.user_id AS doctor_id, c.place
      FROM (SELECT id, patient_id, row_number() OVER () AS place
              FROM (SELECT DISTINCT ON (patient_id) id, patient_id FROM booking
                     WHERE status = 'pending' ORDER BY patient_id) AS each) AS c
      JOIN (SELECT user_id, row_number() OVER () AS place FROM doctor_profile) AS d
     USING (place) WHERE place <= {CALLS}
    """,
    """
    INSERT INTO assignment (id, booking_id, doctor_id, stop_id, planned_start,
                            planned_window, travel_minutes, assigned_by, assigned_at,
                            accepted_at)
    SELECT gen_random_uuid(), id, doctor_id, gen_random_uuid(), now(),
           tstzrange(now(), now() + interval '1 hour'), 0, doctor_id, now(), now()
      FROM chosen
    """,
    """
    UPDATE booking SET status = 'accepted'
     WHERE id IN (SELECT id FROM chosen)
    """,
)
CHOSEN = """
SELECT b.id, b.patient_id, a.doctor_id FROM booking b
  JOIN assignment a ON a.booking_id = b.id AND a.released_at IS NULL
 ORDER BY a.assigned_at DESC LIMIT %s
"""


Seat = tuple[Actor, uuid.UUID]
Waiting = dict[str, asyncio.Future[None]]


def prepare(url: str) -> list[tuple[Seat, Seat]]:
    """Give calls of a copy a doctor each; name the seats of patient and doctor."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        with connection.transaction():
            for statement in PREPARE:
                connection.execute(statement)
        rows = connection.execute(CHOSEN, [CALLS]).fetchall()
    return [
        (
            (Actor(patient, Role.PATIENT, Via.API), booking),
            (Actor(doctor, Role.DOCTOR, Via.API), booking),
        )
        for booking, patient, doctor in rows
    ]


async def measure(app: Server, floor: Server, url: str) -> list[Line]:
    """Measure on a throw-away database that the application serves."""
    calls = prepare(url)
    if len(calls) < CALLS:
        raise RuntimeError("Too few open calls: nothing was measured")
    engine = make_engine(url, get_settings())
    chat = Chat(app.port, make_sessions(engine))
    try:
        idle = await _idle(chat, calls)
        return [await _delays(chat, calls), await _ratio(chat, floor, calls), idle]
    finally:
        await engine.dispose()


class Chat:
    """Opens sockets of the application for people who have signed in."""

    def __init__(self, port: int, sessions: Sessions) -> None:
        self.port, self.sessions = port, sessions

    async def open(self, seats: Sequence[Seat], heard: Heard) -> list[Socket]:
        """Open a socket for each seat; so many at once as a ticket lives."""
        sockets: list[Socket] = []
        for first in range(0, len(seats), AT_ONCE):
            paths = await self._paths(seats[first : first + AT_ONCE])
            sockets += [await opened(self.port, path, heard) for path in paths]
        return sockets

    async def _paths(self, seats: Sequence[Seat]) -> list[str]:
        paths = []
        async with transaction(self.sessions) as session:
            for actor, booking_id in seats:
                link = await refresh_tokens.begin(session, actor.user_id)
                ticket = await chat_tickets.issue(
                    session, actor, link.family_id, booking_id
                )
                path = f"/v1/bookings/{booking_id}/chat?ticket={ticket.token}"
                paths.append(path)
        return paths


async def _delays(chat: Chat, calls: Sequence[tuple[Seat, Seat]]) -> Line:
    """Let everybody say something each second or two; time each hearing of it."""
    delays: list[float] = []

    def heard(_: Socket, frame: Any) -> None:
        text = frame["message"]["text"] if frame["type"] == "message" else ""
        if text.startswith("at "):
            delays.append(time.perf_counter() - float(text[3:]))

    seats = [
        seat
        for patient, doctor in calls
        for seat in [patient] * OF_PATIENT + [doctor] * OF_DOCTOR
    ]
    sockets = await chat.open(seats, heard)
    await asyncio.sleep(2)
    each, names = len(sockets) // CALLS, count()
    for turn in range(TURNS):
        for place in range(CALLS):
            sender = sockets[place * each + (0 if turn % 2 else OF_PATIENT)]
            sender.send(_said(f"at {time.perf_counter()}", next(names)))
            await asyncio.sleep(PAUSE / CALLS)
    await asyncio.sleep(2)
    _hang_up(sockets)
    missed = TURNS * len(sockets) - len(delays)
    p95 = _p95(delays) if delays else float("inf")
    told = f"p95 {p95:.0f} ms, median {median(delays) * 1000:.0f} ms"
    return Line(
        f"chat: send → received, {len(sockets)} sockets in {CALLS} calls",
        told + (f", {missed} missed" if missed else ""),
        f"≤ {LIMIT_MS:.0f} ms",
        p95 <= LIMIT_MS and not missed,
    )


async def _ratio(chat: Chat, floor: Server, calls: Sequence[tuple[Seat, Seat]]) -> Line:
    """Measure in turns, so that a busy machine slows both alike."""
    waiting: Waiting = {}

    def heard(_: Socket, frame: Any) -> None:
        if frame["type"] == "error":
            waiting[frame["client_id"]].set_exception(RuntimeError(str(frame)))
        if frame["type"] == "ack":
            waiting.pop(frame["client_id"]).set_result(None)

    seats = [seat for call in calls for seat in call]
    ours = await chat.open(seats, heard)
    paths = [f"/chat?room={booking_id}" for _, booking_id in seats]
    theirs = [await opened(floor.port, path, heard) for path in paths]
    ratios, rates = [], []
    for turn in range(ROUNDS + 1):
        begun = time.monotonic()
        mine, lowest = await _rate(ours, waiting), await _rate(theirs, waiting)
        if turn > 0:
            ratios.append(mine / lowest)
            rates.append((mine, lowest))
        # Whoever has said so much has to be silent for a while.
        await asyncio.sleep(max(0.0, ROUND_SECONDS - time.monotonic() + begun))
    _hang_up(ours + theirs)
    ratio, (mine, lowest) = median(ratios), map(median, zip(*rates, strict=True))
    return Line(
        "chat: messages said : a bare socket and an insert",
        f"{ratio:.2f} ({mine:.0f}/s of {lowest:.0f}/s)",
        f"≥ {AT_LEAST}",
        ratio >= AT_LEAST,
    )


async def _rate(sockets: Sequence[Socket], waiting: Waiting) -> float:
    """Let each say one thing after the other, each when the one before is kept."""
    loop = asyncio.get_running_loop()

    async def talk(socket: Socket) -> None:
        for _ in range(EACH):
            name = uuid.uuid4().hex
            waiting[name] = loop.create_future()
            socket.send(_said("Температура спала, спасибо", name))
            await waiting[name]

    begun = time.perf_counter()
    await asyncio.gather(*map(talk, sockets))
    return len(sockets) * EACH / (time.perf_counter() - begun)


async def _idle(chat: Chat, calls: Sequence[tuple[Seat, Seat]]) -> Line:
    """Read over REST with no socket open, and with a thousand idle ones."""
    token = await signed_in(chat.port, data.patient_login(0), data.PASSWORD)
    wire = Wire(chat.port, {"authorization": f"Bearer {token}"})
    alone = await _reading(wire)
    sockets = await chat.open([patient for patient, _ in calls] * IDLE, lambda *_: None)
    await asyncio.sleep(2)
    beside = await _reading(wire)
    lost = sum(socket.closed is not None for socket in sockets)
    _hang_up(sockets)
    wire.close()
    slower = beside / alone
    return Line(
        f"REST p95 beside {len(sockets) - lost:,} idle sockets",
        f"{beside:.1f} ms ({alone:.1f} ms without, x{slower:.2f})",
        f"≤ x{SLOWER:.0f}",
        slower <= SLOWER and not lost,
    )


async def _reading(wire: Wire) -> float:
    taken = []
    for _ in range(READS):
        begun = time.perf_counter()
        demand(await wire.send("GET", "/v1/bookings"), 200)
        taken.append(time.perf_counter() - begun)
    return _p95(taken)


def _said(text: str, name: object) -> dict[str, str]:
    return {"type": "send", "text": text, "client_id": str(name)}


def _p95(taken: Sequence[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.95)] * 1000


def _hang_up(sockets: Sequence[Socket]) -> None:
    for socket in sockets:
        socket.close()
