"""Rows of money and their postings, for tests that must not depend on the verbs.

Every helper writes what the verbs would have written, in the same order.
"""

import uuid
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Booking,
    LedgerAccount,
    Payment,
    Payout,
    PayoutLine,
    Refund,
    Withdrawal,
)
from models.base import uuid7
from models.booking import Status
from models.payment import PaymentMethod, PaymentStatus
from models.payout import PayoutStatus
from models.refund import (
    OPEN,
    Destination,
    RefundOrigin,
    RefundReason,
    RefundStatus,
)
from models.withdrawal import WithdrawalStatus
from services import audit, clock, ledger, postings
from services.actor import SYSTEM, SYSTEM_ID
from services.ledger import Account

FEE = 3_50


def provider_id() -> str:
    """Give an id of the provider's form."""
    return str(uuid.uuid4())


async def payment(
    session: AsyncSession,
    booking: Booking,
    amount: int,
    status: PaymentStatus = PaymentStatus.SUCCEEDED,
    **facts: Any,
) -> Payment:
    """Write a payment; one that succeeded is posted, with a fee unless by wallet."""
    method = facts.pop("method", PaymentMethod.CARD)
    provided = method is not PaymentMethod.WALLET
    succeeded = status is PaymentStatus.SUCCEEDED
    now = await clock.now(session)
    told: dict[str, Any] = {
        "id": uuid7(),
        "request_body": "{}" if provided else None,
        "provider_id": provider_id() if provided else None,
        "captured_kopecks": amount if succeeded else 0,
        "succeeded_at": now if succeeded else None,
        "fee_kopecks": FEE if succeeded and provided else None,
    }
    made = Payment(
        booking_id=booking.id,
        payer_id=booking.patient_id,
        method=method,
        status=status,
        amount_kopecks=amount,
        **(told | facts),
    )
    session.add(made)
    await session.flush()
    if succeeded:
        audit.record(session, SYSTEM, "payment.succeeded", "payment", made.id)
        purse = postings.wallet(booking.patient_id)
        source = postings.CLEARING if provided else purse
        owed = amount if booking.status is Status.COMPLETED else 0
        posting = postings.paid(made.id, booking.id, source, owed, amount - owed)
        await ledger.post(session, SYSTEM, posting)
        if made.fee_kopecks:
            await ledger.post(
                session,
                SYSTEM,
                postings.fee(made.id, booking.id, made.fee_kopecks),
            )
    return made


async def refund(
    session: AsyncSession,
    paid: Payment,
    amount: int,
    status: RefundStatus,
    destination: Destination = Destination.ORIGINAL,
    unwound: tuple[Account, int, int] | None = None,
    **facts: Any,
) -> Refund:
    """Write a refund that has come as far as that, and what it moved."""
    now = await clock.now(session)
    stands = status in OPEN or status is RefundStatus.SUCCEEDED
    arrived = status is RefundStatus.SUCCEEDED
    original = destination is Destination.ORIGINAL
    told: dict[str, Any] = {
        "origin": RefundOrigin.POLICY,
        "reason_code": RefundReason.CANCELLED,
        "requested_by": SYSTEM_ID,
        "requested_as": "system",
        "succeeded_at": now if arrived else None,
        "provider_id": provider_id() if arrived and original else None,
    }
    made = Refund(
        id=uuid7(),
        booking_id=paid.booking_id,
        payment_id=paid.id,
        destination=destination,
        status=status,
        amount_kopecks=amount,
        **(told | facts),
    )
    of_wallet = made.origin is RefundOrigin.WITHDRAWAL
    if stands:
        paid.refunded_or_reserved_kopecks += 0 if of_wallet else amount
        in_wallet = destination is Destination.WALLET
        paid.returned_or_reserved_kopecks += 0 if in_wallet else amount
    session.add(made)
    await session.flush()
    if not of_wallet:
        reserved = postings.reserved(made.id, paid.booking_id, amount, unwound)
        await ledger.post(session, SYSTEM, reserved)
    if arrived:
        audit.record(session, SYSTEM, "refund.succeeded", "refund", made.id)
        target = {
            Destination.ORIGINAL: postings.CLEARING,
            Destination.WALLET: postings.wallet(paid.payer_id),
            Destination.MANUAL: postings.BANK,
        }[destination]
        done = postings.refunded(made.id, paid.booking_id, target, amount)
        await ledger.post(session, SYSTEM, done)
    elif not stands:
        undone = postings.released(made.id, paid.booking_id, amount, unwound)
        await ledger.post(session, SYSTEM, undone)
    return made


async def withdrawal(
    session: AsyncSession, user_id: uuid.UUID, amount: int, **facts: Any
) -> Withdrawal:
    """Write a request that took the money out of the wallet."""
    made = Withdrawal(id=uuid7(), user_id=user_id, amount_kopecks=amount, **facts)
    session.add(made)
    await session.flush()
    await ledger.post(session, SYSTEM, postings.withdrawn(made.id, user_id, amount))
    if made.status is WithdrawalStatus.REJECTED:
        back = postings.withdrawal_returned(made.id, user_id, amount)
        await ledger.post(session, SYSTEM, back)
    if made.manual_kopecks and made.status is WithdrawalStatus.DONE:
        sent = postings.withdrawal_transferred(made.id, made.manual_kopecks)
        await ledger.post(session, SYSTEM, sent)
    return made


async def payout(
    session: AsyncSession,
    doctor_id: uuid.UUID,
    amount: int,
    status: PayoutStatus = PayoutStatus.PAID,
) -> Payout:
    """Write a register of one line, paid unless told otherwise."""
    account = postings.doctor(doctor_id)
    await ledger.open_account(session, account)
    account_id = await _account_id(session, account)
    made = Payout(
        id=uuid7(),
        status=status,
        earned_until=await clock.now(session),
        total_kopecks=amount,
        made_by=uuid7(),
        approved_by=uuid7(),
    )
    session.add(made)
    await session.flush()
    line = PayoutLine(
        id=uuid7(), payout_id=made.id, account_id=account_id, amount_kopecks=amount
    )
    session.add(line)
    await session.flush()
    if status in {PayoutStatus.PAID, PayoutStatus.REVERSED}:
        out = postings.paid_out(line.id, made.id, account, amount)
        await ledger.post(session, SYSTEM, out)
    if status is PayoutStatus.REVERSED:
        back = postings.payout_reversed(line.id, made.id, account, amount)
        await ledger.post(session, SYSTEM, back)
    return made


async def _account_id(session: AsyncSession, account: Account) -> uuid.UUID:
    query = select(LedgerAccount.id).where(col(LedgerAccount.code) == account.code)
    return (await session.exec(query)).one()
