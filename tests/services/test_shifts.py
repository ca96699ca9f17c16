"""Working plans: set, read, and obeyed by whoever assigns."""

from datetime import datetime, time, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Booking, DoctorState, User
from models.booking_words import CallType
from services import (
    assignments,
    clock,
    duty,
    holidays,
    planned_duty,
    shifts,
    staff,
    visits,
)
from services.actor import Actor
from services.candidates import candidates
from services.clock import MOSCOW
from services.database import Sessions
from services.edges import transaction
from services.errors import (
    Conflict,
    DoctorNotEligible,
    Forbidden,
    NotFound,
    ValidationFailed,
)
from services.holidays import HolidayInput
from services.plain_tables import ChangedMeanwhile
from services.shift_inputs import ExceptionInput, ShiftInput
from services.shifts import Plan
from tests import factories
from tests.factories import as_doctor, as_patient, as_staff

DAY = timedelta(days=1)


def shift(weekday: int, begins: str, ends: str) -> ShiftInput:
    return ShiftInput(
        weekday=weekday,
        starts_at=time.fromisoformat(begins),
        ends_at=time.fromisoformat(ends),
    )


def daily(begins: str, ends: str) -> list[ShiftInput]:
    return [shift(day, begins, ends) for day in range(7)]


def hours(begins: str | None = None, ends: str | None = None) -> ExceptionInput:
    return ExceptionInput.model_validate({"starts_at": begins, "ends_at": ends})


def told(plan: Plan) -> list[tuple[int, str, int]]:
    return [(row.weekday, f"{row.starts_at:%H:%M}", row.minutes) for row in plan.week]


async def at(session: AsyncSession, days: int, hour: int, minute: int = 0) -> datetime:
    day = await clock.today(session) + days * DAY
    return datetime.combine(day, time(hour, minute), MOSCOW)


@pytest.fixture
async def dispatcher(session: AsyncSession) -> Actor:
    return as_staff(await factories.dispatcher(session))


@pytest.fixture
async def doctor(session: AsyncSession) -> User:
    return await factories.doctor(session, on_duty=False)


async def later(session: AsyncSession, days: int, hour: int) -> Booking:
    """A scheduled call for two hours of a day to come."""
    begins = await at(session, days, hour)
    return await factories.booking(
        session,
        call_type=CallType.SCHEDULED,
        wanted_from=begins,
        wanted_to=begins + timedelta(hours=2),
    )


# -- the week ------------------------------------------------------------------


async def test_a_week_is_replaced_and_the_journal_has_both(
    session: AsyncSession, doctor: User
) -> None:
    me = as_doctor(doctor)
    assert (await shifts.plan(session, me)).week == []
    await shifts.set_plan(session, me, [shift(4, "20:00", "08:00")])
    made = await shifts.set_plan(
        session, me, [shift(1, "13:00", "17:00"), shift(1, "09:00", "13:00")]
    )
    assert told(made) == [(1, "09:00", 240), (1, "13:00", 240)]
    again = await shifts.set_plan(
        session, me, [shift(1, "09:00", "13:00"), shift(1, "13:00", "17:00")]
    )
    assert again.mark == made.mark
    query = select(AuditEvent.data).where(col(AuditEvent.action) == "doctor.plan_set")
    lines = (await session.exec(query.order_by(col(AuditEvent.id)))).all()
    assert lines[1:] == [
        {"before": ["4 20:00-08:00"], "after": ["1 09:00-13:00", "1 13:00-17:00"]}
    ]
    assert (await shifts.set_plan(session, me, [])).week == []


