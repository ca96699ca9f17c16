"""What callers may say about a call, and what the service makes of it."""

import uuid
from datetime import time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Assignment,
    AuditEvent,
    Booking,
    BookingEvent,
    PatientProfile,
    Role,
    RoleGrant,
    Street,
    User,
)
from models.booking import Status
from models.booking_words import (
    BookingSource,
    CallType,
    CancelReason,
    Flag,
    Priority,
)
from models.specialization import Specialization
from services import assignments, bookings, clock, visits
from services.actor import Actor, Via
from services.booking_drafts import (
    BookingChanges,
    BookingDraft,
    CallerInput,
    ItemInput,
)
from services.errors import (
    DoctorBusy,
    Forbidden,
    IllegalTransition,
    NotFound,
    TooManyBookings,
    ValidationFailed,
)
from tests import factories
from tests.conftest import settle
from tests.factories import as_clinic, as_doctor, as_patient, as_staff


async def test_create_writes_the_call_its_history_and_its_journal(
    session: AsyncSession,
) -> None:
    made = await factories.booking(session)
    await settle(session)
    stored = await session.get(Booking, made.id, populate_existing=True)
    assert stored is made
    assert (made.status, made.version, made.label) == (
        Status.PENDING,
        1,
        f"B-{made.number}",
    )
    assert made.priority is Priority.HIGH
    assert made.source is BookingSource.API
    query = select(BookingEvent).where(col(BookingEvent.booking_id) == made.id)
    event = (await session.exec(query)).one()
    assert (event.event, event.from_status, event.to_status, event.version) == (
        "create",
        None,
        Status.PENDING,
        1,
    )
    journal = select(AuditEvent).where(col(AuditEvent.object_id) == made.id)
    assert (await session.exec(journal)).one().action == "booking.create"


@pytest.mark.parametrize(
    ("call_type", "priority"),
    [("urgent", "high"), ("scheduled", "normal"), ("consultation", "low")],
)
async def test_the_call_type_sets_the_priority(
    session: AsyncSession, call_type: str, priority: str
) -> None:
    start = await factories.tomorrow(session)
    window: dict[str, Any] = {
        "wanted_from": start,
        "wanted_to": start + timedelta(hours=2),
    }
    made = await factories.booking(session, call_type=call_type, **window)
    assert made.priority == priority


async def test_a_scheduled_call_needs_a_window(session: AsyncSession) -> None:
    with pytest.raises(ValidationError):
        factories.draft(call_type="scheduled")


async def test_a_window_ends_after_it_begins(session: AsyncSession) -> None:
    start = await factories.tomorrow(session)
    with pytest.raises(ValidationError):
        factories.draft(wanted_from=start, wanted_to=start)


@pytest.mark.parametrize("days", [-1, 366])
async def test_a_window_lies_ahead_within_a_year(
    session: AsyncSession, days: int
) -> None:
    start = await clock.now(session) + timedelta(days=days)
    with pytest.raises(ValidationFailed):
        await factories.booking(
            session, wanted_from=start, wanted_to=start + timedelta(hours=1)
        )


@pytest.mark.parametrize("field", ["text", "flat"])
async def test_a_nul_byte_is_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        factories.address(**{field: "a\0b"})


async def test_an_address_is_given_exactly_once() -> None:
    with pytest.raises(ValidationError):
        factories.draft(address_id=uuid.uuid4())
    with pytest.raises(ValidationError):
        factories.draft(address=None)


async def test_an_own_saved_address_is_copied(session: AsyncSession) -> None:
    user = await factories.patient(session)
    door = await factories.saved_address(session, user, district="Арбат")
    made = await factories.booking(session, user, address=None, address_id=door.id)
    assert (made.address_text, made.flat, made.district) == ("Арбат, 10", "5", "Арбат")


async def test_a_foreign_saved_address_does_not_exist(session: AsyncSession) -> None:
    door = await factories.saved_address(session, await factories.patient(session))
    with pytest.raises(NotFound):
        await factories.booking(session, address=None, address_id=door.id)


async def test_the_street_table_fills_in_district_and_point(
    session: AsyncSession,
) -> None:
    session.add(
        Street(
            name="Тверская улица", district="Тверской", latitude=55.76, longitude=37.6
        )
    )
    await session.flush()
    made = await factories.booking(session)
    assert (made.district, made.latitude) == ("Тверской", 55.7642)
    door = factories.address(latitude=None, longitude=None)
    made = await factories.booking(session, address=door)
    assert (made.district, made.latitude) == ("Тверской", 55.76)


