"""Join, cancel, flag, hand over, complete."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Assignment,
    BookingEvent,
    Role,
)
from models.booking import Status
from models.booking_words import (
    CancelReason,
    Flag,
)
from services import assignments, bookings, visits
from services.actor import Actor, Via
from services.booking_drafts import (
    ItemInput,
)
from services.errors import (
    Forbidden,
    IllegalTransition,
    NotFound,
    ValidationFailed,
)
from tests import factories
from tests.conftest import settle
from tests.factories import as_clinic, as_doctor, as_staff


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