@pytest.mark.parametrize(
    "week",
    [
        [shift(0, "09:00", "17:00"), shift(0, "16:59", "18:00")],
        [shift(6, "20:00", "08:00"), shift(0, "07:00", "09:00")],
        [shift(3, "09:00", "09:00"), shift(3, "12:00", "13:00")],
        [shift(2, "22:00", "06:00"), shift(3, "05:00", "06:30")],
    ],
)
async def test_shifts_may_meet_but_not_overlap_across_midnight_and_the_week(
    session: AsyncSession, doctor: User, week: list[ShiftInput]
) -> None:
    with pytest.raises(ValidationFailed, match=r".*"):
        await shifts.set_plan(session, as_doctor(doctor), week)
    meeting = [shift(6, "20:00", "08:00"), shift(0, "08:00", "20:00")]
    assert len((await shifts.set_plan(session, as_doctor(doctor), meeting)).week) == 2


async def test_more_shifts_than_a_week_has_are_refused(
    session: AsyncSession, doctor: User
) -> None:
    many = [shift(n % 7, f"{n // 7:02}:00", f"{n // 7:02}:30") for n in range(29)]
    with pytest.raises(ValidationFailed):
        await shifts.set_plan(session, as_doctor(doctor), many)


async def test_of_two_open_forms_the_second_does_not_win(
    session: AsyncSession, doctor: User, dispatcher: Actor
) -> None:
    seen = (await shifts.plan(session, dispatcher, doctor.id)).mark
    await shifts.set_plan(session, as_doctor(doctor), daily("09:00", "17:00"))
    with pytest.raises(ChangedMeanwhile):
        await shifts.set_plan(session, dispatcher, [], doctor.id, seen)
    now = (await shifts.plan(session, dispatcher, doctor.id)).mark
    await shifts.set_plan(session, dispatcher, [], doctor.id, now)


async def test_doctors_plan_for_themselves_and_staff_says_for_whom(
    session: AsyncSession, doctor: User, dispatcher: Actor
) -> None:
    other = await factories.doctor(session)
    with pytest.raises(Forbidden):
        await shifts.plan(session, as_doctor(doctor), other.id)
    for nobody in (None, factories.nobody(), dispatcher.user_id):
        with pytest.raises(NotFound):
            await shifts.set_plan(session, dispatcher, [], nobody)
    with pytest.raises(Forbidden):
        await shifts.plan(session, as_patient(doctor), doctor.id)


@pytest.mark.parametrize(
    "facts",
    [
        {"weekday": 7, "starts_at": "09:00", "ends_at": "10:00"},
        {"weekday": "1", "starts_at": "09:00", "ends_at": "10:00"},
        {"weekday": 1, "starts_at": "09:00:30", "ends_at": "10:00"},
        {"weekday": 1, "starts_at": "09:00Z", "ends_at": "10:00"},
        {"weekday": 1, "starts_at": "09:00"},
        {"weekday": 1, "starts_at": "09:00", "ends_at": "10:00", "doctor_id": "x"},
    ],
)
def test_a_shift_that_makes_no_sense_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        ShiftInput.model_validate(facts)


def test_a_single_day_has_both_ends_or_none() -> None:
    with pytest.raises(ValueError, match="validation error"):
        hours("09:00")
    with pytest.raises(ValueError, match="validation error"):
        hours("09:00:01", "10:00")
    assert hours().stretch is None
    night = hours("20:00", "08:00").stretch
    assert night is not None
    assert (night.minutes, night.ends_at) == (720, time(8))


# -- single days and holidays --------------------------------------------------


async def test_a_day_is_set_changed_and_taken_back(
    session: AsyncSession, doctor: User
) -> None:
    me, day = as_doctor(doctor), await clock.today(session) + DAY
    await shifts.set_exception(session, me, day, hours("10:00", "12:00"))
    row = await shifts.set_exception(session, me, day, hours())
    assert row.minutes is None
    plan = await shifts.plan(session, me)
    assert [each.day for each in plan.exceptions] == [day]
    await shifts.remove_exception(session, me, day)
    with pytest.raises(NotFound):
        await shifts.remove_exception(session, me, day)
    query = select(AuditEvent.data).where(
        col(AuditEvent.action) == "doctor.exception_set"
    )
    lines = (await session.exec(query.order_by(col(AuditEvent.id)))).all()
    assert [each["hours"] for each in lines] == ["10:00-12:00", ""]


