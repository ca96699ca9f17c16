"""Paying from the wallet: the ledger alone moves, at once, and nobody else is asked."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment
from models.booking import Status
from models.payment import PaymentMethod, PaymentStatus
from services import ledger, payment_steps, postings
from services.actor import Actor


async def pay(
    session: AsyncSession,
    actor: Actor,
    booking: Booking,
    amount: int,
    now: datetime,
) -> Payment:
    """Take what is owed for a locked call out of its patient's wallet.

    Raises InsufficientFunds when the wallet holds less.
    """
    payment = Payment(
        booking_id=booking.id,
        payer_id=booking.patient_id,
        method=PaymentMethod.WALLET,
        status=PaymentStatus.SUCCEEDED,
        amount_kopecks=amount,
        captured_kopecks=amount,
        succeeded_at=now,
        ended_at=now,
    )
    session.add(payment)
    owed = amount if booking.status is Status.COMPLETED else 0
    purse = postings.wallet(booking.patient_id)
    posting = postings.paid(payment.id, booking.id, purse, owed, amount - owed)
    await ledger.post(session, actor, posting)
    await payment_steps.finish(
        session, actor, payment, "succeeded", method="wallet", amount_kopecks=amount
    )
    return payment
