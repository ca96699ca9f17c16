"""One withdrawal as finance reads it: by which payments it goes, and what by hand."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Withdrawal
from models.payment_finance import PaymentFinance
from models.refund_finance import RefundFinance
from models.withdrawal import WithdrawalStatus
from models.withdrawal_finance import WithdrawalFinance
from services import clock, staff_names, withdrawal_plans, withdrawals
from services.actor import Actor
from services.errors import Forbidden, NotFound
from services.permissions import Permission, demand
from services.sensitive_reads import journal_read

PLANNED = frozenset({WithdrawalStatus.REQUESTED, WithdrawalStatus.PREPARED})


@dataclass(frozen=True)
class Planned:
    """So many kopecks that would go back by one payment."""

    payment: PaymentFinance
    kopecks: int


@dataclass(frozen=True)
class WithdrawalView:
    """A withdrawal, its parts planned or sent, and why one may not approve it."""

    withdrawal: WithdrawalFinance
    planned: Sequence[Planned]
    sent: Sequence[RefundFinance]
    obstacle: Forbidden | None
    names: Mapping[uuid.UUID, str]
    now: datetime

    @property
    def by_payments(self) -> int:
        """The kopecks that go back by the payments they came from."""
        if self.withdrawal.status in PLANNED:
            return sum(part.kopecks for part in self.planned)
        return self.withdrawal.amount_kopecks - self.withdrawal.manual_kopecks

    @property
    def by_hand(self) -> int:
        """The kopecks that no payment takes back and that a person transfers."""
        return self.withdrawal.amount_kopecks - self.by_payments

    @property
    def running(self) -> bool:
        """Some parts have not ended."""
        return any(part.is_open for part in self.sent)


async def one(
    session: AsyncSession, actor: Actor, withdrawal_id: uuid.UUID
) -> WithdrawalView:
    """Show a withdrawal; the look is journalled."""
    demand(actor, Permission.PAYMENT_READ)
    row = await session.get(Withdrawal, withdrawal_id)
    if row is None:
        raise NotFound
    await journal_read(session, actor, "withdrawal", row.id, "money")
    found = await session.get_one(WithdrawalFinance, row.id, populate_existing=True)
    parts = sa.select(RefundFinance).where(RefundFinance.withdrawal_id == row.id)
    return WithdrawalView(
        found,
        await _planned(session, row) if row.status in PLANNED else [],
        (await session.scalars(parts.order_by(RefundFinance.id))).all(),
        _obstacle(actor, row),
        await staff_names.of(session, [row.prepared_by, row.approved_by]),
        await clock.now(session),
    )


async def _planned(session: AsyncSession, row: Withdrawal) -> Sequence[Planned]:
    return [
        Planned(await session.get_one(PaymentFinance, part.payment_id), part.kopecks)
        for part in await withdrawal_plans.plan(session, row)
    ]


def _obstacle(actor: Actor, row: Withdrawal) -> Forbidden | None:
    try:
        withdrawals.demand_second(actor, row)
    except Forbidden as obstacle:
        return obstacle
    return None
