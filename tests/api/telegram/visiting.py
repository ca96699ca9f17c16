"""A visit and its talk on the phones, and what the database has of them."""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import col, select

from models import (
    Booking,
    BookingEvent,
    Message,
    TelegramDialog,
    User,
)
from models.booking import Status
from models.role_grant import Role
from services import assignments, bookings, chat, clock
from services.actor import Actor, Via
from services.clock import of_outside
from tests import factories
from tests.api.telegram.stage import Stage
from tests.telegram_server import Phone


async def dialogs(stage: Stage) -> list[tuple[str, str]]:
    rows = await stage.do(lambda own: own.exec(select(TelegramDialog)))
    return [(each.kind, each.step) for each in rows.all()]


async def visit_in(
    stage: Stage, status: Status, *, content: bool = True
) -> tuple[Phone, Booking]:
    """A doctor's phone with the card of a visit in this status on it."""
    doctor, phone = await stage.doctor()
    patient = await stage.do(factories.patient)
    if content:
        await stage.content(patient)
    booking = await stage.call(patient, doctor, status)
    await stage.said(phone, "/visits")
    await stage.tapped(phone, booking.label)
    return phone, booking


async def history(own, booking: Booking) -> Sequence[BookingEvent]:  # type: ignore[no-untyped-def]
    query = select(BookingEvent).where(col(BookingEvent.booking_id) == booking.id)
    return (await own.exec(query.order_by(col(BookingEvent.version)))).all()


async def lose(stage: Stage, booking: Booking) -> None:
    async def work(own):  # type: ignore[no-untyped-def]
        staff = factories.as_staff(await factories.dispatcher(own))
        await assignments.unassign(own, staff, booking.id, None, "Другой ближе")

    await stage.do(work)


async def touched(own, booking: Booking) -> None:  # type: ignore[no-untyped-def]
    staff = factories.as_staff(await factories.dispatcher(own))
    await bookings.join(own, staff, booking.id, "Звонили ещё раз")


async def later(own, patient, doctor, at: int) -> Booking:  # type: ignore[no-untyped-def]
    staff = factories.as_staff(await factories.dispatcher(own))
    made = await factories.booking(own, patient)
    start = await clock.now(own) + timedelta(hours=3 * at + 1)
    return await assignments.assign(
        own, staff, made.id, doctor.id, made.version, planned_start=start
    )


async def stamps(own) -> list[float]:  # type: ignore[no-untyped-def]
    now = await clock.now(own)
    then = await of_outside(own, now - timedelta(minutes=1))
    ahead = await of_outside(own, now + timedelta(hours=1))
    return [then.timestamp(), ahead.timestamp()]


async def pair(
    stage: Stage, status: Status = Status.ACCEPTED, *, content: bool = True
) -> tuple[Booking, User, Phone, User, Phone]:
    """A call, its doctor and its patient with their phones."""
    doctor, doctors = await stage.doctor(101)
    patient, patients = await stage.patient(202)
    if content:
        await stage.content(patient)
    booking = await stage.call(patient, doctor, status)
    return booking, doctor, doctors, patient, patients


async def said_in(stage: Stage, booking: Booking) -> list[Message]:
    query = select(Message).where(
        col(Message.booking_id) == booking.id, col(Message.sender_id).is_not(None)
    )
    rows = await stage.do(lambda own: own.exec(query.order_by(col(Message.seq))))
    return list(rows.all())


async def write(
    stage: Stage, user: User, role: Role, booking: Booking, text: str
) -> None:
    actor = Actor(user.id, role, Via.API)
    await stage.do(lambda own: chat.send(own, actor, booking.id, text))
