"""Who sees what of a call: the table of the design, by role and stage."""

import uuid
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Role
from models.booking import Status
from models.booking_words import CancelReason, Flag
from models.specialization import Specialization
from services import (
    assignments,
    booking_reads,
    bookings,
    clinic_reads,
    clock,
    doctor_directory,
    duty,
    visit_reads,
    visits,
)
from services.actor import Actor, Via
from services.errors import Forbidden, NotFound, PositionNotShared
from services.pages import Wanted
from services.sensitive_reads import journal_read
from services.visit_reads import age_on
from tests import factories
from tests.factories import as_clinic, as_doctor, as_patient, as_staff

ALL = Wanted(100)
VISIBLE = (Status.ACCEPTED, Status.EN_ROUTE, Status.IN_PROGRESS, Status.COMPLETED)


async def test_before_accepting_a_doctor_sees_age_district_and_complaint(
    session: AsyncSession,
) -> None:
    doctor = await factories.doctor(session)
    made = await factories.assigned(
        session, doctor, await factories.dispatcher(session)
    )
    seen = await visit_reads.visit(session, as_doctor(doctor), made.id)
    assert not seen.known
    assert seen.patient is None
    assert seen.subject.age is not None
    shown = (
        seen.subject.name,
        seen.subject.allergies,
        seen.subject.birth_date,
        seen.subject.contact_phone,
    )
    assert shown == (None, None, None, None)


@pytest.mark.parametrize("status", VISIBLE)
async def test_from_accepting_on_a_doctor_sees_whom_to_visit(
    session: AsyncSession, status: Status
) -> None:
    doctor = await factories.doctor(session)
    user = await factories.patient(session)
    made = await factories.booking_in(
        session,
        status,
        doctor=doctor,
        dispatcher=await factories.dispatcher(session),
        by=user,
    )
    seen = await visit_reads.visit(session, as_doctor(doctor), made.id)
    assert seen.known
    assert seen.patient is user
    assert (seen.subject.allergies, seen.subject.name) == ("Пенициллин", user.full_name)


async def test_another_subject_never_mixes_with_the_holder(
    session: AsyncSession,
) -> None:
    doctor = await factories.doctor(session)
    made = await factories.booking_in(
        session,
        Status.ACCEPTED,
        doctor=doctor,
        dispatcher=await factories.dispatcher(session),
        subject={"name": "Миша", "birth_date": "2020-01-01"},
    )
    subject = (await visit_reads.visit(session, as_doctor(doctor), made.id)).subject
    assert (subject.name, subject.allergies, subject.chronic_conditions) == (
        "Миша",
        None,
        None,
    )
    assert subject.birth_date == date(2020, 1, 1)


async def test_a_patient_without_a_profile_has_no_age(session: AsyncSession) -> None:
    doctor = await factories.doctor(session)
    bare = await factories.person(session, Role.PATIENT)
    made = await factories.booking_in(
        session,
        Status.ACCEPTED,
        doctor=doctor,
        dispatcher=await factories.dispatcher(session),
        by=bare,
    )
    assert (
        await visit_reads.visit(session, as_doctor(doctor), made.id)
    ).subject.age is None


@pytest.mark.parametrize("way", ["unassign", "reassign", "decline", "cancel", "clinic"])
async def test_a_lost_visit_is_gone_at_once(session: AsyncSession, way: str) -> None:
    doctor, other = await factories.doctor(session), await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    staff, me = as_staff(dispatcher), as_doctor(doctor)
    made = await factories.assigned(session, doctor, dispatcher)
    if way == "unassign":
        await assignments.unassign(session, staff, made.id, 2)
    elif way == "reassign":
        await assignments.reassign(session, staff, made.id, other.id, 2)
    elif way == "decline":
        await visits.decline(session, me, made.id, "Нет")
    elif way == "cancel":
        await bookings.cancel(session, staff, made.id, CancelReason.DUPLICATE)
    else:
        clinic = await factories.clinic(session)
        await bookings.hand_to_clinic(session, staff, made.id, clinic.id, 2)
    with pytest.raises(NotFound):
        await visit_reads.visit(session, me, made.id)
    assert (await visit_reads.visits(session, me, ALL)).items == []