@pytest.mark.parametrize("days", [-1, 731])
async def test_what_is_past_or_years_ahead_cannot_be_set(
    session: AsyncSession, doctor: User, days: int
) -> None:
    day = await clock.today(session) + days * DAY
    with pytest.raises(ValidationFailed):
        await shifts.set_exception(session, as_doctor(doctor), day, hours())


async def test_holidays_are_added_once_and_removed(session: AsyncSession) -> None:
    curator = as_staff(await factories.person(session), factories.Role.CURATOR)
    today = await clock.today(session)
    new = HolidayInput(day=today + DAY, title="День врача")
    made = await holidays.add(session, curator, new)
    with pytest.raises(Conflict):
        await holidays.add(session, curator, new)
    with pytest.raises(ValidationFailed):
        await holidays.add(session, curator, HolidayInput(day=today - DAY, title="x"))
    with pytest.raises(Forbidden):
        await holidays.add(session, as_staff(await factories.dispatcher(session)), new)
    assert [row.title for row in await holidays.upcoming(session)] == ["День врача"]
    await clock.shift(session, 86400 * 3)
    with pytest.raises(ValidationFailed):
        await holidays.remove(session, curator, made.id)
    await clock.shift(session, 0)
    await holidays.remove(session, curator, made.id)
    with pytest.raises(NotFound):
        await holidays.remove(session, curator, made.id)


async def test_the_plan_reckons_with_days_and_holidays(
    session: AsyncSession, doctor: User
) -> None:
    curator = as_staff(await factories.person(session), factories.Role.CURATOR)
    me, today = as_doctor(doctor), await clock.today(session)
    await shifts.set_plan(session, me, daily("09:00", "17:00"))
    await shifts.set_exception(session, me, today + DAY, hours())
    await shifts.set_exception(session, me, today + 2 * DAY, hours("20:00", "22:00"))
    rest = HolidayInput(day=today + 3 * DAY, title="Праздник")
    await holidays.add(session, curator, rest)
    plan = await shifts.plan(session, me)
    lengths = [
        [each.minutes for each in plan.hours.beginning(today + n * DAY)]
        for n in range(1, 5)
    ]
    assert lengths == [[], [120], [], [480]]


# -- who comes -----------------------------------------------------------------


async def test_later_calls_go_to_those_whose_shift_it_is(
    session: AsyncSession, doctor: User, dispatcher: Actor
) -> None:
    await shifts.set_plan(session, as_doctor(doctor), daily("08:00", "14:00"))
    evening = await factories.doctor(session, on_duty=False)
    await shifts.set_plan(session, as_doctor(evening), daily("14:00", "02:00"))
    anytime = await factories.doctor(session, on_duty=False)
    morning_call, night_call = await later(session, 2, 9), await later(session, 2, 23)

    async def who(call: Booking) -> set[object]:
        found = await candidates(session, dispatcher, call.id)
        return {each.doctor_id for each in found.items}

    assert await who(morning_call) == {doctor.id, anytime.id}
    assert await who(night_call) == {evening.id, anytime.id}
    with pytest.raises(DoctorNotEligible) as refused:
        await assignments.assign(
            session, dispatcher, morning_call.id, evening.id, morning_call.version
        )
    assert refused.value.facts["reasons"] == ["off_shift"]
    await assignments.assign(
        session, dispatcher, morning_call.id, doctor.id, morning_call.version
    )


