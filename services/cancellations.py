"""The money of a call that ends without a visit, in the transaction that ends it.

Attempts to pay are given up. Before the visit begins the policy gives back what it
gives by itself, whatever the sum, and the house keeps the rest; after that a claim
opens and finance decides.
"""

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Refund
from models.booking import Status
from models.payment import PaymentStatus
from models.refund import RefundOrigin, RefundReason, RefundStatus
from services import (
    clock,
    payment_opening,
    refund_claim_steps,
    refund_quotes,
    refund_steps,
)
from services.actor import Actor
from services.refund_quotes import Part, RefundQuote
from services.refund_steps import Locked

CANCELLED = RefundReason.CANCELLED


async def settle(
    session: AsyncSession, actor: Actor, booking: Booking, was: Status
) -> None:
    """See to the money of a call that was just cancelled from the status `was`."""
    payments = await refund_steps.lock_payments(session, booking.id)
    now = await clock.now(session)
    for payment in payments:
        if payment.is_open and payment.superseded_at is None:
            await payment_opening.supersede(session, actor, payment, now)
    if not any(payment.status is PaymentStatus.SUCCEEDED for payment in payments):
        return
    quote = await refund_quotes.quote(session, booking, payments)
    if was is Status.IN_PROGRESS:
        await _claim(session, actor, booking, quote)
        return
    known = {payment.id: payment for payment in payments}
    for part in quote.parts:
        await _give(session, actor, booking, known[part.payment_id], part, quote)
    await refund_claim_steps.keep_rest(session, actor, booking, "cancel")


async def _claim(
    session: AsyncSession, actor: Actor, booking: Booking, quote: RefundQuote
) -> None:
    """Let finance decide on what was paid, unless the patient has asked already."""
    asked = await refund_claim_steps.running(session, booking.id)
    if asked is None and quote.base > quote.given:
        await refund_claim_steps.write(session, actor, booking, CANCELLED)


async def _give(
    session: AsyncSession,
    actor: Actor,
    booking: Booking,
    payment: Payment,
    part: Part,
    quote: RefundQuote,
) -> None:
    refund = Refund(
        booking_id=booking.id,
        payment_id=payment.id,
        origin=RefundOrigin.POLICY,
        destination=part.destination,
        status=RefundStatus.APPROVED,
        amount_kopecks=part.kopecks,
        reason_code=CANCELLED,
        requested_by=actor.user_id,
        requested_as=actor.acting_as.value,
        **quote.snapshot(),
    )
    locked = Locked(booking, payment, refund)
    await refund_steps.begin(session, actor, locked)
