"""By which payments money of a wallet goes back to where it came from.

Only what a payment gave to the wallet, newest payments first. A payment whose refund
has not ended is left alone. The provider moves no part below 1 ₽ and none may stay,
so parts are rounded down and the rest goes by hand.
"""

import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Refund, Withdrawal
from models.payment import PaymentMethod
from models.refund import OPEN
from services.gateways.yookassa_bodies import LEAST_KOPECKS


@dataclass(frozen=True)
class Part:
    """So many kopecks of a withdrawal, by one payment."""

    payment_id: uuid.UUID
    kopecks: int


async def plan(
    session: AsyncSession, withdrawal: Withdrawal, *, lock: bool = False
) -> list[Part]:
    """Share a withdrawal out; with `lock`, over calls and payments that stay locked."""
    payments = await _candidates(session, withdrawal.user_id)
    if lock:
        await _lock(session, payments)
        payments = await _candidates(session, withdrawal.user_id)
    parts, left = [], withdrawal.amount_kopecks
    for payment in payments:
        kopecks = _part(payment, left)
        if kopecks > 0:
            parts.append(Part(payment.id, kopecks))
            left -= kopecks
    return parts


async def _candidates(session: AsyncSession, user_id: uuid.UUID) -> list[Payment]:
    """List the payments that gave something to the wallet, newest first."""
    open_refund = sa.exists().where(
        col(Refund.payment_id) == col(Payment.id), col(Refund.status).in_(OPEN)
    )
    query = (
        select(Payment)
        .where(col(Payment.payer_id) == user_id)
        .where(col(Payment.method) != PaymentMethod.WALLET)
        .where(
            col(Payment.refunded_or_reserved_kopecks)
            > col(Payment.returned_or_reserved_kopecks)
        )
        .where(~open_refund)
        .order_by(col(Payment.id).desc())
        .execution_options(populate_existing=True)
    )
    return list((await session.exec(query)).all())


async def _lock(session: AsyncSession, payments: list[Payment]) -> None:
    calls = {payment.booking_id for payment in payments}
    of_calls = select(Booking.id).where(col(Booking.id).in_(calls))
    await session.exec(of_calls.order_by(col(Booking.id)).with_for_update())
    ids = {payment.id for payment in payments}
    of_them = select(Payment.id).where(col(Payment.id).in_(ids))
    await session.exec(of_them.order_by(col(Payment.id)).with_for_update())


def _part(payment: Payment, left: int) -> int:
    """Give how much of `left` this payment takes; it keeps nothing or at least 1 ₽."""
    given = payment.refunded_or_reserved_kopecks - payment.returned_or_reserved_kopecks
    part = min(given, left)
    if 0 < given - part < LEAST_KOPECKS:
        part = given - LEAST_KOPECKS
    return part if part >= LEAST_KOPECKS else 0
