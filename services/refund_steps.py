"""What all refund verbs share: locks, the reservation, the end, the journal.

Locks are taken in one order everywhere: booking, payment, refund, ledger accounts.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Refund
from models.booking import Status
from models.recon_issue import IssueKind
from models.refund import EDGES, Destination, RefundOrigin, RefundStatus, Split
from services import (
    audit,
    clock,
    jobs,
    ledger,
    live,
    postings,
    recon_issues,
    refund_claim_steps,
)
from services.actor import Actor
from services.amounts import roubles
from services.booking_steps import lock_booking
from services.errors import Forbidden, IllegalTransition, NotFound
from services.ledger import Account
from services.notifications import Notice, notify
from services.refund_unwinding import Unwound, taken_back, unwinding

SEND = "refund.send"


@dataclass(frozen=True)
class Locked:
    """A refund with its payment and its call, all three locked."""

    booking: Booking
    payment: Payment
    refund: Refund


async def lock_payments(session: AsyncSession, booking_id: uuid.UUID) -> list[Payment]:
    """Lock all payments of a call, whose own row is locked already."""
    query = select(Payment).where(col(Payment.booking_id) == booking_id)
    query = query.order_by(col(Payment.id)).with_for_update()
    found = await session.exec(query.execution_options(populate_existing=True))
    return list(found)


async def lock_payment(
    session: AsyncSession, payment_id: uuid.UUID
) -> tuple[Booking, Payment]:
    """Lock a payment after the call it is for."""
    known = await session.get(Payment, payment_id)
    if known is None:
        raise NotFound
    await session.flush()
    booking = await lock_booking(session, known.booking_id)
    await session.refresh(known, with_for_update=True)
    return booking, known


async def lock(session: AsyncSession, refund_id: uuid.UUID) -> Locked:
    """Lock a refund after the call and the payment that it belongs to."""
    known = await session.get(Refund, refund_id)
    if known is None:
        raise NotFound
    booking, payment = await lock_payment(session, known.payment_id)
    await session.refresh(known, with_for_update=True)
    return Locked(booking, payment, known)


def demand_not_own(actor: Actor, booking: Booking, payment: Payment) -> None:
    """Refuse staff who would decide on money of their own."""
    if actor.user_id in {booking.patient_id, payment.payer_id}:
        raise Forbidden("Nobody decides on money of their own.")


def demand_edge(refund: Refund, target: RefundStatus) -> None:
    """Refuse a step that the refund's status does not allow."""
    if target not in EDGES[refund.status]:
        raise IllegalTransition("This refund cannot be changed any more.")


async def begin(
    session: AsyncSession, actor: Actor, locked: Locked, **facts: Any
) -> Refund:
    """Write a new refund and reserve its money; one that is approved goes on at once.

    `facts` go into the journal. Raises InsufficientFunds when the money is not there.
    """
    await reserve(session, actor, locked, **facts)
    if locked.refund.status is RefundStatus.APPROVED:
        await proceed(session, actor, locked)
    else:
        await shown(session, locked.refund)
    return locked.refund


async def reserve(
    session: AsyncSession, actor: Actor, locked: Locked, **facts: Any
) -> None:
    """Write a new refund and reserve its money."""
    booking, payment, refund = locked.booking, locked.payment, locked.refund
    amount = refund.amount_kopecks
    unwound = await unwinding(session, booking, payment, amount, refund.split)
    _bear(refund, booking, unwound)
    count(payment, refund, amount)
    session.add(refund)
    await session.flush()
    posting = postings.reserved(refund.id, booking.id, amount, unwound)
    await ledger.post(session, actor, posting)
    facts |= {"amount_kopecks": amount, "destination": refund.destination.value}
    record(session, actor, "requested", refund, **facts)


async def send_part(session: AsyncSession, actor: Actor, locked: Locked) -> None:
    """Send a part of a withdrawal, whose money has left the wallet already."""
    count(locked.payment, locked.refund, locked.refund.amount_kopecks)
    session.add(locked.refund)
    await session.flush()
    amount = locked.refund.amount_kopecks
    record(session, actor, "requested", locked.refund, amount_kopecks=amount)
    await proceed(session, actor, locked)


async def rearrange(
    session: AsyncSession,
    actor: Actor,
    locked: Locked,
    kopecks: int,
    destination: Destination,
    split: Split | None,
) -> None:
    """Change how much a refund reserves and where it goes, as if asked for anew."""
    booking, payment, refund = locked.booking, locked.payment, locked.refund
    key = f":{refund.version}"
    await _undo(session, actor, locked, key)
    # Asked first: the row is written whole, never a new sum with the old share.
    unwound = await unwinding(session, booking, payment, kopecks, split)
    refund.amount_kopecks, refund.destination = kopecks, destination
    refund.split = split
    _bear(refund, booking, unwound)
    count(payment, refund, kopecks)
    await session.flush()
    posting = postings.reserved(refund.id, booking.id, kopecks, unwound, key)
    await ledger.post(session, actor, posting)


