"""Reading working plans: by doctor, for whoever has to know who works when."""

import uuid
from collections.abc import Iterable
from datetime import date, time

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services.working_hours import Hours, Stretch

# Rows as JSON carries them: weekday, begin, minutes; and day, begin, minutes.
WeekRow = tuple[int, str, int]
DayRow = tuple[str, str | None, int | None]

_HOURS = """
WITH since AS (
  SELECT coalesce(CAST(:since AS date),
                  CAST(timezone('Europe/Moscow', app_now()) AS date) - 1) AS day)
SELECT (SELECT json_agg(json_build_array(weekday, starts_at, minutes))
          FROM shift WHERE doctor_id = :doctor_id) AS week,
       (SELECT json_agg(json_build_array(day, starts_at, minutes))
          FROM shift_exception
         WHERE doctor_id = :doctor_id AND day >= since.day) AS days,
       (SELECT json_agg(day) FROM holiday WHERE day >= since.day) AS holidays
  FROM since
"""


def hours_from(
    week: Iterable[WeekRow] | None,
    days: Iterable[DayRow] | None,
    holidays: Iterable[str] | None,
) -> Hours:
    """Make a plan of its rows."""
    by_weekday: dict[int, list[Stretch]] = {}
    for weekday, begin, length in week or ():
        stretch = Stretch(time.fromisoformat(begin), length)
        by_weekday.setdefault(weekday, []).append(stretch)
    exceptions = {
        date.fromisoformat(day): _special(begin, minutes)
        for day, begin, minutes in days or ()
    }
    resting = frozenset(date.fromisoformat(day) for day in holidays or ())
    return Hours(by_weekday, exceptions, resting)


async def hours_of(
    session: AsyncSession, doctor_id: uuid.UUID, since: date | None = None
) -> Hours:
    """Read a doctor's plan with all exceptions and holidays since a day or yesterday."""
    values = {"doctor_id": doctor_id, "since": since}
    row = (await session.execute(sa.text(_HOURS), values)).one()
    return hours_from(row.week, row.days, row.holidays)


def _special(begin: str | None, minutes: int | None) -> Stretch | None:
    if begin is None or minutes is None:
        return None
    return Stretch(time.fromisoformat(begin), minutes)
