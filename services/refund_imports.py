"""Refunds that somebody made at the provider: taken over as they are."""

from collections.abc import Mapping
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, Refund
from models.payment import PaymentStatus
from models.recon_issue import IssueKind
from models.refund import (
    Destination,
    RefundOrigin,
    RefundReason,
    RefundStatus,
    Split,
)
from services import (
    clock,
    postings,
    provider_events,
    receipts,
    recon_issues,
    refund_steps,
)
from services.actor import Actor
from services.gateways.yookassa_answers import ProviderRefund
from services.gateways.yookassa_outcomes import Done
from services.refund_steps import Locked

SUCCEEDED = RefundStatus.SUCCEEDED
STATUS_OF: Mapping[str, RefundStatus] = {
    "pending": RefundStatus.PENDING_PROVIDER,
    "succeeded": SUCCEEDED,
    "canceled": RefundStatus.FAILED,
}


class Verdict(StrEnum):
    """What the news was worth; `waiting`: its payment is not known here yet."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    IMPORTED = "imported"
    WAITING = "waiting"
    QUARANTINED = "quarantined"


async def take_over(
    session: AsyncSession,
    actor: Actor,
    seen: ProviderRefund,
    answer: Done,
    source: str,
) -> Verdict:
    """Take over a refund that we did not ask for: its money has left already.

    The house bears it after a visit. Where the books hold too little of the payment,
    a person has to look.
    """
    if STATUS_OF.get(seen.status) is not SUCCEEDED:
        return Verdict.UNCHANGED
    known = sa.select(col(Payment.id)).where(
        col(Payment.provider_id) == seen.payment_id,
        col(Payment.status) == PaymentStatus.SUCCEEDED,
    )
    payment_id = await session.scalar(known)
    if payment_id is None:
        return Verdict.WAITING
    booking, payment = await refund_steps.lock_payment(session, payment_id)
    again = sa.select(col(Refund.id)).where(col(Refund.provider_id) == seen.id)
    if await session.scalar(again) is not None:
        return Verdict.UNCHANGED
    subject = f"provider_refund:{seen.id}"
    left = payment.captured_kopecks - payment.refunded_or_reserved_kopecks
    if left < seen.amount_kopecks:
        await recon_issues.report(
            session,
            IssueKind.MISSING_HERE,
            subject,
            payment_id=payment.id,
            amount_kopecks=seen.amount_kopecks,
            left_kopecks=left,
        )
        return Verdict.QUARANTINED
    locked = Locked(booking, payment, await _imported(session, payment, actor, seen))
    await refund_steps.reserve(session, actor, locked)
    provider_events.record(session, source, answer, refund_id=locked.refund.id)
    await refund_steps.arrive(session, actor, locked, postings.CLEARING)
    await receipts.note(session, locked.refund, seen.receipt_registration)
    await recon_issues.settle(session, IssueKind.MISSING_HERE, subject)
    return Verdict.IMPORTED


async def _imported(
    session: AsyncSession, payment: Payment, actor: Actor, seen: ProviderRefund
) -> Refund:
    """The row is final from the start, beside whatever refund of ours is under way."""
    now = await clock.now(session)
    return Refund(
        booking_id=payment.booking_id,
        payment_id=payment.id,
        origin=RefundOrigin.CABINET,
        destination=Destination.ORIGINAL,
        status=SUCCEEDED,
        amount_kopecks=seen.amount_kopecks,
        reason_code=RefundReason.OTHER,
        split=Split.HOUSE,
        requested_by=actor.user_id,
        requested_as=actor.acting_as.value,
        provider_id=seen.id,
        succeeded_at=now,
        ended_at=now,
    )