async def proceed(session: AsyncSession, actor: Actor, locked: Locked) -> None:
    """Send an approved refund on its way; one into the wallet is there at once."""
    refund = locked.refund
    if refund.destination is Destination.WALLET:
        target = postings.wallet(locked.payment.payer_id)
        await arrive(session, actor, locked, target)
        return
    if refund.destination is Destination.MANUAL:
        # Nothing is due but the end of the approval.
        refund.next_look_at = refund.approval_expires_at
    else:
        refund.next_look_at = await clock.now(session)
        await jobs.enqueue(session, SEND, refund_id=refund.id)
    await shown(session, refund)


async def arrive(
    session: AsyncSession, actor: Actor, locked: Locked, target: Account
) -> None:
    """The money is where it was to go: post it, tell the payer."""
    refund = locked.refund
    now = await clock.now(session)
    refund.status = RefundStatus.SUCCEEDED
    refund.succeeded_at = refund.ended_at = now
    refund.next_look_at = None
    posting = postings.refunded(
        refund.id, refund.booking_id, target, refund.amount_kopecks
    )
    await ledger.post(session, actor, posting)
    await _make_good(session, refund)
    await refund_claim_steps.keep_leftover(session, actor, locked.booking, refund)
    record(session, actor, "succeeded", refund)
    await tell(session, actor, locked, f"refund_{refund.destination.value}")
    await shown(session, refund)


async def _make_good(session: AsyncSession, refund: Refund) -> None:
    """Refunds of the payment that failed before, and ask for no more than this one.

    Nobody has to see to them any more.
    """
    failed = (
        sa.update(Refund)
        .where(col(Refund.payment_id) == refund.payment_id)
        .where(col(Refund.status) == RefundStatus.FAILED)
        .where(col(Refund.followed_at).is_(None))
        .where(col(Refund.amount_kopecks) <= refund.amount_kopecks)
    )
    marked = failed.values(followed_at=refund.ended_at).returning(col(Refund.id))
    for failed_id in await session.scalars(marked):
        subject = f"refund:{failed_id}"
        await recon_issues.settle(session, IssueKind.REFUND_FAILED, subject)


async def end_without(
    session: AsyncSession, actor: Actor, locked: Locked, status: RefundStatus
) -> None:
    """The refund comes to nothing: what it held is free again, to the kopeck.

    Money of a withdrawal stays on its way and goes by hand.
    """
    refund = locked.refund
    refund.status, refund.ended_at = status, await clock.now(session)
    refund.next_look_at = None
    await _undo(session, actor, locked, "")
    record(session, actor, status.value, refund, code=refund.failure_code)
    await shown(session, refund)


async def _undo(session: AsyncSession, actor: Actor, locked: Locked, key: str) -> None:
    payment, refund = locked.payment, locked.refund
    count(payment, refund, -refund.amount_kopecks)
    if refund.origin is RefundOrigin.WITHDRAWAL:
        return
    posting = postings.released(
        refund.id,
        refund.booking_id,
        refund.amount_kopecks,
        await taken_back(session, refund.id),
        key,
    )
    await ledger.post(session, actor, posting)


def count(payment: Payment, refund: Refund, kopecks: int) -> None:
    """Add to the payment's counters what is held, or take it off them.

    What goes into the wallet may still be withdrawn to the means it came from.
    """
    if refund.origin is not RefundOrigin.WITHDRAWAL:
        payment.refunded_or_reserved_kopecks += kopecks
    if refund.destination is not Destination.WALLET:
        payment.returned_or_reserved_kopecks += kopecks


def record(
    session: AsyncSession, actor: Actor, verb: str, refund: Refund, **data: Any
) -> None:
    """Write the journal and count the version up."""
    refund.version += 1
    audit.record(session, actor, f"refund.{verb}", "refund", refund.id, **data)


async def shown(session: AsyncSession, refund: Refund) -> None:
    """Write what is pending, and let boards show how the money of the call stands."""
    await session.flush()
    await live.announce(session, live.Topic.CALL, refund.booking_id)


async def tell(session: AsyncSession, actor: Actor, locked: Locked, kind: str) -> None:
    """Tell the payer, with the number of the call and the sum alone."""
    facts = {
        "call": locked.booking.label,
        "amount": roubles(locked.refund.amount_kopecks),
    }
    payer_id, booking_id = locked.payment.payer_id, locked.booking.id
    notice = Notice(kind, payer_id, facts=facts, booking_id=booking_id)
    await notify(session, actor, notice)


def _bear(refund: Refund, booking: Booking, unwound: Unwound) -> None:
    """Note who bears a refund after the visit."""
    finished = booking.status is Status.COMPLETED
    refund.doctor_kopecks = unwound[1] if finished else None
    if not finished or unwound[1:] == (0, 0):
        refund.split = None
