"""Pages of the console: the list of calls and the board, a million against few."""

import json
import time
from statistics import median
from urllib.parse import quote

from benchmarks import data
from benchmarks.servers import Server
from benchmarks.table import Line
from benchmarks.wire import JSON, Wire, as_staff, demand, signed_in

TIMES, WARM = 40, 5
LIST = "/admin/calls/list"
# What is asked, and at most how many milliseconds it may take.
PAGES = {
    "list": (LIST, 20.0),
    "filter by status": (f"{LIST}?status=completed", 20.0),
    "search by number": (f"{LIST}?search=B-5005", 40.0),
    "search by address": (f"{LIST}?search={quote('Тверская улица, д. 12')}", 40.0),
    "search by name": (f"{LIST}?search={quote('Орлова Анна')}", 40.0),
    "search by phone": (f"{LIST}?search={quote('8 (916) 123')}", 40.0),
}
RATIO = 1.5
BOARD_MS = 60.0


async def medians_ms(path: str, *wires: Wire) -> list[float]:
    """How long a page takes; servers take turns, so that noise meets them alike."""
    taken: list[list[float]] = [[] for _ in wires]
    for turn in range(TIMES + WARM):
        for wire, mine in zip(wires, taken, strict=True):
            begun = time.perf_counter()
            answer = await wire.send("GET", path, accept="text/html")
            if turn >= WARM:
                mine.append((time.perf_counter() - begun) * 1000)
            demand(answer, 200)
    return [median(each) for each in taken]


async def lists(big: Server, small: Server) -> list[Line]:
    """Measure the same pages on both databases."""
    many = await as_staff(big.port, data.DISPATCHER, data.PASSWORD)
    few = await as_staff(small.port, data.DISPATCHER, data.PASSWORD)
    lines = []
    for name, (path, limit) in PAGES.items():
        slow, fast = await medians_ms(path, many, few)
        ratio = slow / fast
        lines.append(
            Line(
                f"calls: {name}, 1,000,000 (10,000)",
                f"{slow:.1f} ms ({fast:.1f} ms, x{ratio:.2f})",
                f"≤ {limit:.0f} ms, x{RATIO}",
                slow <= limit and ratio <= RATIO,
            )
        )
    return lines


async def board(big: Server) -> list[Line]:
    """Measure the board with three hundred open calls among a million.

    Readers of an unchanged board share one drawing, so a doctor moves before each
    request: every page is read and drawn anew.
    """
    wire = await as_staff(big.port, data.DISPATCHER, data.PASSWORD)
    token = await signed_in(big.port, data.doctor_login(1), data.PASSWORD)
    doctor = Wire(big.port, {"authorization": f"Bearer {token}", "content-type": JSON})
    [shared] = await medians_ms("/admin/board", wire)
    taken = []
    for turn in range(TIMES + WARM):
        place = {"latitude": 55.7 + turn / 1000, "longitude": 37.6}
        moved = await doctor.send("PUT", "/v1/me/position", json.dumps(place).encode())
        demand(moved, 204)
        begun = time.perf_counter()
        demand(await wire.send("GET", "/admin/board", accept="text/html"), 200)
        taken.append((time.perf_counter() - begun) * 1000)
    drawn = median(taken[WARM:])
    return [
        Line(
            "board, 300 open calls of 1,000,000",
            f"{drawn:.1f} ms ({shared:.1f} ms when nothing has changed)",
            f"≤ {BOARD_MS:.0f} ms",
            drawn <= BOARD_MS,
        )
    ]