async def test_a_single_day_and_a_holiday_change_who_comes(
    session: AsyncSession, doctor: User, dispatcher: Actor
) -> None:
    curator = as_staff(await factories.person(session), factories.Role.CURATOR)
    me, today = as_doctor(doctor), await clock.today(session)
    await shifts.set_plan(session, me, daily("08:00", "14:00"))
    guest = await factories.doctor(session, on_duty=False)
    await shifts.set_plan(session, as_doctor(guest), daily("20:00", "22:00"))
    day = today + 2 * DAY
    call = await later(session, 2, 9)

    async def who() -> set[object]:
        found = await candidates(session, dispatcher, call.id)
        return {each.doctor_id for each in found.items}

    assert await who() == {doctor.id}
    await shifts.set_exception(session, me, day, hours())
    await shifts.set_exception(session, as_doctor(guest), day, hours("08:00", "12:00"))
    assert await who() == {guest.id}
    await shifts.remove_exception(session, me, day)
    await holidays.add(session, curator, HolidayInput(day=day, title="Праздник"))
    assert await who() == {guest.id}


async def test_the_earliest_start_waits_for_the_shift(
    session: AsyncSession, doctor: User, dispatcher: Actor
) -> None:
    begins = await at(session, 2, 10)
    await shifts.set_plan(session, as_doctor(doctor), daily("11:00", "19:00"))
    call = await factories.booking(
        session,
        call_type=CallType.SCHEDULED,
        wanted_from=begins,
        wanted_to=begins + timedelta(hours=6),
    )
    made = await assignments.assign(
        session, dispatcher, call.id, doctor.id, call.version
    )
    query = sa.text(
        "SELECT lower(planned_window) FROM assignment WHERE booking_id = :b"
    )
    opens = await session.scalar(query, {"b": made.id})
    assert opens == begins + timedelta(hours=1)


async def test_visits_outside_a_new_plan_are_named(
    session: AsyncSession, doctor: User, dispatcher: Actor
) -> None:
    call = await later(session, 2, 9)
    await assignments.assign(session, dispatcher, call.id, doctor.id, call.version)
    assert await shifts.outside(session, doctor.id) == []
    await shifts.set_plan(session, as_doctor(doctor), daily("20:00", "23:00"))
    assert await shifts.outside(session, doctor.id) == [call.label]


# -- duty by plan --------------------------------------------------------------


async def on_duty(session: AsyncSession, doctor: User) -> tuple[bool, str]:
    query = select(DoctorState).where(col(DoctorState.doctor_id) == doctor.id)
    row = (await session.exec(query.execution_options(populate_existing=True))).one()
    return row.on_duty, row.duty_by


async def look(session: AsyncSession) -> None:
    for each in await planned_duty.turns(session):
        await planned_duty.turn(session, each.doctor_id)


async def clock_at(session: AsyncSession, moment: datetime) -> None:
    await clock.shift(session, 0)
    ahead = moment - await clock.now(session)
    await clock.shift(session, ahead.total_seconds())


@pytest.fixture
async def follower(session: AsyncSession, doctor: User) -> User:
    """A doctor with the shift 10–18 of tomorrow's weekday, whose duty follows it."""
    tomorrow = await clock.today(session) + DAY
    week = [shift(tomorrow.weekday(), "10:00", "18:00")]
    await shifts.set_plan(session, as_doctor(doctor), week)
    await shifts.follow(session, as_doctor(doctor), True)
    return doctor


async def test_duty_begins_and_ends_with_the_shift(
    session: AsyncSession, follower: User
) -> None:
    steps = [(9, 59, False), (10, 0, True), (17, 59, True), (18, 0, False)]
    moments = [(await at(session, 1, h, m), expected) for h, m, expected in steps]
    for moment, expected in moments:
        await clock_at(session, moment)
        await look(session)
        assert (await on_duty(session, follower))[0] is expected, moment
    query = select(AuditEvent.action, AuditEvent.acting_as).where(
        col(AuditEvent.object_id) == follower.id,
        col(AuditEvent.action).startswith("doctor.o"),
    )
    lines = (await session.exec(query.order_by(col(AuditEvent.id)))).all()
    assert [line[0] for line in lines] == ["doctor.on_duty", "doctor.off_duty"]
    assert {line[1] for line in lines} == {factories.Role.SYSTEM}


