"""Who comes when: eligibility, plans, clashes, undo."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, Outcome
from models.booking import Status
from services import assignments, bookings, clock, duty, visits
from services.actor import Actor
from services.booking_drafts import BookingDraft
from services.errors import (
    DoctorBusy,
    DoctorNotEligible,
    DoctorUnderWay,
    IllegalTransition,
    NotFound,
    ValidationFailed,
)
from tests import factories
from tests.conftest import settle
from tests.factories import MOSCOW_CENTRE, as_doctor, as_staff


@pytest.fixture
async def staff(session: AsyncSession) -> Actor:
    return as_staff(await factories.dispatcher(session))


async def turn_of(session: AsyncSession, booking: Booking) -> Assignment:
    query = select(Assignment).where(
        col(Assignment.booking_id) == booking.id, col(Assignment.released_at).is_(None)
    )
    return (await session.exec(query)).one()


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


async def test_assign_takes_the_earliest_moment(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session)
    made = await factories.booking(session)
    before = await clock.now(session)
    await assignments.assign(session, staff, made.id, doctor.id, 1)
    await settle(session)
    turn = await turn_of(session, made)
    travel = timedelta(minutes=turn.travel_minutes)
    assert (
        before + travel <= turn.planned_start < before + travel + timedelta(minutes=1)
    )
    assert turn.planned_window.lower == turn.planned_start - travel
    assert turn.planned_window.upper == turn.planned_start + timedelta(minutes=40)
    assert turn.assigned_by == staff.user_id


async def test_the_second_call_comes_after_the_first(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session)
    first = await factories.assigned(
        session, doctor, await factories.dispatcher(session)
    )
    second = await factories.booking(session)
    await assignments.assign(session, staff, second.id, doctor.id, 1)
    one, two = await turn_of(session, first), await turn_of(session, second)
    assert two.planned_window.lower == one.planned_window.upper


async def test_a_scheduled_call_is_planned_inside_its_window(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session)
    start = await factories.tomorrow(session)
    window: dict[str, Any] = {
        "wanted_from": start,
        "wanted_to": start + timedelta(hours=1),
    }
    made = [await factories.booking(session, **window) for _ in range(3)]
    await assignments.assign(session, staff, made[0].id, doctor.id, 1)
    assert (await turn_of(session, made[0])).planned_start == start
    await assignments.assign(session, staff, made[1].id, doctor.id, 1)
    with pytest.raises(DoctorBusy) as refused:
        await assignments.assign(session, staff, made[2].id, doctor.id, 1)
    facts = refused.value.public_facts
    assert facts["conflict"]["number"] == made[0].label
    assert datetime.fromisoformat(facts["earliest_start"]) > window["wanted_to"]


async def test_a_missed_window_is_said_aloud(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session)
    soon = await clock.now(session) + timedelta(minutes=1)
    made = await factories.booking(
        session, wanted_from=soon, wanted_to=soon + timedelta(minutes=1)
    )
    with pytest.raises(DoctorBusy) as refused:
        await assignments.assign(session, staff, made.id, doctor.id, 1)
    facts = refused.value.public_facts
    assert facts["conflict"] is None
    start = datetime.fromisoformat(facts["earliest_start"])
    await assignments.assign(session, staff, made.id, doctor.id, 1, start)
    assert made.status is Status.ASSIGNED


async def test_a_clash_tells_what_clashes_and_when_the_doctor_is_free(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session)
    first = await factories.assigned(
        session, doctor, await factories.dispatcher(session)
    )
    turn = await turn_of(session, first)
    second = await factories.booking(session)
    with pytest.raises(DoctorBusy) as refused:
        await assignments.assign(
            session, staff, second.id, doctor.id, 1, turn.planned_start
        )
    facts = refused.value.public_facts
    assert facts["conflict"] == {
        "booking_id": str(first.id),
        "number": first.label,
        "from": _iso(turn.planned_window.lower),
        "to": _iso(turn.planned_window.upper),
        "planned_start": turn.planned_start.isoformat(),
    }
    earliest = datetime.fromisoformat(facts["earliest_start"])
    await assignments.assign(session, staff, second.id, doctor.id, 1, earliest)


async def test_the_past_cannot_be_planned(session: AsyncSession, staff: Actor) -> None:
    doctor = await factories.doctor(session)
    made = await factories.booking(session)
    past = await clock.now(session) - timedelta(minutes=6)
    with pytest.raises(ValidationFailed):
        await assignments.assign(session, staff, made.id, doctor.id, 1, past)


async def test_an_unknown_doctor(session: AsyncSession, staff: Actor) -> None:
    made = await factories.booking(session)
    with pytest.raises(NotFound):
        await assignments.assign(session, staff, made.id, factories.nobody(), 1)


async def test_replan_moves_the_window(session: AsyncSession, staff: Actor) -> None:
    doctor = await factories.doctor(session)
    made = await factories.assigned(
        session, doctor, await factories.dispatcher(session)
    )
    start = await clock.now(session) + timedelta(hours=1)
    await assignments.replan(session, staff, made.id, start, 2)
    await settle(session)
    turn = await turn_of(session, made)
    assert turn.planned_start == start
    assert start in turn.planned_window
    assert made.status is Status.ASSIGNED


async def test_facts_move_no_window(session: AsyncSession, staff: Actor) -> None:
    doctor = await factories.doctor(session)
    made = await factories.assigned(
        session, doctor, await factories.dispatcher(session)
    )
    turn = await turn_of(session, made)
    window = turn.planned_window
    await visits.accept(session, as_doctor(doctor), made.id)
    await clock.shift(session, 7200)
    await visits.depart(session, as_doctor(doctor), made.id)
    await visits.start(session, as_doctor(doctor), made.id)
    assert turn.planned_window == window
    late = await factories.booking(session)
    await duty.set_position(session, as_doctor(doctor), *MOSCOW_CENTRE)
    await assignments.assign(session, staff, late.id, doctor.id, 1)
    await visits.complete(session, as_doctor(doctor), made.id, 30, "ОРВИ")
    assert turn.planned_window == window
    assert turn.released_at == made.completed_at
    await clock.shift(session, 0)


async def test_a_doctor_is_under_way_to_one_stop(session: AsyncSession) -> None:
    doctor = await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    me = as_doctor(doctor)
    first, second = [
        await factories.booking_in(
            session, Status.ACCEPTED, doctor=doctor, dispatcher=dispatcher
        )
        for _ in range(2)
    ]
    await visits.depart(session, me, first.id)
    for verb in (visits.depart, visits.start):
        with pytest.raises(DoctorUnderWay):
            await verb(session, me, second.id)
    await visits.start(session, me, first.id)
    await visits.complete(session, me, first.id, 20, "ОРВИ")
    await visits.depart(session, me, second.id)


async def test_two_children_in_one_flat(session: AsyncSession, staff: Actor) -> None:
    doctor = await factories.doctor(session)
    first = await factories.assigned(
        session, doctor, await factories.dispatcher(session)
    )
    draft = BookingDraft(
        call_type=first.call_type,
        symptoms="И второй",
        patient_id=first.patient_id,
        same_stop_as=first.id,
    )
    second = await bookings.create(session, staff, draft)
    third = await bookings.create(session, staff, draft)
    await assignments.assign(session, staff, second.id, doctor.id, 1)
    one, two = await turn_of(session, first), await turn_of(session, second)
    assert two.planned_start == one.planned_window.upper
    assert two.travel_minutes == 0
    await assignments.assign(session, staff, third.id, doctor.id, 1, one.planned_start)
    me = as_doctor(doctor)
    await visits.start(session, me, first.id)
    await visits.start(session, me, second.id)
    await settle(session)


async def test_reassign_frees_the_first_doctor(
    session: AsyncSession, staff: Actor
) -> None:
    doctor, other = await factories.doctor(session), await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    made = await factories.assigned(session, doctor, dispatcher)
    with pytest.raises(IllegalTransition):
        await assignments.reassign(session, staff, made.id, doctor.id, 2)
    await assignments.reassign(session, staff, made.id, other.id, 2)
    await settle(session)
    query = select(Assignment).order_by(col(Assignment.assigned_at))
    turns = (await session.exec(query)).all()
    assert [turn.outcome for turn in turns] == [Outcome.REASSIGNED, None]
    with pytest.raises(NotFound):
        await visits.accept(session, as_doctor(doctor), made.id)
    await visits.accept(session, as_doctor(other), made.id)


async def test_a_declined_call_goes_to_others_only(
    session: AsyncSession, staff: Actor
) -> None:
    doctor, other = await factories.doctor(session), await factories.doctor(session)
    made = await factories.assigned(
        session, doctor, await factories.dispatcher(session)
    )
    await visits.decline(session, as_doctor(doctor), made.id, "Далеко")
    assert made.status is Status.PENDING
    with pytest.raises(DoctorNotEligible):
        await assignments.assign(session, staff, made.id, doctor.id, 3)
    await assignments.assign(session, staff, made.id, other.id, 3)
