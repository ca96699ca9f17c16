"""The board stays light: 300 calls and 200 doctors on one screen."""

import gzip
import json
import re
import time
from pathlib import Path

from backoffice.assets import STATIC
from backoffice.board import paint
from backoffice.board.shapes import Facts, Snapshot
from tests.backoffice.board.test_axis import MIDNIGHT, NOW, doctor, visit
from tests.backoffice.board.test_paint import call

BOARD = STATIC / "board"
KB = 1024


def busy_day() -> Snapshot:
    hours = [
        visit(
            "completed",
            NOW - hour * 3600,
            started=NOW - hour * 3600,
            ended=NOW - hour * 3600 + 2400,
        )
        for hour in (5, 4, 3)
    ]
    day = [
        *hours,
        visit("in_progress", NOW - 600, started=NOW - 600),
        visit("accepted", NOW + 7200),
    ]
    calls = [
        call(
            id=f"01a20b82-26e7-7acf-972b-{n:012d}",
            number=1000 + n,
            gist="Температура 39,6, кашель, больно глотать",
        )
        for n in range(300)
    ]
    facts: Facts = {
        "now": NOW,
        "seq": 1,
        "day": MIDNIGHT,
        "calls": calls,
        "doctors": [
            doctor(*day, id=f"01a20b82-26e7-7acf-972b-{n:012d}") for n in range(200)
        ],
        "watchers": [],
        "counts": {"completed": 0, "cancelled": 0},
        "outages": [],
    }
    return paint.snapshot(facts)


def size(row: object) -> int:
    return len(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode())


def test_rows_and_events_are_small() -> None:
    snapshot = busy_day()
    rows = "".join(row["html"] for row in (*snapshot["calls"], *snapshot["doctors"]))
    assert len(rows.encode()) < 500 * KB
    assert len(gzip.compress(rows.encode(), 5)) < 70 * KB
    assert len(re.findall(r"<[a-z]", rows)) < 11_500
    assert max(size(row) for row in snapshot["calls"]) < 2 * KB
    assert max(size(row) for row in snapshot["doctors"]) < 3 * KB


def drawing() -> float:
    began = time.process_time()
    busy_day()
    return time.process_time() - began


def test_drawing_everything_takes_a_blink() -> None:
    # The best of five: a collection of everybody's garbage is not the board's cost.
    assert min(drawing() for _ in range(5)) < 0.25


def test_scripts_and_styles_keep_to_their_size() -> None:
    scripts = [path.read_bytes() for path in BOARD.glob("*.js")]
    styles = [path.read_bytes() for path in BOARD.glob("*.css")]
    assert sum(len(gzip.compress(each, 6)) for each in scripts) < 30 * KB
    assert sum(map(len, styles)) < 45 * KB


def test_files_stay_short() -> None:
    long: list[Path] = [
        path
        for path in (*BOARD.glob("*.js"), *BOARD.glob("*.css"))
        if len(path.read_text().splitlines()) > 300
    ]
    assert long == []
