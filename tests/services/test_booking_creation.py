"""What callers may say about a call, and what the service makes of it."""

import uuid
from datetime import time, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
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
    Priority,
)
from models.specialization import Specialization
from services import bookings, clock
from services.actor import Actor, Via
from services.booking_drafts import (
    BookingDraft,
    CallerInput,
)
from services.errors import (
    Forbidden,
    IllegalTransition,
    NotFound,
    TooManyBookings,
    ValidationFailed,
)
from tests import factories
from tests.conftest import settle
from tests.factories import as_patient, as_staff


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


async def test_a_caller_is_one_patient_whatever_the_spelling() -> None:
    assert CallerInput(phone="8 916 111-22-33").phone == "+79161112233"
    for phone in ("", "112", "+7916", "не скажу", 79161112233):
        with pytest.raises(ValidationError):
            CallerInput(phone=phone)
