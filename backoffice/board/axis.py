"""A doctor's day on the time axis, and what the doctor does now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backoffice.board.shapes import DoctorFacts, Kind, Visit
from services.clock import MOSCOW

STEP = 300
STEPS = 168
SPAN = STEP * STEPS
LATE = 600
DAY_FROM, NIGHT_FROM = 8, 20
AHEAD = frozenset({"assigned", "accepted"})


@dataclass
class Span:
    """One block on the axis: travel from `leave`, visit from `arrive` to `end`."""

    visit: Visit
    leave: int
    arrive: int
    end: int
    over: int = 0
    late: int = 0
    mates: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Doing:
    """What the second line of a doctor's row says, with its moment."""

    kind: Kind
    at: int = 0


def window_start(now: int, day: int) -> int:
    """Where the axis begins: 08:00 of the day, or 20:00 once the night is on."""
    moment = datetime.fromtimestamp(now, MOSCOW)
    midnight = datetime.fromtimestamp(day, MOSCOW)
    hour = DAY_FROM
    if moment.date() == midnight.date() and moment.hour >= NIGHT_FROM:
        hour = NIGHT_FROM
    if moment.date() == midnight.date() and moment.hour < DAY_FROM:
        hour = NIGHT_FROM - 24
    return int((midnight + timedelta(hours=hour)).timestamp())


def _actual(visit: Visit, free: int, now: int) -> Span:
    travel, stay = visit["start"] - visit["leave"], visit["end"] - visit["start"]
    if visit["ended"] is not None:
        arrive = visit["started"] or visit["start"]
        leave = visit["departed"] or arrive - travel
        return Span(visit, leave, arrive, max(visit["ended"], arrive))
    if visit["started"] is not None:
        arrive = visit["started"]
        end = max(arrive + stay, now)
        return Span(
            visit, visit["departed"] or arrive, arrive, end, end - arrive - stay
        )
    if visit["departed"] is not None:
        arrive = max(visit["departed"] + travel, now)
        return Span(visit, visit["departed"], arrive, arrive + stay)
    expected = max(visit["start"], free + travel, now + travel)
    late = expected - visit["start"]
    return Span(
        visit,
        visit["leave"],
        visit["start"],
        visit["end"],
        late=late if late >= LATE else 0,
    )


def timeline(visits: Sequence[Visit], now: int) -> list[Span]:
    """Lay the visits out: facts where there are any, else the plan.

    Calls at one stop are one block; a plan that the visits before it have
    already overrun is late.
    """
    spans: list[Span] = []
    free = 0
    for visit in visits:
        span = _actual(visit, free, now)
        last = spans[-1] if spans else None
        if last and last.visit["stop"] == visit["stop"]:
            last.mates.append(visit["number"])
            last.end = max(last.end, span.end)
        else:
            spans.append(span)
        free = max(free, span.end + span.late)
    return spans


def idle(doctor: DoctorFacts, opens: int, closes: int) -> list[tuple[int, int]]:
    """The spans in which the doctor does not work: known ones past, planned ones ahead.

    Without a plan, whoever is on duty stays so, and whoever is not does not come.
    """
    now, since = doctor["at"], doctor["duty_since"] or opens
    ahead = [(now, closes)] if doctor["on_duty"] else []
    if doctor["shifts"] is not None:
        ahead = [(max(a, now), b) for a, b in doctor["shifts"] if b > now]
    work = ([(since, now)] if doctor["on_duty"] else []) + ahead
    found, free_from = [], opens
    for begins, ends in work:
        if begins > free_from:
            found.append((free_from, min(begins, closes)))
        free_from = max(free_from, ends)
    return [*found, (free_from, closes)] if free_from < closes else found


def next_shift(doctor: DoctorFacts, now: int) -> int:
    """When the next shift of the day begins; 0 where none is known."""
    return next((begins for begins, _ in doctor["shifts"] or () if begins > now), 0)


def doing(doctor: DoctorFacts, spans: Sequence[Span], now: int) -> Doing:
    """Tell what the doctor does now, the most pressing thing first."""
    under_way = next((found for span in spans if (found := _under_way(span))), None)
    if under_way:
        return under_way
    if doctor["blocked"] or doctor["licence_until"] <= now:
        return Doing("block")
    ahead = (each for each in spans if each.visit["status"] in AHEAD)
    planned = next(ahead, None)
    if planned and planned.late:
        return Doing("late", planned.late)
    if planned and planned.visit["status"] == "assigned":
        return Doing("wait", planned.visit["assigned"])
    if not doctor["on_duty"]:
        return Doing("off", next_shift(doctor, now))
    ended = [span.end for span in spans if span.visit["ended"] is not None]
    return Doing("free", max([doctor["duty_since"] or 0, *ended]))


def _under_way(span: Span) -> Doing | None:
    if span.visit["status"] == "en_route":
        return Doing("road", span.arrive)
    if span.visit["status"] != "in_progress":
        return None
    return Doing("over", span.over) if span.over >= 60 else Doing("visit", span.end)


@dataclass(frozen=True)
class Cut:
    """A piece of the axis in columns of five minutes, and which edges are cut."""

    start: int
    width: int
    left: bool
    right: bool


def cut(first: int, last: int) -> Cut | None:
    """Keep what of the columns lies inside the window."""
    start, end = max(0, first), min(STEPS, last)
    return Cut(start, end - start, first < 0, last > STEPS) if end > start else None


def columns(
    leave: int, arrive: int, end: int, origin: int
) -> tuple[Cut | None, Cut | None]:
    """Travel and visit in columns: travel rounds outward, the visit to the nearest."""
    first = (leave - origin) // STEP
    middle = (arrive - origin + STEP // 2) // STEP
    last = max(middle + 1, (end - origin + STEP // 2) // STEP)
    return cut(first, max(middle, first)), cut(middle, last)