async def test_the_price_is_a_snapshot_of_the_best_line(session: AsyncSession) -> None:
    line = await factories.price(session)
    await factories.price(
        session, specialization=Specialization.SURGEON, price_kopecks=700_000
    )
    assert (await factories.booking(session)).price_kopecks == 450_000
    surgeon = await factories.booking(session, specialization="surgeon")
    assert surgeon.price_kopecks == 700_000
    line.price_kopecks = 1
    await session.flush()
    await session.refresh(surgeon)
    assert surgeon.price_kopecks == 700_000


async def test_hours_of_the_price_list_are_moscow_time(session: AsyncSession) -> None:
    await factories.price(session, call_type="scheduled")
    await factories.price(
        session,
        call_type="scheduled",
        starts=time(22),
        ends=time(6),
        price_kopecks=900_000,
    )

    async def at(hour: int) -> int:
        start = await factories.tomorrow(session, hour)
        made = await factories.booking(
            session,
            call_type="scheduled",
            wanted_from=start,
            wanted_to=start + timedelta(minutes=30),
        )
        return made.price_kopecks

    assert [await at(hour) for hour in (21, 22, 23, 5, 6)] == [
        450_000,
        900_000,
        900_000,
        900_000,
        450_000,
    ]


async def test_no_more_than_ten_open_calls(session: AsyncSession) -> None:
    user = await factories.patient(session)
    made = [await factories.booking(session, user) for _ in range(10)]
    with pytest.raises(TooManyBookings) as refused:
        await factories.booking(session, user)
    assert "10" in refused.value.message
    reason = CancelReason.PATIENT_CHANGED_MIND
    await bookings.cancel(session, as_patient(user), made[0].id, reason)
    await factories.booking(session, user)


async def test_a_wished_doctor_has_to_exist(session: AsyncSession) -> None:
    wish = (await factories.doctor(session)).id
    made = await factories.booking(session, preferred_doctor_id=wish)
    assert made.preferred_doctor_id == wish
    assert made.status is Status.PENDING
    with pytest.raises(NotFound):
        await factories.booking(session, preferred_doctor_id=factories.nobody())


@pytest.mark.parametrize(
    "role", [Role.DOCTOR, Role.CLINIC, Role.CURATOR, Role.FINANCE, Role.ADMIN]
)
async def test_others_do_not_take_calls(session: AsyncSession, role: Role) -> None:
    user = await factories.person(session, role)
    actor = Actor(user.id, role, Via.API)
    with pytest.raises(Forbidden):
        await bookings.create(session, actor, factories.draft())


async def test_a_patient_cannot_use_the_dispatchers_form(session: AsyncSession) -> None:
    user = await factories.patient(session)
    draft = factories.phone_draft(patient_id=user.id, priority="emergency")
    with pytest.raises(Forbidden):
        await bookings.create(session, as_patient(user), draft)


async def test_a_dispatcher_finds_the_patient_by_number(session: AsyncSession) -> None:
    user = await factories.patient(session, phone="+79161112233")
    staff = as_staff(await factories.dispatcher(session))
    draft = factories.phone_draft(
        caller={"phone": "8 (916) 111-22-33"}, priority="emergency"
    )
    made = await bookings.create(session, staff, draft)
    assert (made.patient_id, made.priority) == (user.id, Priority.EMERGENCY)
    assert made.source is BookingSource.PHONE


async def test_a_dispatcher_makes_an_unknown_caller_a_patient(
    session: AsyncSession,
) -> None:
    staff = as_staff(await factories.dispatcher(session))
    caller = {
        "phone": "+79165554433",
        "first_name": "Ольга",
        "last_name": "Белова",
        "birth_date": "1990-02-01",
    }
    made = await bookings.create(session, staff, factories.phone_draft(caller=caller))
    user = await session.get(User, made.patient_id)
    assert user is not None
    assert (user.phone, user.password_hash, user.email) == ("+79165554433", None, None)
    grants = select(RoleGrant.role).where(col(RoleGrant.user_id) == user.id)
    assert (await session.exec(grants)).all() == [Role.PATIENT]
    profiles = select(PatientProfile).where(col(PatientProfile.user_id) == user.id)
    assert (await session.exec(profiles)).one().birth_date is not None
    again = await bookings.create(session, staff, factories.phone_draft(caller=caller))
    assert again.patient_id == user.id


