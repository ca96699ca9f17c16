"""Fiscal receipts (54-FZ): what each says, which are due, how far they have come.

A visit paid in advance has two: a full prepayment with the money, and a closing one,
which sets it off, when the visit is over. A partial refund carries its own; a full one
repeats that of the payment. Source: https://yookassa.ru/developers/54fz/basics
"""

import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Receipt, Refund, User
from models.booking import Status
from models.payment import PaymentStatus
from models.receipt import ReceiptKind, ReceiptStatus
from models.recon_issue import IssueKind
from models.refund import Destination, RefundStatus
from services import clock, jobs, receipt_lines, recon_issues
from services.config import get_settings
from services.gateways import yookassa_bodies
from services.gateways.yookassa_bodies import ReceiptOrder, receipt_body

SEND = "receipt.send"
PREPAID, PAID = receipt_lines.PREPAID, receipt_lines.PAID
# The provider's words for how far a registration has come.
STATUS_OF: Mapping[str, ReceiptStatus] = {
    "pending": ReceiptStatus.PENDING,
    "succeeded": ReceiptStatus.SUCCEEDED,
    "canceled": ReceiptStatus.CANCELED,
}
ENDED = frozenset(
    {ReceiptStatus.SUCCEEDED, ReceiptStatus.CANCELED, ReceiptStatus.FAILED}
)
UNREGISTERED = frozenset({ReceiptStatus.CANCELED, ReceiptStatus.FAILED})


async def payment_receipt(
    session: AsyncSession, booking: Booking, payer: User, amount: int
) -> yookassa_bodies.Receipt | None:
    """Give the receipt that goes with a payment of so many kopecks of a call.

    None where receipts are off, or where neither the payer nor the house has an
    e-mail: the provider then refuses a payment that needs one.
    """
    email = payer.email or get_settings().yookassa_receipt_email
    if not (get_settings().yookassa_receipts and email):
        return None
    mode = PAID if booking.status is Status.COMPLETED else PREPAID
    lines = await receipt_lines.of_call(session, booking, mode)
    settled = booking.total_kopecks - amount
    return yookassa_bodies.Receipt(email, receipt_lines.part(lines, settled, amount))


async def refund_receipt(
    session: AsyncSession, refund: Refund
) -> yookassa_bodies.Receipt | None:
    """Give the receipt that goes with a partial refund; a full one needs none.

    None as well where the payment had no receipt. Whoever is erased by now has no
    e-mail any more, so the house takes it.
    """
    payment = await session.get_one(Payment, refund.payment_id)
    sent = receipt_lines.sent_with(payment)
    if sent is None or refund.amount_kopecks == payment.amount_kopecks:
        return None
    booking = await session.get_one(Booking, refund.booking_id)
    over = booking.status is Status.COMPLETED
    lines = receipt_lines.in_mode(sent.items, PAID) if over else sent.items
    before = await _returned(session, payment, refund.id)
    amount = refund.amount_kopecks
    email = sent.email or get_settings().yookassa_receipt_email
    return yookassa_bodies.Receipt(email, receipt_lines.part(lines, before, amount))


async def close(session: AsyncSession, booking: Booking) -> None:
    """A visit is over: every prepayment of it that stayed gets its closing receipt."""
    query = select(Payment).where(
        col(Payment.booking_id) == booking.id,
        col(Payment.status) == PaymentStatus.SUCCEEDED,
        col(Payment.surplus).is_(None),
    )
    for payment in (await session.exec(query.order_by(col(Payment.id)))).all():
        await _close(session, payment)


async def note(
    session: AsyncSession, paid: Payment | Refund, registration: str | None
) -> None:
    """Follow the receipt that came with a payment or refund, as the provider has it.

    What did not come about has no receipt. A prepayment that arrives when the visit is
    over already is closed here.
    """
    if paid.status not in (PaymentStatus.SUCCEEDED, RefundStatus.SUCCEEDED):
        return
    if isinstance(paid, Payment):
        booking = await session.get_one(Booking, paid.booking_id)
        if booking.status is Status.COMPLETED and paid.surplus is None:
            await _close(session, paid)
    status = STATUS_OF.get(registration or "")
    if status is None:
        return
    row = await _row_of(session, paid)
    await move(session, row, status)