async def test_a_finished_visit_is_seen_for_a_day(session: AsyncSession) -> None:
    doctor = await factories.doctor(session)
    made = await factories.booking_in(
        session,
        Status.COMPLETED,
        doctor=doctor,
        dispatcher=await factories.dispatcher(session),
    )
    me = as_doctor(doctor)
    assert len((await visit_reads.visits(session, me, ALL)).items) == 1
    active = (Status.ASSIGNED, Status.ACCEPTED)
    assert (await visit_reads.visits(session, me, ALL, active)).items == []
    await clock.shift(session, 24 * 3600 + 1)
    with pytest.raises(NotFound):
        await visit_reads.visit(session, me, made.id)
    await clock.shift(session, 0)


async def test_other_doctors_and_other_roles_see_nothing(session: AsyncSession) -> None:
    doctor, other = await factories.doctor(session), await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    made = await factories.assigned(session, doctor, dispatcher)
    with pytest.raises(NotFound):
        await visit_reads.visit(session, as_doctor(other), made.id)
    with pytest.raises(Forbidden):
        await visit_reads.visit(session, as_patient(doctor), made.id)


async def test_patients_see_their_own_calls(session: AsyncSession) -> None:
    user, other = await factories.patient(session), await factories.patient(session)
    first, second = [await factories.booking(session, user) for _ in range(2)]
    me = as_patient(user)
    page = await booking_reads.patient_bookings(session, me, Wanted(1))
    assert [view.booking.id for view in page.items] == [second.id]
    rest = await booking_reads.patient_bookings(session, me, Wanted(1, page.next))
    assert [view.booking.id for view in rest.items] == [first.id]
    assert rest.next is None
    none = await booking_reads.patient_bookings(session, me, ALL, [Status.COMPLETED])
    assert none.items == []
    for read in (booking_reads.patient_booking, booking_reads.patient_events):
        with pytest.raises(NotFound):
            await read(session, as_patient(other), first.id)
        with pytest.raises(Forbidden):
            await read(session, as_doctor(other), first.id)
    with pytest.raises(Forbidden):
        await booking_reads.patient_bookings(session, as_doctor(user), ALL)


async def test_the_history_of_patients_leaves_out_what_staff_noted(
    session: AsyncSession,
) -> None:
    user = await factories.patient(session)
    staff = as_staff(await factories.dispatcher(session))
    made = await factories.booking(session, user)
    await bookings.flag(session, staff, made.id, Flag.RESUSCITATION)
    await bookings.join(session, staff, made.id, "Соседка звонила")
    await bookings.cancel(session, staff, made.id, CancelReason.DUPLICATE)
    events = await booking_reads.patient_events(session, as_patient(user), made.id)
    assert [event.event for event in events] == ["create", "cancel"]


async def test_a_patient_sees_the_shown_doctor_and_the_extras(
    session: AsyncSession,
) -> None:
    user, doctor = await factories.patient(session), await factories.doctor(session)
    made = await factories.booking_in(
        session,
        Status.COMPLETED,
        doctor=doctor,
        dispatcher=await factories.dispatcher(session),
        by=user,
    )
    view = await booking_reads.patient_booking(session, as_patient(user), made.id)
    assert view.doctor is doctor
    assert view.turn is not None
    assert view.booking.conclusion == "ОРВИ, покой"
    assert view.items == []


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.EN_ROUTE}))
async def test_the_position_is_shared_on_the_way_only(
    session: AsyncSession, status: Status
) -> None:
    user = await factories.patient(session)
    made = await factories.booking_in(
        session,
        status,
        doctor=await factories.doctor(session),
        dispatcher=await factories.dispatcher(session),
        by=user,
    )
    with pytest.raises(PositionNotShared):
        await booking_reads.doctor_position(session, as_patient(user), made.id)


async def test_the_position_on_the_way(session: AsyncSession) -> None:
    user, doctor = await factories.patient(session), await factories.doctor(session)
    other = await factories.doctor(session, point=None)
    dispatcher = await factories.dispatcher(session)
    made = await factories.booking_in(
        session, Status.EN_ROUTE, doctor=doctor, dispatcher=dispatcher, by=user
    )
    place = await booking_reads.doctor_position(session, as_patient(user), made.id)
    assert (place.latitude, place.longitude) == factories.MOSCOW_CENTRE
    assert 5 < place.eta_minutes < 15
    hidden = await factories.booking_in(
        session, Status.EN_ROUTE, doctor=other, dispatcher=dispatcher, by=user
    )
    with pytest.raises(PositionNotShared):
        await booking_reads.doctor_position(session, as_patient(user), hidden.id)