async def test_an_unknown_caller_needs_a_name(session: AsyncSession) -> None:
    staff = as_staff(await factories.dispatcher(session))
    draft = factories.phone_draft(caller={"phone": "+79165554434"})
    with pytest.raises(ValidationFailed) as refused:
        await bookings.create(session, staff, draft)
    assert refused.value.public_facts["errors"][0]["field"] == "first_name"


async def test_a_dispatcher_names_exactly_one_patient(session: AsyncSession) -> None:
    with pytest.raises(ValidationError):
        factories.phone_draft()
    staff = as_staff(await factories.dispatcher(session))
    draft = factories.phone_draft(patient_id=factories.nobody())
    with pytest.raises(NotFound):
        await bookings.create(session, staff, draft)


async def test_a_dispatcher_takes_no_call_of_their_own(session: AsyncSession) -> None:
    user = await factories.dispatcher(session)
    draft = factories.phone_draft(patient_id=user.id)
    with pytest.raises(Forbidden):
        await bookings.create(session, as_staff(user), draft)


async def test_two_children_share_a_stop(session: AsyncSession) -> None:
    staff = as_staff(await factories.dispatcher(session))
    first = await factories.booking(session)
    draft = BookingDraft(
        call_type=CallType.URGENT,
        symptoms="И у второго",
        patient_id=first.patient_id,
        same_stop_as=first.id,
    )
    second = await bookings.create(session, staff, draft)
    assert second.stop_id == first.stop_id
    assert second.address_text == first.address_text
    reason = CancelReason.DUPLICATE
    await bookings.cancel(session, staff, first.id, reason)
    with pytest.raises(IllegalTransition):
        await bookings.create(session, staff, draft)
    stray = draft.model_copy(update={"same_stop_as": factories.nobody()})
    with pytest.raises(NotFound):
        await bookings.create(session, staff, stray)


async def test_another_subject_keeps_its_own_facts(session: AsyncSession) -> None:
    made = await factories.booking(
        session, subject={"name": "Миша", "sex": "male", "allergies": "Орехи"}
    )
    assert made.for_another
    assert (made.subject_name, made.subject_allergies) == ("Миша", "Орехи")


async def test_join_adds_the_words_to_the_history(session: AsyncSession) -> None:
    made = await factories.booking(session)
    staff = as_staff(await factories.dispatcher(session))
    await bookings.join(session, staff, made.id, "Ему хуже", made.version)
    query = select(BookingEvent.comment).where(col(BookingEvent.version) == 2)
    assert (await session.exec(query)).one() == "Ему хуже"
    with pytest.raises(ValidationFailed):
        await bookings.join(session, staff, made.id, "  ")


async def test_cancel_keeps_reason_and_comment(session: AsyncSession) -> None:
    doctor = await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    made = await factories.assigned(session, doctor, dispatcher)
    patient = Actor(made.patient_id, Role.PATIENT, Via.API)
    reason = CancelReason.PATIENT_CHANGED_MIND
    await bookings.cancel(session, patient, made.id, reason, "Стало лучше")
    await settle(session)
    assert made.status is Status.CANCELLED
    assert (made.cancel_reason_code, made.cancel_comment) == (reason, "Стало лучше")
    turn = (await session.exec(select(Assignment))).one()
    assert turn.outcome == "cancelled"
    assert turn.released_at == made.cancelled_at


@pytest.mark.parametrize("reason", [CancelReason.NO_DOCTOR, CancelReason.CLINIC_FAULT])
async def test_patients_do_not_blame_the_service_by_code(
    session: AsyncSession, reason: CancelReason
) -> None:
    made = await factories.booking(session)
    patient = Actor(made.patient_id, Role.PATIENT, Via.API)
    with pytest.raises(ValidationFailed):
        await bookings.cancel(session, patient, made.id, reason)


async def test_flags_go_up_and_down(session: AsyncSession) -> None:
    doctor = await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    made = await factories.assigned(session, doctor, dispatcher)
    flag = Flag.DOCTOR_IN_DANGER
    await bookings.flag(session, as_doctor(doctor), made.id, flag, comment="Собака")
    await bookings.flag(session, as_doctor(doctor), made.id, flag)
    assert made.has_flag(flag)
    assert made.flags == [flag]
    with pytest.raises(Forbidden):
        await bookings.flag(session, as_doctor(doctor), made.id, flag, raised=False)
    await bookings.flag(session, as_staff(dispatcher), made.id, flag, raised=False)
    assert not made.has_flag(flag)
    waiting = await factories.booking(session)
    await bookings.flag(session, as_staff(dispatcher), waiting.id, flag)
    assert waiting.has_flag(flag)


