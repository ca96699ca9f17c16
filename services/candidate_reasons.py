"""What speaks for and against a doctor, in minutes and in words.

Everything is weighed in minutes of waiting: a doctor who has seen the patient may
come ten minutes later and still be the better choice.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from models.specialization import Specialization
from services import stale
from services.clock import MOSCOW
from services.eligibility import Doctor
from services.i18n import Lazy, gettext, ngettext
from services.planning import Plan, Point

WISHED_MINUTES, SEEN_MINUTES, LANGUAGE_MINUTES = 15.0, 10.0, 8.0
STAR_MINUTES, GOOD_RATING, POOR_RATING = 6.0, 4.5, 3.5
VISIT_TODAY_MINUTES, MANY_TODAY = 2.0, 6
DECLINE_MINUTES, SHORT_REST_MINUTES = 3.0, 4.0
STALE_AFTER, VERY_STALE_AFTER = timedelta(minutes=15), timedelta(minutes=60)
STALE_MINUTES, VERY_STALE_MINUTES = 4.0, 10.0
SHORT_REST, LONG_REST = timedelta(minutes=10), timedelta(hours=1)
LICENCE_WARNING = timedelta(days=30)
NEAR_MINUTES = 15

TEXTS: Mapping[str, Lazy] = {
    "wished": Lazy("asked for by the patient"),
    "seen": Lazy("saw this patient before"),
    "near": Lazy("{count} min away"),
    "far": Lazy("{count} min away"),
    "free": Lazy("free now"),
    "busy_before": Lazy("free at {time}"),
    "after_window": Lazy("only at {time}, later than wanted"),
    "main_specialization": Lazy("this is their main specialization"),
    "other_specialization": Lazy("this is not their main specialization"),
    "rating": Lazy("rating {rating}"),
    "low_rating": Lazy("rating {rating}"),
    "no_visits": Lazy("no visits today yet"),
    "short_rest": Lazy("last visit ended {ago}"),
    "rested": Lazy("last visit ended {ago}"),
    "language": Lazy("speaks the patient's language"),
    "no_language": Lazy("does not speak the patient's language"),
    "no_position": Lazy("position unknown, counted from home"),
    "stale_position": Lazy("position from {ago}"),
    "papers_end": Lazy("papers valid until {day}"),
}


@dataclass(frozen=True)
class Mark:
    """One reason: a stable code, what it weighs in minutes, and one fact."""

    code: str
    minutes: float
    fact: Any = None

    @property
    def text(self) -> str:
        """The reason in a few words of the reader's language."""
        if self.code in {"some_visits", "many_visits"}:
            return ngettext("{count} visit today", "{count} visits today", self.fact)
        if self.code == "declines":
            one, many = "declined {count} call lately", "declined {count} calls lately"
            return ngettext(one, many, self.fact)
        return gettext(TEXTS[self.code], **_shown(self.fact))


def _shown(fact: Any) -> dict[str, Any]:
    if isinstance(fact, datetime):
        return {"time": f"{fact.astimezone(MOSCOW):%H:%M}"}
    if isinstance(fact, date):
        return {"day": f"{fact:%d.%m.%Y}"}
    if isinstance(fact, timedelta):
        return {"ago": stale.time_ago(int(fact.total_seconds()))}
    if isinstance(fact, float):
        return {"rating": f"{fact:.1f}"}
    return {} if fact is None else {"count": fact}


@dataclass(frozen=True)
class Call:
    """The call with what the weighing needs to know around it."""

    booking_id: uuid.UUID
    patient_id: uuid.UUID
    specialization: Specialization
    point: Point | None
    wanted_from: datetime | None
    wanted_to: datetime | None
    wished: uuid.UUID | None
    stop_id: uuid.UUID
    now: datetime
    visit_minutes: int
    locale: str
    declined: tuple[uuid.UUID, ...]
    holidays: tuple[str, ...] = ()
    clinic_id: uuid.UUID | None = None

    @property
    def base(self) -> datetime:
        """The first moment that would do."""
        return max(self.now, self.wanted_from or self.now)


@dataclass(frozen=True)
class Facts:
    """One doctor who can come, with everything the weighing looks at."""

    row: Any
    doctor: Doctor
    plan: Plan
    call: Call


