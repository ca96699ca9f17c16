"""Withdrawals: money leaves a wallet by the payments it came from, the rest by hand.

Two people of finance see to it, always: one prepares, another approves. Locks: the
withdrawal, then calls and payments in the order of their ids.
"""

import uuid
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Refund, Withdrawal
from models.base import uuid7
from models.refund import Destination, RefundOrigin, RefundReason, RefundStatus
from models.withdrawal import EDGES, WithdrawalStatus
from services import (
    clock,
    ledger,
    postings,
    refund_approvals,
    refund_steps,
    refund_terms,
    settings,
    withdrawal_plans,
    withdrawal_steps,
)
from services.actor import Actor
from services.errors import Conflict, Forbidden, IllegalTransition, StaleVersion
from services.inputs import wrong
from services.permissions import Permission, demand
from services.refund_steps import Locked
from services.withdrawal_plans import Part

W = WithdrawalStatus
MOST_KOPECKS = 100_000_000_000


async def request(
    session: AsyncSession, actor: Actor, amount_kopecks: int
) -> Withdrawal:
    """Ask for money of one's own wallet; it cannot be spent any more.

    Raises InsufficientFunds when the wallet holds less, and Conflict while another
    withdrawal goes.
    """
    demand(actor, Permission.WALLET_OWN)
    if not 1 <= amount_kopecks <= MOST_KOPECKS:
        raise wrong("amount_kopecks")
    withdrawal = Withdrawal(
        id=uuid7(), user_id=actor.user_id, amount_kopecks=amount_kopecks
    )
    # The lock of the wallet lets the requests of one person pass one by one.
    taken = postings.withdrawn(withdrawal.id, actor.user_id, amount_kopecks)
    await ledger.post(session, actor, taken)
    query = sa.select(col(Withdrawal.id)).where(
        col(Withdrawal.user_id) == actor.user_id,
        col(Withdrawal.status).in_([W.REQUESTED, W.PREPARED, W.APPROVED]),
    )
    if await session.scalar(query) is not None:
        raise Conflict("A withdrawal is being seen to already.")
    session.add(withdrawal)
    withdrawal_steps.record(session, actor, "requested", withdrawal)
    await session.flush()
    return withdrawal


async def prepare(
    session: AsyncSession, actor: Actor, withdrawal_id: uuid.UUID, version: int
) -> Withdrawal:
    """Plan by which payments the money goes back, and how much by hand."""
    demand(actor, Permission.WITHDRAWAL_PREPARE)
    withdrawal = await _seen(session, actor, withdrawal_id, version)
    if withdrawal.status not in {W.REQUESTED, W.PREPARED}:
        raise IllegalTransition("This withdrawal cannot be changed any more.")
    parts = await withdrawal_plans.plan(session, withdrawal)
    withdrawal.manual_kopecks = _by_hand(withdrawal, parts)
    withdrawal.status, withdrawal.prepared_by = W.PREPARED, actor.user_id
    withdrawal_steps.record(session, actor, "prepared", withdrawal)
    await session.flush()
    return withdrawal


async def approve(
    session: AsyncSession, actor: Actor, withdrawal_id: uuid.UUID, version: int
) -> Withdrawal:
    """Let a prepared withdrawal go; whoever prepared it does not approve it."""
    demand(actor, Permission.WITHDRAWAL_APPROVE)
    withdrawal = await _seen(session, actor, withdrawal_id, version)
    _demand_edge(withdrawal, W.APPROVED)
    demand_second(actor, withdrawal)
    parts = await withdrawal_plans.plan(session, withdrawal, lock=True)
    if _by_hand(withdrawal, parts) != withdrawal.manual_kopecks:
        raise StaleVersion(
            "What can go back by payments has changed. Prepare it anew.",
            current_version=withdrawal.version,
        )
    withdrawal.status, withdrawal.approved_by = W.APPROVED, actor.user_id
    withdrawal.approved_at = await clock.now(session)
    withdrawal_steps.record(session, actor, "approved", withdrawal)
    await session.flush()
    for part in parts:
        await _send(session, actor, withdrawal, part)
    return withdrawal


