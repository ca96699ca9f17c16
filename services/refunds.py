"""Refunds: asked for, approved by a second person, changed, rejected."""

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Refund
from models.payment import PaymentMethod
from models.refund import Destination, RefundOrigin, RefundReason, RefundStatus
from services import refund_steps
from services.actor import Actor

REASONS = {
    RefundOrigin.DOUBLE: RefundReason.DOUBLE_PAYMENT,
    RefundOrigin.LATE: RefundReason.LATE_PAYMENT,
}


async def give_back(
    session: AsyncSession, actor: Actor, payment: Payment, origin: RefundOrigin
) -> Refund:
    """Give a surplus payment back whole, by itself and without an approver.

    The caller has locked the call and the payment and has posted it to prepaid.
    """
    booking = await session.get_one(Booking, payment.booking_id)
    refund = Refund(
        booking_id=booking.id,
        payment_id=payment.id,
        origin=origin,
        destination=means_of(payment),
        status=RefundStatus.APPROVED,
        amount_kopecks=payment.captured_kopecks - payment.refunded_or_reserved_kopecks,
        reason_code=REASONS[origin],
        requested_by=actor.user_id,
        requested_as=actor.acting_as.value,
    )
    return await refund_steps.begin(session, actor, booking, payment, refund)


def means_of(payment: Payment) -> Destination:
    """Tell how a payment goes back to where it came from."""
    wallet = payment.method is PaymentMethod.WALLET
    return Destination.WALLET if wallet else Destination.ORIGINAL
