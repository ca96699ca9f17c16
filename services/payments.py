"""What patients may read of their own payments."""

import uuid
from dataclasses import dataclass

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment
from models.payment import PaymentStatus, Surplus
from services import booking_reads, pages, proven_phones
from services.actor import Actor
from services.errors import NotFound
from services.pages import Page, Wanted
from services.permissions import Permission, demand


@dataclass(frozen=True)
class Progress:
    """How far a payment is; `surplus` says why its money is given back at once."""

    status: PaymentStatus
    surplus: Surplus | None


async def own(session: AsyncSession, actor: Actor, payment_id: uuid.UUID) -> Payment:
    """Find a payment of one's own call; anybody else's does not exist."""
    demand(actor, Permission.PAYMENT_OWN)
    query = (
        select(Payment)
        .join(Booking, col(Booking.id) == col(Payment.booking_id))
        .where(
            col(Payment.id) == payment_id,
            col(Booking.patient_id) == actor.user_id,
            proven_phones.shown(actor.user_id),
        )
    )
    payment = (await session.exec(query)).one_or_none()
    if payment is None:
        raise NotFound
    return payment


async def of_booking(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, wanted: Wanted
) -> Page[Payment]:
    """List the attempts at one's own call, newest first."""
    demand(actor, Permission.PAYMENT_OWN)
    booking = await booking_reads.own_booking(session, actor, booking_id)
    query = select(Payment).where(col(Payment.booking_id) == booking.id)
    rows = await session.exec(pages.newest_first(query, Payment, wanted))
    return pages.cut(rows.all(), wanted)


async def qr_link(session: AsyncSession, actor: Actor, payment_id: uuid.UUID) -> str:
    """Give what the QR code of an own payment says, while it may be paid."""
    payment = await own(session, actor, payment_id)
    if payment.confirmation_data is None or not payment.is_payable:
        raise NotFound
    return payment.confirmation_data


async def progress(session: AsyncSession, payment_id: uuid.UUID) -> Progress:
    """Tell how far a payment is, to whoever came back from it, and nothing else."""
    query = select(Payment.status, Payment.surplus).where(col(Payment.id) == payment_id)
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise NotFound
    return Progress(*found)
