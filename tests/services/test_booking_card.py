"""Reading everything about one call."""

from datetime import timedelta

import pytest
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile, PatientProfile
from models.booking import Status, Verb
from models.booking_words import CancelReason
from models.role_grant import Role
from services import assignments, booking_card, bookings, clock, visits
from services.booking_drafts import ItemInput
from services.errors import Forbidden, NotFound
from tests import factories as make

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_card_holds_the_shown_turn_and_those_before(
    session: AsyncSession,
) -> None:
    anna = make.as_staff(await make.dispatcher(session))
    first, second = await make.doctor(session), await make.doctor(session)
    booking = await make.booking(session, preferred_doctor_id=first.id)
    await assignments.assign(session, anna, booking.id, first.id, None)
    await assignments.reassign(session, anna, booking.id, second.id, None)
    card = await booking_card.read(session, anna, booking.id)
    assert card.turn is not None
    assert card.turn.doctor.id == second.id
    assert [each.doctor.id for each in card.turns] == [second.id, first.id]
    assert [event.event for event, _ in card.events] == ["reassign", "assign", "create"]
    assert card.names[str(first.id)] == first.short_name
    assert card.clinic is None


async def test_a_late_arrival_is_counted_in_minutes(session: AsyncSession) -> None:
    anna = make.as_staff(await make.dispatcher(session))
    doctor = await make.doctor(session)
    booking = await make.booking(session)
    await assignments.assign(session, anna, booking.id, doctor.id, None)
    await clock.shift(session, timedelta(hours=2).total_seconds())
    before = await booking_card.read(session, anna, booking.id)
    assert before.turn is not None
    assert before.turn.plan_late == 0
    await visits.start(session, make.as_doctor(doctor), booking.id)
    card = await booking_card.read(session, anna, booking.id)
    assert card.turn is not None
    planned = card.turn.assignment.planned_start
    assert card.turn.plan_late == int((card.now - planned).total_seconds() // 60)


async def test_a_holder_without_profile_has_no_medical_facts(
    session: AsyncSession,
) -> None:
    anna = make.as_staff(await make.dispatcher(session))
    booking = await make.booking(session)
    holder = col(PatientProfile.user_id) == booking.patient_id
    await session.exec(delete(PatientProfile).where(holder))
    card = await booking_card.read(session, anna, booking.id)
    assert card.person.name == card.holder.full_name
    assert (card.person.allergies, card.person.birth_date) == (None, None)


async def test_what_was_done_on_site_is_listed(session: AsyncSession) -> None:
    dispatcher = await make.dispatcher(session)
    doctor, item = await make.doctor(session), await make.extra_item(session)
    booking = await make.booking_in(
        session, Status.IN_PROGRESS, doctor=doctor, dispatcher=dispatcher
    )
    await visits.complete(
        session,
        make.as_doctor(doctor),
        booking.id,
        30,
        "ОРВИ",
        [ItemInput(price_item_id=item.id)],
    )
    card = await booking_card.read(session, make.as_staff(dispatcher), booking.id)
    assert [each.title for each in card.items] == ["ЭКГ"]


async def test_only_dispatchers_read_and_only_what_exists(
    session: AsyncSession,
) -> None:
    booking = await make.booking(session)
    finance = make.as_staff(await make.person(session, Role.FINANCE), Role.FINANCE)
    with pytest.raises(Forbidden):
        await booking_card.read(session, finance, booking.id)
    anna = make.as_staff(await make.dispatcher(session))
    with pytest.raises(NotFound):
        await booking_card.read(session, anna, make.nobody())


async def test_commands_come_from_the_two_tables(session: AsyncSession) -> None:
    anna = make.as_staff(await make.dispatcher(session))
    booking, clinic = await make.booking(session), await make.clinic(session)
    assert booking_card.allowed_verbs(anna, booking) == [
        Verb.EDIT,
        Verb.JOIN,
        Verb.HAND_TO_CLINIC,
        Verb.ASSIGN,
        Verb.CANCEL,
        Verb.FLAG,
    ]
    await bookings.hand_to_clinic(session, anna, booking.id, clinic.id, None)
    assert Verb.TAKE_BACK in booking_card.allowed_verbs(anna, booking)
    card = await booking_card.read(session, anna, booking.id)
    assert card.clinic == clinic.name
    await bookings.cancel(session, anna, booking.id, CancelReason.OTHER)
    assert booking_card.allowed_verbs(anna, booking) == []


async def test_a_turn_tells_that_the_papers_do_not_reach_the_visit(
    session: AsyncSession,
) -> None:
    anna = make.as_staff(await make.dispatcher(session))
    doctor = await make.doctor(session)
    booking = await make.booking(session)
    await assignments.assign(session, anna, booking.id, doctor.id, None)
    query = select(DoctorProfile.id).where(col(DoctorProfile.user_id) == doctor.id)
    profile_id = (await session.exec(query)).one()
    for days, out in ((0, False), (-1, True)):
        day = await clock.today(session) + timedelta(days=days)
        await session.exec(
            update(DoctorProfile)
            .where(col(DoctorProfile.user_id) == doctor.id)
            .values(licence_expires_on=day)
        )
        await session.refresh(await session.get_one(DoctorProfile, profile_id))
        turn = (await booking_card.read(session, anna, booking.id)).turn
        assert turn is not None
        planned = turn.assignment.planned_start.astimezone(clock.MOSCOW).date()
        # Close to midnight the plan may be tomorrow's already.
        assert turn.papers_out is (out or planned > day)