async def transfer(
    session: AsyncSession, actor: Actor, withdrawal_id: uuid.UUID, document: str
) -> Withdrawal:
    """Note that the part by hand has left the bank, with its document.

    It goes last, once every other part has ended: what fails is added to it.
    """
    demand(actor, Permission.WITHDRAWAL_PREPARE)
    withdrawal = await withdrawal_steps.lock(session, withdrawal_id)
    _demand_not_own(actor, withdrawal)
    _demand_edge(withdrawal, W.DONE)
    if await withdrawal_steps.parts_running(session, withdrawal):
        raise IllegalTransition("Other parts of this withdrawal have not ended yet.")
    withdrawal.document = refund_terms.document_of(document)
    kopecks = withdrawal.manual_kopecks
    await withdrawal_steps.done(session, actor, withdrawal)
    await session.flush()
    left = postings.withdrawal_transferred(withdrawal.id, kopecks)
    await ledger.post(session, actor, left)
    return withdrawal


async def reject(
    session: AsyncSession, actor: Actor, withdrawal_id: uuid.UUID, version: int
) -> Withdrawal:
    """Refuse a withdrawal that nobody has approved: the money is in the wallet again."""
    demand(actor, Permission.WITHDRAWAL_PREPARE)
    withdrawal = await _seen(session, actor, withdrawal_id, version)
    _demand_edge(withdrawal, W.REJECTED)
    withdrawal.status, withdrawal.ended_at = W.REJECTED, await clock.now(session)
    withdrawal_steps.record(session, actor, "rejected", withdrawal)
    await session.flush()
    back = postings.withdrawal_returned(
        withdrawal.id, withdrawal.user_id, withdrawal.amount_kopecks
    )
    await ledger.post(session, actor, back)
    await withdrawal_steps.tell(session, actor, withdrawal, "withdrawal_rejected")
    return withdrawal


def demand_second(actor: Actor, withdrawal: Withdrawal) -> None:
    """Refuse whoever prepared a withdrawal, and whoever would get it."""
    _demand_not_own(actor, withdrawal)
    if withdrawal.prepared_by == actor.user_id:
        raise Forbidden("Whoever prepared a withdrawal does not approve it.")


async def _seen(
    session: AsyncSession, actor: Actor, withdrawal_id: uuid.UUID, version: int
) -> Withdrawal:
    withdrawal = await withdrawal_steps.lock(session, withdrawal_id)
    _demand_not_own(actor, withdrawal)
    if withdrawal.version != version:
        raise StaleVersion(
            "The withdrawal has changed meanwhile. Nothing was overwritten.",
            current_version=withdrawal.version,
        )
    return withdrawal


def _demand_not_own(actor: Actor, withdrawal: Withdrawal) -> None:
    if withdrawal.user_id == actor.user_id:
        raise Forbidden("Nobody decides on money of their own.")


def _demand_edge(withdrawal: Withdrawal, target: WithdrawalStatus) -> None:
    if target not in EDGES[withdrawal.status]:
        raise IllegalTransition("This withdrawal cannot be changed any more.")


def _by_hand(withdrawal: Withdrawal, parts: list[Part]) -> int:
    return withdrawal.amount_kopecks - sum(part.kopecks for part in parts)


async def _send(
    session: AsyncSession, actor: Actor, withdrawal: Withdrawal, part: Part
) -> None:
    """Give one part back by the payment it came from; two people stand behind it."""
    assert withdrawal.prepared_by is not None  # noqa: S101 - the edges guarantee it
    payment = await session.get_one(Payment, part.payment_id)
    booking = await session.get_one(Booking, payment.booking_id)
    refund = Refund(
        booking_id=booking.id,
        payment_id=payment.id,
        withdrawal_id=withdrawal.id,
        origin=RefundOrigin.WITHDRAWAL,
        destination=Destination.ORIGINAL,
        status=RefundStatus.APPROVED,
        amount_kopecks=part.kopecks,
        reason_code=RefundReason.WITHDRAWAL,
        needs_approval=True,
        requested_by=withdrawal.prepared_by,
        requested_as=actor.acting_as.value,
        approved_by=actor.user_id,
        approved_at=withdrawal.approved_at,
    )
    hours = await settings.get(session, settings.REFUND_APPROVAL_HOURS)
    now = await clock.now(session)
    refund.approval_expires_at = now + timedelta(hours=hours)
    refund.approval_hash = refund_approvals.seal(refund, payment)
    locked = Locked(booking, payment, refund)
    await refund_steps.send_part(session, actor, locked)
