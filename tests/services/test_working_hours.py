"""A plan as moments: the same in Python and in SQL."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Holiday, Shift, ShiftException
from services.clock import MOSCOW
from services.working_hours import ALWAYS, Hours, Stretch, joined
from tests import factories

MONDAY = date(2026, 11, 30)
DAY, NIGHT = Stretch(time(9), 480), Stretch(time(22), 600)
WEEK = {0: [DAY], 1: [DAY, NIGHT], 4: [Stretch(time(9), 240), Stretch(time(13), 60)]}
EXCEPTIONS = {
    MONDAY + timedelta(days=7): None,
    MONDAY + timedelta(days=9): Stretch(time(20), 360),
}
HOLIDAYS = frozenset({MONDAY + timedelta(days=8), MONDAY + timedelta(days=9)})
PLANS = {
    "nothing": Hours(),
    "a week": Hours(WEEK),
    "a week with single days": Hours(WEEK, EXCEPTIONS),
    "a week with holidays": Hours(WEEK, {}, HOLIDAYS),
    "everything": Hours(WEEK, EXCEPTIONS, HOLIDAYS),
    "single days alone": Hours({}, EXCEPTIONS, HOLIDAYS),
}


def at(days: int, hour: int, minute: int = 0) -> datetime:
    day = MONDAY + timedelta(days=days)
    return datetime.combine(day, time(hour, minute), MOSCOW).astimezone(UTC)


SPANS = [
    (at(days, hour), at(days, hour) + timedelta(minutes=length))
    for days in (-1, 0, 1, 2, 4, 7, 8, 9, 10)
    for hour in (0, 7, 9, 12, 16, 21, 23)
    for length in (30, 90, 600)
]


async def kept(session: AsyncSession, plan: Hours) -> object:
    doctor = await factories.doctor(session)
    for weekday, stretches in plan.week.items():
        for each in stretches:
            row = Shift(doctor_id=doctor.id, weekday=weekday, starts_at=each.starts_at)
            row.minutes = each.minutes
            session.add(row)
    for day, special in plan.exceptions.items():
        exception = ShiftException(doctor_id=doctor.id, day=day)
        if special is not None:
            exception.starts_at = special.starts_at
            exception.minutes = special.minutes
        session.add(exception)
    for day in plan.holidays:
        session.add(Holiday(day=day, title="Праздник"))
    await session.flush()
    return doctor.id


@pytest.mark.parametrize("name", sorted(PLANS))
async def test_sql_and_python_agree_on_every_span(
    session: AsyncSession, name: str
) -> None:
    plan = PLANS[name]
    doctor = await kept(session, plan)
    works = sa.text("SELECT works_by_plan(:doctor, :opens, :closes)")
    for opens, closes in SPANS:
        said = await session.scalar(
            works, {"doctor": doctor, "opens": opens, "closes": closes}
        )
        assert said is plan.cover(opens, closes), (opens, closes)


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    plan = PLANS["a week"]
    assert plan.cover(at(1, 23), at(2, 7))
    assert not plan.cover(at(2, 7), at(2, 9))
    assert NIGHT.ends_at == time(8)


def test_hours_that_meet_are_one_and_only_those_that_touch_are_told() -> None:
    plan = PLANS["a week"]
    assert plan.between(at(4, 0), at(5, 0)) == [(at(4, 9), at(4, 14))]
    assert plan.cover(at(4, 12), at(4, 14))
    assert joined([(at(0, 3), at(0, 4)), (at(0, 1), at(0, 2))]) == [
        (at(0, 1), at(0, 2)),
        (at(0, 3), at(0, 4)),
    ]


def test_single_days_beat_the_week_and_holidays() -> None:
    plan = PLANS["everything"]
    assert not plan.cover(at(7, 10), at(7, 11))
    assert not plan.cover(at(8, 10), at(8, 11))
    assert plan.cover(at(9, 21), at(9, 23))


def test_without_a_plan_every_moment_is_open() -> None:
    assert not ALWAYS.limited
    assert ALWAYS.cover(at(0, 3), at(3, 3))
