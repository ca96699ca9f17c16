"""What waits for a person of finance: approvals, claims, withdrawals, what is stuck."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.payment import PaymentStatus
from models.payment_finance import PaymentFinance
from models.refund import ClaimStatus, Destination, RefundStatus
from models.refund_finance import RefundClaimFinance, RefundFinance
from models.withdrawal import WithdrawalStatus
from models.withdrawal_finance import WithdrawalFinance
from services import clock, refund_following, staff_names
from services.actor import Actor
from services.permissions import Permission, demand

LONGEST_QUEUE = 200
OPEN_WITHDRAWALS = (
    WithdrawalStatus.REQUESTED,
    WithdrawalStatus.PREPARED,
    WithdrawalStatus.APPROVED,
)
# How long each step may take before a person should know.
SOON, LATE, A_DAY = timedelta(minutes=2), timedelta(minutes=15), timedelta(days=1)


class Trouble(StrEnum):
    """Why something stands still."""

    REFUND_UNKNOWN = "refund_unknown"
    REFUND_SENDING = "refund_sending"
    REFUND_SLOW = "refund_slow"
    REFUND_NOT_SENT = "refund_not_sent"
    REFUND_BY_HAND = "refund_by_hand"
    PAYMENT_UNKNOWN = "payment_unknown"


TROUBLE_OF = {
    RefundStatus.UNKNOWN: Trouble.REFUND_UNKNOWN,
    RefundStatus.SENDING: Trouble.REFUND_SENDING,
    RefundStatus.PENDING_PROVIDER: Trouble.REFUND_SLOW,
    RefundStatus.APPROVED: Trouble.REFUND_NOT_SENT,
}


@dataclass(frozen=True)
class Queue:
    """Some rows of a queue, the names of staff in them, and the present moment."""

    rows: Sequence[Any]
    names: Mapping[uuid.UUID, str]
    now: datetime


@dataclass(frozen=True)
class Stuck:
    """One thing that stands still, since when, and when it is tried again.

    `given_up`: the provider remembers the key no more, so a person may close it.
    """

    trouble: Trouble
    row: RefundFinance | PaymentFinance
    since: datetime
    given_up: bool = False


async def approvals(session: AsyncSession, actor: Actor) -> Queue:
    """List the refunds that wait for a second person, the oldest first."""
    demand(actor, Permission.PAYMENT_READ)
    waiting = RefundFinance.status == RefundStatus.AWAITING_APPROVAL
    rows = await _rows(session, RefundFinance, waiting)
    return await _queue(session, rows, [each.requested_by for each in rows])


async def claims(session: AsyncSession, actor: Actor, status: ClaimStatus) -> Queue:
    """List the claims of one state, the oldest first."""
    demand(actor, Permission.PAYMENT_READ)
    rows = await _rows(session, RefundClaimFinance, RefundClaimFinance.status == status)
    return await _queue(session, rows, [each.decided_by for each in rows])


async def withdrawals(session: AsyncSession, actor: Actor, ended: bool) -> Queue:
    """List the withdrawals under way, or those that have ended."""
    demand(actor, Permission.PAYMENT_READ)
    under_way = WithdrawalFinance.status.in_(OPEN_WITHDRAWALS)
    rows = await _rows(session, WithdrawalFinance, ~under_way if ended else under_way)
    people = [who for each in rows for who in (each.prepared_by, each.approved_by)]
    return await _queue(session, rows, people)


async def stuck(session: AsyncSession, actor: Actor) -> Queue:
    """List what has stood still for too long, the oldest first."""
    demand(actor, Permission.PAYMENT_READ)
    now = await clock.now(session)
    refunds = await _rows(session, RefundFinance, _stuck_refunds(now))
    payments = await _rows(session, PaymentFinance, _stuck_payments(now))
    found = [_refund(each, now) for each in refunds]
    found += [_payment(each) for each in payments]
    found.sort(key=lambda each: each.since)
    return await _queue(session, found, [each.requested_by for each in refunds])


async def counts(session: AsyncSession) -> Mapping[str, int]:
    """Count what waits: `approvals`, `claims`, `withdrawals` and `stuck`."""
    now = await clock.now(session)
    awaiting = RefundFinance.status == RefundStatus.AWAITING_APPROVAL
    open_claims = RefundClaimFinance.status == ClaimStatus.OPEN
    under_way = WithdrawalFinance.status.in_(OPEN_WITHDRAWALS)
    return {
        "approvals": await _count(session, RefundFinance, awaiting),
        "claims": await _count(session, RefundClaimFinance, open_claims),
        "withdrawals": await _count(session, WithdrawalFinance, under_way),
        "stuck": await _count(session, RefundFinance, _stuck_refunds(now))
        + await _count(session, PaymentFinance, _stuck_payments(now)),
    }


def _stuck_refunds(now: datetime) -> Any:
    status, sent = RefundFinance.status, RefundFinance.key_used_at
    decided = sa.func.coalesce(RefundFinance.approved_at, RefundFinance.created_at)
    by_hand = RefundFinance.destination == Destination.MANUAL
    return sa.or_(
        sa.and_(status == RefundStatus.UNKNOWN, sent < now - LATE),
        sa.and_(status == RefundStatus.SENDING, sent < now - SOON),
        sa.and_(status == RefundStatus.PENDING_PROVIDER, sent < now - A_DAY),
        sa.and_(status == RefundStatus.APPROVED, sa.or_(by_hand, decided < now - SOON)),
    )


def _stuck_payments(now: datetime) -> Any:
    lost = PaymentFinance.status.in_((PaymentStatus.CREATED, PaymentStatus.UNKNOWN))
    return sa.and_(lost, PaymentFinance.created_at < now - SOON)


def _refund(row: RefundFinance, now: datetime) -> Stuck:
    trouble = TROUBLE_OF[row.status]
    if trouble is Trouble.REFUND_NOT_SENT and row.destination is Destination.MANUAL:
        trouble = Trouble.REFUND_BY_HAND
    since = row.key_used_at or row.approved_at or row.created_at
    old = now - since > refund_following.KEY_GONE
    return Stuck(trouble, row, since, old and trouble is Trouble.REFUND_UNKNOWN)


def _payment(row: PaymentFinance) -> Stuck:
    return Stuck(Trouble.PAYMENT_UNKNOWN, row, row.key_used_at or row.created_at)


async def _rows(session: AsyncSession, view: Any, condition: Any) -> Sequence[Any]:
    query = sa.select(view).where(condition).order_by(view.created_at)
    query = query.limit(LONGEST_QUEUE).execution_options(populate_existing=True)
    return (await session.scalars(query)).all()


async def _count(session: AsyncSession, view: Any, condition: Any) -> int:
    query = sa.select(sa.func.count()).select_from(view).where(condition)
    return int(await session.scalar(query) or 0)


async def _queue(
    session: AsyncSession, rows: Sequence[Any], people: Sequence[uuid.UUID | None]
) -> Queue:
    names = await staff_names.of(session, people)
    return Queue(rows, names, await clock.now(session))
