"""The board reads shifts as the plan has them, and hatches the rest."""

from datetime import time, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.board import paint, reading
from models import User
from services import clock, shifts
from services.shift_inputs import ExceptionInput, ShiftInput
from tests import factories
from tests.factories import as_doctor

DAY = timedelta(days=1)


async def shown(session: AsyncSession, doctor: User) -> list[tuple[int, int]] | None:
    day = await clock.today(session) + DAY
    [facts] = await reading.doctors(session, day, [doctor.id])
    return facts["shifts"]


async def test_a_day_is_read_with_its_week_and_its_exception(
    session: AsyncSession,
) -> None:
    doctor = await factories.doctor(session)
    me, tomorrow = as_doctor(doctor), await clock.today(session) + DAY
    assert await shown(session, doctor) is None
    week = [ShiftInput(weekday=tomorrow.weekday(), starts_at=time(9), ends_at=time(17))]
    await shifts.set_plan(session, me, week)
    nine = int(reading.midnight(tomorrow).timestamp()) + 9 * 3600
    assert await shown(session, doctor) == [(nine, nine + 8 * 3600)]
    off = ExceptionInput()
    await shifts.set_exception(session, me, tomorrow, off)
    assert await shown(session, doctor) == []
    evening = ExceptionInput(starts_at=time(20), ends_at=time(2))
    await shifts.set_exception(session, me, tomorrow, evening)
    assert await shown(session, doctor) == [(nine + 11 * 3600, nine + 17 * 3600)]


async def test_what_lies_outside_the_shift_is_hatched(session: AsyncSession) -> None:
    doctor = await factories.doctor(session, on_duty=False)
    tomorrow = await clock.today(session) + DAY
    week = [
        ShiftInput(weekday=tomorrow.weekday(), starts_at=time(10), ends_at=time(20))
    ]
    await shifts.set_plan(session, as_doctor(doctor), week)
    [facts] = await reading.doctors(session, tomorrow, [doctor.id])
    row = paint.doctor_row(facts, int(reading.midnight(tomorrow).timestamp()))
    # The axis runs from 08:00 to 22:00 in steps of five minutes.
    assert 'class="offd s0 w24"' in row["html"]
    assert 'class="offd s144 w24"' in row["html"]
    assert row["html"].count("offd") == 2