async def move(
    session: AsyncSession,
    row: Receipt,
    status: ReceiptStatus,
    failure_code: str | None = None,
) -> None:
    """Take a receipt a step on; what is not registered becomes a finding of finance."""
    if row.status in ENDED or row.status is status:
        return
    now = await clock.now(session)
    row.status = status
    row.failure_code = failure_code
    row.next_look_at = None if status in ENDED else row.next_look_at or now
    row.ended_at = now if status in ENDED else None
    await session.flush()
    subject = f"receipt:{row.id}"
    if status is ReceiptStatus.SUCCEEDED:
        await recon_issues.settle(session, IssueKind.RECEIPT_FAILED, subject)
    if status in UNREGISTERED:
        await recon_issues.report(
            session,
            IssueKind.RECEIPT_FAILED,
            subject,
            booking_id=row.booking_id,
            payment_id=row.payment_id,
            refund_id=row.refund_id,
            receipt_kind=row.kind.value,
            status=status.value,
            code=failure_code,
        )


async def _close(session: AsyncSession, payment: Payment) -> None:
    sent = receipt_lines.sent_with(payment)
    if sent is None or payment.provider_id is None:
        return
    if not all(each.payment_mode == PREPAID for each in sent.items):
        return
    returned = payment.refunded_or_reserved_kopecks
    left = payment.captured_kopecks - returned
    if left < yookassa_bodies.LEAST_KOPECKS or await _closed(session, payment):
        return
    lines = receipt_lines.part(sent.items, returned, left)
    closing = yookassa_bodies.Receipt(sent.email, receipt_lines.in_mode(lines, PAID))
    row = Receipt(
        booking_id=payment.booking_id,
        payment_id=payment.id,
        kind=ReceiptKind.CLOSING,
        amount_kopecks=left,
        request_body=receipt_body(ReceiptOrder(payment.provider_id, closing)),
        next_look_at=await clock.now(session),
    )
    session.add(row)
    await session.flush()
    await jobs.enqueue(session, SEND, receipt_id=row.id)


async def _closed(session: AsyncSession, payment: Payment) -> bool:
    closing = sa.exists().where(
        col(Receipt.payment_id) == payment.id,
        col(Receipt.kind) == ReceiptKind.CLOSING,
    )
    return bool(await session.scalar(sa.select(closing)))


async def _row_of(session: AsyncSession, paid: Payment | Refund) -> Receipt:
    """Find the receipt of a payment or refund, or begin to follow it."""
    named: dict[str, Any] = {"kind": ReceiptKind.PAYMENT, "payment_id": paid.id}
    if isinstance(paid, Refund):
        named = {"kind": ReceiptKind.REFUND, "refund_id": paid.id}
    found = (await session.exec(select(Receipt).filter_by(**named))).one_or_none()
    if found is not None:
        return found
    row = Receipt(
        booking_id=paid.booking_id,
        amount_kopecks=paid.amount_kopecks,
        **{"payment_id": getattr(paid, "payment_id", None), **named},
    )
    session.add(row)
    return row


async def _returned(
    session: AsyncSession, payment: Payment, refund_id: uuid.UUID
) -> int:
    """What went back of a payment by other refunds, each of its first lines first."""
    gone = (RefundStatus.FAILED, RefundStatus.REJECTED)
    total = await session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_kopecks), 0)).where(
            col(Refund.payment_id) == payment.id,
            col(Refund.id) != refund_id,
            col(Refund.destination) == Destination.ORIGINAL,
            col(Refund.status).not_in(gone),
        )
    )
    return int(total or 0)
