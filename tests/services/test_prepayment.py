"""Where a visit is paid in advance, the doctor does not set out before; urgent ones do."""

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Role, User
from models.booking import Status
from models.booking_words import CallType, Priority
from models.payment import PaymentStatus
from services import bookings, settings, visits
from services.booking_drafts import BookingChanges
from services.errors import PaymentRequired
from tests import earning, factories, money_rows
from tests.earning import PRICE
from tests.factories import as_doctor, as_staff


async def demanded(session: AsyncSession, *call_types: CallType) -> None:
    admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    for each in call_types:
        await settings.put(session, admin, settings.prepay_key(each), 1)


async def accepted(
    session: AsyncSession, call_type: str = "consultation"
) -> tuple[Booking, User]:
    return await earning.visit(session, Status.ACCEPTED, call_type=call_type)


async def test_by_default_everybody_pays_afterwards(session: AsyncSession) -> None:
    booking, doctor = await accepted(session)
    await visits.depart(session, as_doctor(doctor), booking.id)
    assert booking.status is Status.EN_ROUTE


async def test_an_unpaid_visit_does_not_depart(session: AsyncSession) -> None:
    await demanded(session, CallType.CONSULTATION)
    booking, doctor = await accepted(session)
    await money_rows.payment(session, booking, PRICE, PaymentStatus.PENDING)
    staff = as_staff(await factories.dispatcher(session))
    for actor in (as_doctor(doctor), staff):
        with pytest.raises(PaymentRequired):
            await visits.depart(session, actor, booking.id, "торопит")
    assert booking.status is Status.ACCEPTED


async def test_a_paid_one_does(session: AsyncSession) -> None:
    await demanded(session, CallType.CONSULTATION)
    booking, doctor = await accepted(session)
    await money_rows.payment(session, booking, PRICE)
    await visits.depart(session, as_doctor(doctor), booking.id)
    assert booking.status is Status.EN_ROUTE


async def test_a_kopeck_less_is_not_paid(session: AsyncSession) -> None:
    await demanded(session, CallType.CONSULTATION)
    booking, doctor = await accepted(session)
    await money_rows.payment(session, booking, PRICE - 1)
    with pytest.raises(PaymentRequired):
        await visits.depart(session, as_doctor(doctor), booking.id)


async def test_each_type_has_its_own_switch(session: AsyncSession) -> None:
    await demanded(session, CallType.SCHEDULED)
    booking, doctor = await accepted(session)
    await visits.depart(session, as_doctor(doctor), booking.id)
    assert settings.prepay_key(CallType.URGENT) not in settings.DEFINITIONS


async def test_money_never_stops_an_urgent_call(session: AsyncSession) -> None:
    await demanded(session, CallType.CONSULTATION, CallType.SCHEDULED)
    booking, doctor = await accepted(session, "urgent")
    await visits.depart(session, as_doctor(doctor), booking.id)
    assert booking.status is Status.EN_ROUTE


async def test_nor_an_emergency_of_any_type(session: AsyncSession) -> None:
    await demanded(session, CallType.CONSULTATION)
    booking, doctor = await accepted(session)
    staff = as_staff(await factories.dispatcher(session))
    worse = BookingChanges(priority=Priority.EMERGENCY)
    await bookings.edit(session, staff, booking.id, worse, booking.version)
    await visits.depart(session, as_doctor(doctor), booking.id)
    assert booking.status is Status.EN_ROUTE


async def test_nor_a_doctor_at_the_door(session: AsyncSession) -> None:
    await demanded(session, CallType.CONSULTATION)
    booking, doctor = await accepted(session)
    await visits.start(session, as_doctor(doctor), booking.id)
    await earning.complete(session, booking)
    assert booking.status is Status.COMPLETED