@dataclass(frozen=True)
class Weight:
    """The verdict: the cost in minutes, and the reasons, the strongest first."""

    cost: float
    reasons_for: tuple[Mark, ...]
    reasons_against: tuple[Mark, ...]


def weigh(facts: Facts) -> Weight:
    """Add up what all the looks say."""
    found = [mark for look in LOOKS for mark in look(facts)]
    found.sort(key=lambda mark: -abs(mark.minutes))
    cost = (facts.plan.start - facts.call.base).total_seconds() / 60
    return Weight(
        cost + sum(mark.minutes for mark in found),
        tuple(mark for mark in found if mark.minutes <= 0),
        tuple(mark for mark in found if mark.minutes > 0),
    )


Look = Iterator[Mark]


def _wish(facts: Facts) -> Look:
    if facts.doctor.doctor_id == facts.call.wished:
        yield Mark("wished", -WISHED_MINUTES)


def _seen(facts: Facts) -> Look:
    if facts.row.seen:
        yield Mark("seen", -SEEN_MINUTES)


def _way(facts: Facts) -> Look:
    minutes = facts.plan.travel_minutes
    if facts.doctor.origin is None or facts.call.point is None:
        return
    if minutes <= NEAR_MINUTES:
        yield Mark("near", -1.0, minutes)
    else:
        yield Mark("far", 0.01 * minutes, minutes)


def _start(facts: Facts) -> Look:
    start, wanted_to = facts.plan.start, facts.call.wanted_to
    if not facts.row.busy:
        yield Mark("free", -0.5)
    elif facts.plan.opens > facts.call.now:
        yield Mark("busy_before", 0.5, facts.plan.opens)
    if wanted_to is not None and start > wanted_to:
        yield Mark("after_window", (start - wanted_to).total_seconds() / 60, start)


def _specialization(facts: Facts) -> Look:
    if facts.doctor.specializations[0] == facts.call.specialization:
        yield Mark("main_specialization", -0.2)
    else:
        yield Mark("other_specialization", 1.0)


def _rating(facts: Facts) -> Look:
    if facts.row.rating is None:
        return
    rating = float(facts.row.rating)
    minutes = (GOOD_RATING - rating) * STAR_MINUTES
    if rating >= GOOD_RATING:
        yield Mark("rating", minutes, rating)
    elif rating < POOR_RATING:
        yield Mark("low_rating", minutes, rating)


def _load(facts: Facts) -> Look:
    visits = facts.row.today
    if visits == 0:
        yield Mark("no_visits", -VISIT_TODAY_MINUTES)
    elif visits >= MANY_TODAY:
        yield Mark("many_visits", visits * VISIT_TODAY_MINUTES, visits)
    else:
        yield Mark("some_visits", -0.1, visits)


def _rest(facts: Facts) -> Look:
    if facts.row.last_end is None:
        return
    rest = facts.call.now - facts.row.last_end
    if rest < SHORT_REST:
        yield Mark("short_rest", SHORT_REST_MINUTES, rest)
    elif rest > LONG_REST:
        yield Mark("rested", -0.3, rest)


def _language(facts: Facts) -> Look:
    if facts.call.locale == "ru":
        return
    if facts.call.locale in facts.row.languages:
        yield Mark("language", -LANGUAGE_MINUTES)
    else:
        yield Mark("no_language", LANGUAGE_MINUTES)


def _declines(facts: Facts) -> Look:
    if facts.row.declines:
        yield Mark("declines", facts.row.declines * DECLINE_MINUTES, facts.row.declines)


def _position(facts: Facts) -> Look:
    if facts.row.position_at is None:
        yield Mark("no_position", STALE_MINUTES)
        return
    age = facts.call.now - facts.row.position_at
    if age > STALE_AFTER:
        minutes = VERY_STALE_MINUTES if age > VERY_STALE_AFTER else STALE_MINUTES
        yield Mark("stale_position", minutes, age)


def _licence(facts: Facts) -> Look:
    last = facts.doctor.valid_until
    if last <= (facts.call.now + LICENCE_WARNING).date():
        yield Mark("papers_end", 0.2, last)


LOOKS: tuple[Callable[[Facts], Look], ...] = (
    _wish,
    _seen,
    _way,
    _start,
    _specialization,
    _rating,
    _load,
    _rest,
    _language,
    _declines,
    _position,
    _licence,
)