async def test_a_call_goes_to_a_clinic_and_back(session: AsyncSession) -> None:
    dispatcher = as_staff(await factories.dispatcher(session))
    clinic = await factories.clinic(session)
    doctor = await factories.doctor(session)
    made = await factories.booking(session)
    await assignments.assign(session, dispatcher, made.id, doctor.id, 1)
    await bookings.hand_to_clinic(session, dispatcher, made.id, clinic.id, 2)
    assert (made.status, made.clinic_id) == (Status.PENDING, clinic.id)
    with pytest.raises(IllegalTransition):
        await bookings.hand_to_clinic(session, dispatcher, made.id, clinic.id, 3)
    await bookings.take_back(session, dispatcher, made.id, 3)
    assert made.clinic_id is None
    with pytest.raises(IllegalTransition):
        await bookings.take_back(session, dispatcher, made.id, 4)


async def test_a_closed_clinic_gets_no_calls(session: AsyncSession) -> None:
    dispatcher = as_staff(await factories.dispatcher(session))
    clinic = await factories.clinic(session)
    clinic.active = False
    made = await factories.booking(session)
    with pytest.raises(NotFound):
        await bookings.hand_to_clinic(session, dispatcher, made.id, clinic.id, 1)
    with pytest.raises(NotFound):
        await bookings.hand_to_clinic(
            session, dispatcher, made.id, factories.nobody(), 1
        )


async def test_a_clinic_assigns_its_own_doctors_only(session: AsyncSession) -> None:
    dispatcher = as_staff(await factories.dispatcher(session))
    clinic = await factories.clinic(session)
    manager = as_clinic(await factories.clinic_manager(session, clinic))
    own = await factories.doctor(session, profile={"clinic_id": clinic.id})
    stranger = await factories.doctor(session)
    made = await factories.booking(session)
    with pytest.raises(NotFound):
        await assignments.assign(session, manager, made.id, own.id, 1)
    await bookings.hand_to_clinic(session, dispatcher, made.id, clinic.id, 1)
    with pytest.raises(NotFound):
        await assignments.assign(session, manager, made.id, stranger.id, 2)
    await assignments.assign(session, manager, made.id, own.id, 2)
    assert made.status is Status.ASSIGNED
    other = as_clinic(
        await factories.clinic_manager(session, await factories.clinic(session))
    )
    with pytest.raises(NotFound):
        await assignments.assign(session, other, made.id, own.id, 3)


