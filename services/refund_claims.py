"""Claims: a patient asks for money back, and finance decides with refunds or without.

Claims of a call are changed under the lock of the call. The patient's words stay with
the call and are not for finance.
"""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, RefundClaim
from models.booking import Status
from models.refund import ClaimStatus, RefundReason
from services import clock, refund_claim_steps, refund_limits, refunds
from services.actor import Actor
from services.booking_steps import demand_ownership, lock_booking
from services.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    NotFound,
    StaleVersion,
)
from services.i18n import gettext
from services.inputs import wrong
from services.notifications import Notice, notify
from services.permissions import Permission, demand
from services.refund_terms import Wish

BEGUN = frozenset({Status.IN_PROGRESS, Status.COMPLETED, Status.CANCELLED})
PATIENTS_REASONS = frozenset(
    {
        RefundReason.CANCELLED,
        RefundReason.NOT_RENDERED,
        RefundReason.POOR_SERVICE,
        RefundReason.WRONG_AMOUNT,
        RefundReason.DOUBLE_PAYMENT,
        RefundReason.OTHER,
    }
)


async def open_claim(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    reason_code: RefundReason,
    comment: str | None = None,
) -> RefundClaim:
    """Ask for money back for one's own call, once at a time.

    Raises IllegalTransition before the visit, when the call is simply cancelled, and
    Conflict when a claim is open or nothing is left that could go back.
    """
    demand(actor, Permission.CLAIM_OPEN)
    booking = await lock_booking(session, booking_id)
    await demand_ownership(session, actor, booking, None, await clock.now(session))
    if reason_code not in PATIENTS_REASONS:
        raise wrong("reason_code", gettext("This reason is not yours to give"))
    if booking.status not in BEGUN:
        raise IllegalTransition("Before the visit, cancel the call instead.")
    if await refund_claim_steps.running(session, booking.id) is not None:
        raise Conflict("A request for this call is being looked at already.")
    if not await _something_left(session, booking):
        raise Conflict("Nothing was paid for this call that could still go back.")
    return await refund_claim_steps.write(session, actor, booking, reason_code, comment)


async def _something_left(session: AsyncSession, booking: Booking) -> bool:
    return await session.scalar(_left(booking.id)) is not None


def _left(booking_id: uuid.UUID) -> sa.Select[uuid.UUID]:
    left = col(Payment.captured_kopecks) > col(Payment.refunded_or_reserved_kopecks)
    query = sa.select(col(Payment.id)).where(col(Payment.booking_id) == booking_id)
    return query.where(left).limit(1)


async def accept(
    session: AsyncSession,
    actor: Actor,
    claim_id: uuid.UUID,
    wishes: Sequence[Wish],
    version: int,
) -> RefundClaim:
    """Give in to a claim with one refund or more, each of one payment of the call."""
    await refund_limits.take_turns(session, actor)
    claim = await _open(session, actor, claim_id, version)
    if not wishes:
        raise wrong("refunds")
    for wish in wishes:
        payment = await session.get(Payment, wish.payment_id)
        if payment is None or payment.booking_id != claim.booking_id:
            raise NotFound
        await refunds.request(session, actor, wish, claim)
    await refund_claim_steps.close(session, actor, claim, ClaimStatus.ACCEPTED)
    return claim


async def decline(
    session: AsyncSession, actor: Actor, claim_id: uuid.UUID, version: int
) -> RefundClaim:
    """Refuse a claim; the patient is told that, and asks by phone why.

    Raises IllegalTransition while money that was too much has not gone back: it is
    the payer's, whatever the visit was.
    """
    claim = await _open(session, actor, claim_id, version)
    left = _left(claim.booking_id).where(col(Payment.surplus).is_not(None))
    if await session.scalar(left) is not None:
        raise IllegalTransition("What was paid twice or too late goes back first.")
    await refund_claim_steps.close(session, actor, claim, ClaimStatus.DECLINED)
    booking = await session.get_one(Booking, claim.booking_id)
    facts = {"call": booking.label}
    kind, patient_id = "claim_declined", booking.patient_id
    notice = Notice(kind, patient_id, facts=facts, booking_id=booking.id)
    await notify(session, actor, notice)
    return claim


async def _open(
    session: AsyncSession, actor: Actor, claim_id: uuid.UUID, version: int
) -> RefundClaim:
    """Lock the call of a claim, and check that the claim can be decided on."""
    demand(actor, Permission.CLAIM_DECIDE)
    claim = await session.get(RefundClaim, claim_id)
    if claim is None:
        raise NotFound
    booking = await lock_booking(session, claim.booking_id)
    await session.refresh(claim)
    if booking.patient_id == actor.user_id:
        raise Forbidden("Nobody decides on money of their own.")
    if claim.status is not ClaimStatus.OPEN:
        raise IllegalTransition("This claim has been decided on already.")
    if claim.version != version:
        raise StaleVersion(
            "The claim has changed meanwhile. Nothing was overwritten.",
            current_version=claim.version,
        )
    return claim
