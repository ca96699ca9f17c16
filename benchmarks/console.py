"""Pages of the console: the list of calls and the board, a million against few."""

import time
from statistics import median
from urllib.parse import quote

from benchmarks import data
from benchmarks.servers import Server
from benchmarks.table import Line
from benchmarks.wire import Wire, as_staff, demand

TIMES, WARM = 40, 5
LIST = "/admin/booking/list"
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


async def median_ms(wire: Wire, path: str, times: int = TIMES) -> float:
    """How long a page takes, one request after the other."""
    taken = []
    for turn in range(times + WARM):
        begun = time.perf_counter()
        answer = await wire.send("GET", path, accept="text/html")
        if turn >= WARM:
            taken.append((time.perf_counter() - begun) * 1000)
        demand(answer, 200)
    return median(taken)


async def lists(big: Server, small: Server) -> list[Line]:
    """Measure the same pages on both databases."""
    many = await as_staff(big.port, data.DISPATCHER, data.PASSWORD)
    few = await as_staff(small.port, data.DISPATCHER, data.PASSWORD)
    lines = []
    for name, (path, limit) in PAGES.items():
        slow, fast = await median_ms(many, path), await median_ms(few, path)
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
    """Measure the board with three hundred open calls among a million."""
    wire = await as_staff(big.port, data.DISPATCHER, data.PASSWORD)
    taken = await median_ms(wire, "/admin/board")
    return [
        Line(
            "board, 300 open calls of 1,000,000",
            f"{taken:.1f} ms",
            f"≤ {BOARD_MS:.0f} ms",
            taken <= BOARD_MS,
        )
    ]
