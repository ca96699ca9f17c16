"""What a doctor's day looks like, counted from plans and facts."""

from typing import Any, cast

import pytest

from backoffice.board import axis
from backoffice.board.shapes import DoctorFacts, Visit

# 24 November 2026, 14:00 in Moscow, and the midnight before.
NOW = 1_795_518_000
MIDNIGHT = NOW - 14 * 3600
MINUTE = 60


def visit(status: str = "assigned", start: int = NOW, **facts: Any) -> Visit:
    made: dict[str, Any] = {
        "call": "c",
        "number": 1001,
        "status": status,
        "stop": str(start),
        "leave": start - 20 * MINUTE,
        "start": start,
        "end": start + 40 * MINUTE,
        "assigned": start - 30 * MINUTE,
        "departed": None,
        "started": None,
        "ended": None,
    }
    return cast("Visit", made | facts)


def doctor(*visits: Visit, **facts: Any) -> DoctorFacts:
    made: dict[str, Any] = {
        "id": "d",
        "seq": 1,
        "at": NOW,
        "name": "Орлов Д. А.",
        "initials": "ОД",
        "feminine": False,
        "specs": ["therapist"],
        "on_duty": True,
        "duty_since": NOW - 6 * 3600,
        "blocked": False,
        "licence_until": NOW + 86_400,
        "lat": None,
        "lon": None,
        "position_at": None,
        "visits": list(visits),
        "shifts": None,
    }
    return cast("DoctorFacts", made | facts)


def doing(*visits: Visit, **facts: Any) -> axis.Doing:
    return axis.doing(doctor(*visits, **facts), axis.timeline(visits, NOW), NOW)


def test_facts_stand_over_the_plan() -> None:
    ended = visit(
        "completed",
        NOW - 3600,
        departed=NOW - 4000,
        started=NOW - 3300,
        ended=NOW - 600,
    )
    (span,) = axis.timeline([ended], NOW)
    assert (span.leave, span.arrive, span.end) == (NOW - 4000, NOW - 3300, NOW - 600)


def test_a_completed_visit_without_stamps_keeps_its_plan() -> None:
    (span,) = axis.timeline([visit("completed", NOW - 7200, ended=NOW - 100)], NOW)
    assert (span.leave, span.arrive) == (NOW - 7200 - 1200, NOW - 7200)


def test_who_is_on_the_way_arrives_no_earlier_than_now() -> None:
    (span,) = axis.timeline([visit("en_route", NOW - 60, departed=NOW - 7200)], NOW)
    assert span.arrive == NOW


def test_a_visit_that_runs_on_grows_with_the_clock() -> None:
    (span,) = axis.timeline([visit("in_progress", started=NOW - 3000)], NOW)
    assert (span.end, span.over) == (NOW, 600)


def test_an_overrun_makes_the_next_visit_late() -> None:
    long = visit("in_progress", NOW - 7200, started=NOW - 7000)
    tight = visit("accepted", NOW + 300, leave=NOW)
    later = visit("accepted", NOW + 7200)
    _, second, third = axis.timeline([long, tight, later], NOW)
    assert second.late == 0
    assert third.late == 0
    tight["start"], tight["leave"] = NOW - 600, NOW - 1500
    assert axis.timeline([long, tight], NOW)[1].late == 600 + 900


def test_calls_at_one_stop_are_one_block() -> None:
    first = visit(start=NOW + 3600, stop="s")
    second = visit(start=NOW + 3600, stop="s", number=1002, end=NOW + 9000)
    (span,) = axis.timeline([first, second], NOW)
    assert (span.mates, span.end) == ([1002], NOW + 9000)


@pytest.mark.parametrize(
    ("visits", "facts", "kind"),
    [
        ((), {}, "free"),
        ((), {"on_duty": False}, "off"),
        ((), {"blocked": True}, "block"),
        ((), {"licence_until": NOW}, "block"),
        ((visit("en_route", departed=NOW),), {"blocked": True}, "road"),
        ((visit("in_progress", started=NOW - 60),), {}, "visit"),
        ((visit("in_progress", started=NOW - 6000),), {}, "over"),
        ((visit("assigned", NOW + 3600),), {}, "wait"),
        ((visit("accepted", NOW + 3600),), {}, "free"),
        ((visit("accepted", NOW - 3600),), {}, "late"),
    ],
)
def test_the_most_pressing_thing_is_said(
    visits: tuple[Visit, ...], facts: dict[str, Any], kind: str
) -> None:
    assert doing(*visits, **facts).kind == kind


def test_free_since_the_last_visit() -> None:
    past = visit("completed", NOW - 7200, started=NOW - 7200, ended=NOW - 900)
    assert doing(past).at == NOW - 900


@pytest.mark.parametrize(("hour", "starts"), [(14, 8), (21, 20), (3, -4)])
def test_the_night_has_a_window_of_its_own(hour: int, starts: int) -> None:
    now = MIDNIGHT + hour * 3600
    assert axis.window_start(now, MIDNIGHT) == MIDNIGHT + starts * 3600


def test_another_day_begins_at_eight() -> None:
    tomorrow = MIDNIGHT + 86_400
    assert axis.window_start(NOW, tomorrow) == tomorrow + 8 * 3600


def test_bars_are_cut_at_the_edges_of_the_window() -> None:
    origin = MIDNIGHT + 8 * 3600
    trip, bar = axis.columns(origin - 900, origin - 300, origin + 900, origin)
    assert trip is None
    assert bar == axis.Cut(0, 3, left=True, right=False)
    last = origin + axis.SPAN
    trip, bar = axis.columns(last - 601, last - 300, last + 900, origin)
    assert trip == axis.Cut(165, 2, left=False, right=False)
    assert bar == axis.Cut(167, 1, left=False, right=True)


HOUR = 3600
OPENS, CLOSES = NOW - 6 * HOUR, NOW + 8 * HOUR


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        ({"duty_since": NOW - 2 * HOUR}, [(-6, -2)]),
        ({"on_duty": False}, [(-6, 8)]),
        ({"on_duty": False, "shifts": [(2, 5)]}, [(-6, 2), (5, 8)]),
        ({"on_duty": False, "shifts": [(-9, -2), (2, 5), (6, 9)]}, [(-6, 2), (5, 6)]),
        ({"duty_since": NOW - 2 * HOUR, "shifts": [(-2, 3)]}, [(-6, -2), (3, 8)]),
        ({"duty_since": NOW - 2 * HOUR, "shifts": []}, [(-6, -2), (0, 8)]),
        ({"on_duty": False, "shifts": [(9, 12)]}, [(-6, 8)]),
        ({"shifts": [(-6, 8)], "duty_since": None}, []),
    ],
)
def test_past_work_is_known_by_the_duty_and_what_comes_by_the_plan(
    facts: dict[str, Any], expected: list[tuple[int, int]]
) -> None:
    spans = facts.get("shifts")
    if spans is not None:
        facts = facts | {"shifts": [(NOW + a * HOUR, NOW + b * HOUR) for a, b in spans]}
    found = axis.idle(doctor(**facts), OPENS, CLOSES)
    assert [((a - NOW) // HOUR, (b - NOW) // HOUR) for a, b in found] == expected


def test_whoever_is_off_says_when_the_shift_begins() -> None:
    shifts = [(NOW - 5 * HOUR, NOW - HOUR), (NOW + HOUR, NOW + 4 * HOUR)]
    assert doing(on_duty=False, shifts=shifts) == axis.Doing("off", NOW + HOUR)
    assert doing(on_duty=False, shifts=shifts[:1]) == axis.Doing("off")