async def test_the_directory_lists_who_may_work(session: AsyncSession) -> None:
    good = await factories.doctor(session, profile={"home_district": "Арбат"})
    blocked = await factories.doctor(session)
    blocked.blocked_at = await clock.now(session)
    await factories.doctor(session, profile={"approved_at": None})
    page = await doctor_directory.directory(session, ALL)
    assert [each.user.id for each in page.items] == [good.id]
    for specialization, count in (("therapist", 1), ("surgeon", 0)):
        wish = Specialization(specialization)
        found = await doctor_directory.directory(session, ALL, wish)
        assert len(found.items) == count
    for district, count in (("арбат", 1), ("Тверской", 0)):
        found = await doctor_directory.directory(session, ALL, None, district)
        assert len(found.items) == count


class TestClinic:
    """A clinic sees its own."""

    async def test_its_card_doctors_and_calls(self, session: AsyncSession) -> None:
        clinic = await factories.clinic(session)
        manager = as_clinic(await factories.clinic_manager(session, clinic))
        own = await factories.doctor(session, profile={"clinic_id": clinic.id})
        await factories.doctor(session)
        staff = as_staff(await factories.dispatcher(session))
        call = await factories.booking(session)
        await factories.booking(session)
        await bookings.hand_to_clinic(session, staff, call.id, clinic.id, 1)
        assert (await clinic_reads.clinic(session, manager)).id == clinic.id
        doctors = await clinic_reads.doctors(session, manager, ALL)
        assert [each.user.id for each in doctors.items] == [own.id]
        assert doctors.items[0].on_duty
        calls = await clinic_reads.calls(session, manager, ALL)
        assert [each.view.booking.id for each in calls.items] == [call.id]
        assert calls.items[0].age is not None
        seen = await clinic_reads.call(session, manager, call.id)
        assert seen.view.booking.id == call.id
        done = await clinic_reads.calls(session, manager, ALL, [Status.COMPLETED])
        assert done.items == []

    async def test_others_see_nothing_of_it(self, session: AsyncSession) -> None:
        call = await factories.booking(session)
        elsewhere = as_clinic(
            await factories.clinic_manager(session, await factories.clinic(session))
        )
        with pytest.raises(NotFound):
            await clinic_reads.call(session, elsewhere, call.id)
        lost = Actor(uuid.uuid4(), Role.CLINIC, Via.API)
        with pytest.raises(NotFound):
            await clinic_reads.clinic(session, lost)
        with pytest.raises(Forbidden):
            await clinic_reads.clinic(
                session, as_patient(await factories.patient(session))
            )


async def test_reading_is_journalled_once_in_a_quarter_of_an_hour(
    session: AsyncSession,
) -> None:
    actor = as_staff(await factories.dispatcher(session))
    other = as_staff(await factories.dispatcher(session))
    made = await factories.booking(session)

    async def lines() -> int:
        query = "SELECT count(*) FROM audit_event WHERE action LIKE 'read.%'"
        return int(await session.scalar(sa.text(query)) or 0)

    for by, group in (
        (actor, "card"),
        (actor, "card"),
        (actor, "notes"),
        (other, "card"),
    ):
        await journal_read(session, by, "booking", made.id, group)
    assert await lines() == 3
    await clock.shift(session, 901)
    await journal_read(session, actor, "booking", made.id, "card")
    assert await lines() == 4
    await clock.shift(session, 0)


def test_age_counts_full_years() -> None:
    born = date(2020, 2, 29)
    assert age_on(date(2026, 2, 28), born) == 5
    assert age_on(date(2026, 3, 1), born) == 6
    assert age_on(date(2026, 3, 1), None) is None


async def test_going_home_keeps_later_visits(session: AsyncSession) -> None:
    doctor = await factories.doctor(session)
    made = await factories.assigned(
        session, doctor, await factories.dispatcher(session)
    )
    await duty.set_duty(session, as_doctor(doctor), False)
    seen = await visit_reads.visit(session, as_doctor(doctor), made.id)
    assert seen.booking.status is Status.ASSIGNED
    assert timedelta(0) < seen.turn.planned_start - seen.turn.assigned_at
