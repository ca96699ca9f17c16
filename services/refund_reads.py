"""One refund as whoever may approve it reads it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Booking, Payment, Refund
from models.payment_finance import PaymentFinance
from models.refund import Doubt
from models.refund_finance import RefundFinance
from services import money_reads, refund_approvals
from services.actor import Actor
from services.errors import Forbidden, NotFound
from services.money_reads import CallMoney
from services.permissions import Permission, demand


@dataclass(frozen=True)
class RefundView:
    """A refund with the money of its call around it.

    `seal` is what an approval of it is bound to; `obstacle` says why this person is
    not the one to approve it, and `doubts` why it needed a second person at all.
    """

    refund: RefundFinance
    payment: PaymentFinance
    money: CallMoney
    seal: str
    obstacle: Forbidden | None
    doubts: Sequence[Doubt]

    @property
    def earlier(self) -> Sequence[RefundFinance]:
        """The other refunds of the call."""
        return [each for each in self.money.refunds if each.id != self.refund.id]


async def one(session: AsyncSession, actor: Actor, refund_id: uuid.UUID) -> RefundView:
    """Show a refund; the look at its call's money is journalled."""
    demand(actor, Permission.PAYMENT_READ)
    row = await session.get(Refund, refund_id)
    if row is None:
        raise NotFound
    payment = await session.get_one(Payment, row.payment_id)
    money = await money_reads.of_call(session, actor, row.booking_id)
    return RefundView(
        next(each for each in money.refunds if each.id == row.id),
        next(each for each in money.payments if each.id == payment.id),
        money,
        refund_approvals.seal(row, payment),
        await _obstacle(session, actor, row, payment),
        await _doubts(session, row.id),
    )


async def _obstacle(
    session: AsyncSession, actor: Actor, refund: Refund, payment: Payment
) -> Forbidden | None:
    booking = await session.get_one(Booking, refund.booking_id)
    try:
        refund_approvals.demand_second(actor, booking, payment, refund)
    except Forbidden as obstacle:
        return obstacle
    return None


async def _doubts(session: AsyncSession, refund_id: uuid.UUID) -> Sequence[Doubt]:
    """Read from the journal why the refund was not one person's to give."""
    data = await session.scalar(
        sa.select(col(AuditEvent.data))
        .where(col(AuditEvent.object_id) == refund_id)
        .where(col(AuditEvent.action) == "refund.requested")
    )
    return [Doubt(each) for each in (data or {}).get("doubts", ())]