class TestEdit:
    """Changing a call that is open."""

    async def test_only_what_was_given_changes(self, session: AsyncSession) -> None:
        made = await factories.booking(session)
        dispatcher = as_staff(await factories.dispatcher(session))
        changes = BookingChanges(symptoms="Сыпь", priority="emergency")
        await bookings.edit(session, dispatcher, made.id, changes, 1)
        await settle(session)
        assert (made.symptoms, made.priority, made.version) == ("Сыпь", "emergency", 2)
        assert made.address_text == "Тверская улица, 12"

    async def test_a_patient_changes_their_words_only(
        self, session: AsyncSession
    ) -> None:
        made = await factories.booking(session)
        patient = Actor(made.patient_id, Role.PATIENT, Via.API)
        await bookings.edit(session, patient, made.id, BookingChanges(symptoms="x"), 1)
        for changes in ({"priority": "emergency"}, {"specialization": "surgeon"}):
            with pytest.raises(Forbidden):
                await bookings.edit(
                    session, patient, made.id, BookingChanges(**changes), 2
                )

    async def test_another_door_is_another_stop(self, session: AsyncSession) -> None:
        doctor = await factories.doctor(session)
        dispatcher = await factories.dispatcher(session)
        made = await factories.assigned(session, doctor, dispatcher)
        was = made.stop_id
        changes = BookingChanges(address=factories.address(intercom="1"))
        await bookings.edit(session, as_staff(dispatcher), made.id, changes, 2)
        assert (made.stop_id, made.intercom) == (was, "1")
        changes = BookingChanges(address=factories.address(flat="46"))
        await bookings.edit(session, as_staff(dispatcher), made.id, changes, 3)
        turn = (await session.exec(select(Assignment))).one()
        assert made.stop_id == turn.stop_id != was
        waiting = await factories.booking(session)
        await bookings.edit(session, as_staff(dispatcher), waiting.id, changes, 1)
        assert waiting.flat == "46"

    async def test_a_stop_cannot_be_parted_while_one_doctor_serves_both(
        self, session: AsyncSession
    ) -> None:
        dispatcher = as_staff(await factories.dispatcher(session))
        doctor = await factories.doctor(session)
        first = await factories.booking(session)
        draft = factories.phone_draft(
            address=None, patient_id=first.patient_id, same_stop_as=first.id
        )
        second = await bookings.create(session, dispatcher, draft)
        await assignments.assign(session, dispatcher, first.id, doctor.id, 1)
        turn = (await session.exec(select(Assignment))).one()
        await assignments.assign(
            session, dispatcher, second.id, doctor.id, 1, turn.planned_start
        )
        changes = BookingChanges(address=factories.address(text="Арбат, 1"))
        with pytest.raises(DoctorBusy):
            await bookings.edit(session, dispatcher, second.id, changes, 2)

    async def test_the_contact_of_another_subject(self, session: AsyncSession) -> None:
        dispatcher = as_staff(await factories.dispatcher(session))
        changes = BookingChanges(contact_phone="+79160001122")
        own = await factories.booking(session)
        with pytest.raises(ValidationFailed):
            await bookings.edit(session, dispatcher, own.id, changes, 1)
        other = await factories.booking(session, subject={"name": "Миша"})
        await bookings.edit(session, dispatcher, other.id, changes, 1)
        assert other.subject_contact_phone == "+79160001122"

    async def test_the_window_of_a_scheduled_call(self, session: AsyncSession) -> None:
        dispatcher = as_staff(await factories.dispatcher(session))
        start = await factories.tomorrow(session)
        end = start + timedelta(hours=2)
        made = await factories.booking(
            session, call_type="scheduled", wanted_from=start, wanted_to=end
        )
        later = BookingChanges(wanted_to=end + timedelta(hours=1))
        await bookings.edit(session, dispatcher, made.id, later, 1)
        assert (made.wanted_from, made.wanted_to) == (start, end + timedelta(hours=1))
        wrong = (
            BookingChanges(wanted_from=None),
            BookingChanges(wanted_from=end + timedelta(hours=2)),
            BookingChanges(wanted_from=start - timedelta(days=2)),
            BookingChanges(wanted_to=start + timedelta(days=400)),
        )
        for changes in wrong:
            with pytest.raises(ValidationFailed):
                await bookings.edit(session, dispatcher, made.id, changes, 2)
        assert made.version == 2

    async def test_an_urgent_call_may_lose_its_window(
        self, session: AsyncSession
    ) -> None:
        dispatcher = as_staff(await factories.dispatcher(session))
        start = await factories.tomorrow(session)
        made = await factories.booking(session, wanted_from=start)
        none = BookingChanges(wanted_from=None)
        await bookings.edit(session, dispatcher, made.id, none, 1)
        assert made.wanted_from is None


async def test_completion_keeps_the_extras_at_their_price(
    session: AsyncSession,
) -> None:
    doctor = await factories.doctor(session)
    made = await factories.booking_in(
        session,
        Status.IN_PROGRESS,
        doctor=doctor,
        dispatcher=await factories.dispatcher(session),
    )
    line = await factories.extra_item(session)
    visit = await factories.price(session)
    actor = as_doctor(doctor)
    wrong = [{"price_item_id": visit.id}]
    with pytest.raises(NotFound):
        await visits.complete(session, actor, made.id, 30, "ОРВИ", _items(wrong))
    for minutes, words in ((0, "ОРВИ"), (1441, "ОРВИ"), (30, " ")):
        with pytest.raises(ValidationFailed):
            await visits.complete(session, actor, made.id, minutes, words)
    chosen = _items([{"price_item_id": line.id, "quantity": 2}])
    await visits.complete(session, actor, made.id, 30, "ОРВИ", chosen)
    await settle(session)
    row = (await session.execute(sa.text("SELECT * FROM booking_item"))).one()
    assert (row.title, row.quantity, row.price_kopecks) == ("ЭКГ", 2, 120_000)


def _items(rows: list[dict[str, Any]]) -> list[ItemInput]:
    return [ItemInput(**row) for row in rows]


async def test_a_caller_is_one_patient_whatever_the_spelling() -> None:
    assert CallerInput(phone="8 916 111-22-33").phone == "+79161112233"
    for phone in ("", "112", "+7916", "не скажу", 79161112233):
        with pytest.raises(ValidationError):
            CallerInput(phone=phone)