async def test_the_hand_has_the_last_word_within_a_shift(
    session: AsyncSession, follower: User
) -> None:
    me = as_doctor(follower)
    noon, evening = await at(session, 1, 12), await at(session, 1, 19)
    next_week = await at(session, 8, 11)
    await clock_at(session, noon)
    await look(session)
    assert await on_duty(session, follower) == (True, "plan")
    await duty.set_duty(session, me, False)
    await look(session)
    assert await on_duty(session, follower) == (False, "hand")
    await duty.set_duty(session, me, True)
    await clock_at(session, evening)
    await look(session)
    assert await on_duty(session, follower) == (True, "hand")
    await duty.set_duty(session, me, False)
    await clock_at(session, next_week)
    await look(session)
    assert await on_duty(session, follower) == (True, "plan")


async def test_a_visit_under_way_is_not_cut_short(
    session: AsyncSession, follower: User, dispatcher: Actor
) -> None:
    near_end, after = await at(session, 1, 17), await at(session, 1, 18, 5)
    await clock_at(session, near_end)
    await look(session)
    call = await factories.booking(session)
    made = await assignments.assign(
        session, dispatcher, call.id, follower.id, call.version
    )
    await visits.accept(session, as_doctor(follower), made.id)
    await visits.depart(session, as_doctor(follower), made.id)
    await clock_at(session, after)
    await look(session)
    assert (await on_duty(session, follower))[0]


@pytest.mark.parametrize(
    "case", ["blocked", "suspended", "expired", "by hand", "no week", "no role"]
)
async def test_nobody_begins_who_may_not(
    session: AsyncSession, follower: User, case: str
) -> None:
    noon = await at(session, 1, 12)
    profile = "UPDATE doctor_profile SET {} WHERE user_id = :doctor"
    if case == "blocked":
        boss = as_staff(await factories.person(session), factories.Role.ADMIN)
        await staff.block(session, boss, follower.id, "жалоба")
    elif case == "by hand":
        await shifts.follow(session, as_doctor(follower), False)
    elif case == "no week":
        await shifts.set_plan(session, as_doctor(follower), [])
    elif case == "no role":
        await session.execute(
            sa.text(
                "UPDATE role_grant SET revoked_at = app_now(), revoked_by = user_id,"
                " revoke_reason = 'x' WHERE user_id = :doctor"
            ),
            {"doctor": follower.id},
        )
    else:
        change = {
            "suspended": "suspended_at = app_now()",
            "expired": "licence_expires_on = CURRENT_DATE",
        }[case]
        await session.execute(sa.text(profile.format(change)), {"doctor": follower.id})
    await clock_at(session, noon)
    await look(session)
    assert not (await on_duty(session, follower))[0]


async def test_to_follow_is_journalled_once(
    session: AsyncSession, follower: User
) -> None:
    await shifts.follow(session, as_doctor(follower), True)
    query = select(AuditEvent.data).where(
        col(AuditEvent.action) == "doctor.duty_by_plan"
    )
    assert (await session.exec(query)).all() == [{"on": True}]


async def test_the_job_turns_each_in_a_transaction_of_its_own(
    sessions: Sessions,
) -> None:
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session, on_duty=False)
        await shifts.set_plan(session, as_doctor(doctor), daily("00:00", "00:00"))
        await shifts.follow(session, as_doctor(doctor), True)
        # The duty was last changed before the shift began.
        await session.execute(sa.text("UPDATE doctor_state SET duty_changed_at = NULL"))
    await planned_duty.look(sessions)
    async with transaction(sessions) as session:
        assert await on_duty(session, doctor) == (True, "plan")
        assert await planned_duty.turns(session) == []
