"""Closing receipts on their way to the provider, and every receipt to its end.

Key and body were committed with the end of the visit. A lost answer is a state: the
same key and body go again while the provider surely remembers the key, and after that
the receipt is only looked for in the provider's list.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, Receipt, Refund
from models.receipt import ReceiptKind, ReceiptStatus
from services import clock, failpoints, jobs, provider_events, receipts
from services.config import get_settings
from services.database import Sessions
from services.gateways import NotConfigured, yookassa
from services.gateways.yookassa_answers import (
    ProviderPayment,
    ProviderReceipt,
    ProviderRefund,
    read,
)
from services.gateways.yookassa_client import Shop, shop_of
from services.gateways.yookassa_outcomes import Definite, Done, Outcome, Unknown
from services.receipt_lines import PAID

SEND = receipts.SEND
CREATED, UNKNOWN = ReceiptStatus.CREATED, ReceiptStatus.UNKNOWN
OPEN = (CREATED, UNKNOWN, ReceiptStatus.PENDING)
# The provider keeps a key for 24 hours; nearer to that nobody knows.
KEY_SERVES, KEY_GONE = timedelta(hours=23), timedelta(hours=24)
# A call takes forty seconds at most; whoever died in one is followed up within a minute.
LEASE = timedelta(seconds=45)
PAUSES = (15, 30, 60, 120, 300, 900, 1800, 3600)
LOOKED_AT_ONCE = 20
NOT_SENT, NOT_FOUND = "not_sent", "not_found_at_provider"
SOURCE = "receipt"


@dataclass(frozen=True)
class Claimed:
    """A receipt taken for one look: where to look, and whether its key is new."""

    receipt: Receipt
    payment_provider_id: str
    refund_provider_id: str | None
    first: bool
    key_age: timedelta


async def send(sessions: Sessions, receipt_id: uuid.UUID) -> None:
    """Send a closing receipt, or see how far a receipt has come, if it is due."""
    try:
        shop = shop_of(get_settings())
    except NotConfigured:
        return
    claimed = await failpoints.in_transaction(
        sessions, "receipt_claim", lambda own: _claim(own, receipt_id)
    )
    if claimed is None:
        return
    answer = await failpoints.call("receipt", lambda: _ask(shop, claimed))
    await failpoints.in_transaction(
        sessions, "receipt_keep", lambda own: _keep(own, claimed, answer)
    )


async def _claim(session: AsyncSession, receipt_id: uuid.UUID) -> Claimed | None:
    """Take a receipt whose time has come; its key is marked as used from now on."""
    query = (
        sa.select(Receipt, col(Payment.provider_id), col(Refund.provider_id))
        .join(Payment, col(Payment.id) == col(Receipt.payment_id))
        .outerjoin(Refund, col(Refund.id) == col(Receipt.refund_id))
        .where(
            col(Receipt.id) == receipt_id,
            col(Receipt.status).in_(OPEN),
            col(Receipt.next_look_at) <= sa.func.app_now(),
        )
        .with_for_update(of=Receipt, skip_locked=True)
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    receipt, payment_provider_id, refund_provider_id = row
    now = await clock.now(session)
    first = receipt.key_used_at is None
    receipt.key_used_at = receipt.key_used_at or now
    receipt.tries += 1
    receipt.next_look_at = now + LEASE
    age = now - receipt.key_used_at
    return Claimed(receipt, payment_provider_id, refund_provider_id, first, age)


async def _ask(shop: Shop, claimed: Claimed) -> Outcome | None:
    """Ask for what shows the receipt; None when the provider surely has none."""
    receipt = claimed.receipt
    if receipt.kind is ReceiptKind.PAYMENT:
        return await yookassa.get_payment(shop, claimed.payment_provider_id)
    if receipt.kind is ReceiptKind.REFUND:
        return await yookassa.get_refund(shop, claimed.refund_provider_id or "")
    if receipt.provider_id is not None:
        return await yookassa.get_receipt(shop, receipt.provider_id)
    if claimed.key_age < KEY_SERVES:
        key, body = str(receipt.id), receipt.request_body or ""
        answer = await yookassa.create_receipt(shop, key, body)
        if not (isinstance(answer, Unknown) and answer.accepted):
            return answer
    return await _find(shop, claimed.payment_provider_id)


async def _find(shop: Shop, payment_provider_id: str) -> Outcome | None:
    """Look for the closing receipt among those of the payment."""
    listed = await yookassa.every(
        partial(yookassa.list_receipts, shop, payment_id=payment_provider_id)
    )
    if not isinstance(listed, list):
        return listed
    return next((Done(each) for each in listed if _closes(each)), None)


def _closes(raw: dict[str, Any]) -> bool:
    items = raw.get("items")
    found = items if isinstance(items, list) else []
    modes = {each.get("payment_mode") for each in found if isinstance(each, dict)}
    return raw.get("type") == "payment" and modes == {PAID}


async def _keep(
    session: AsyncSession, claimed: Claimed, answer: Outcome | None
) -> None:
    """Take in what came of the look, and say when the next one is due."""
    query = sa.select(Receipt).where(col(Receipt.id) == claimed.receipt.id)
    row: Receipt = (
        await session.scalars(
            query.with_for_update().execution_options(populate_existing=True)
        )
    ).one()
    if row.status not in OPEN:
        return
    if answer is not None:
        provider_events.record(
            session,
            SOURCE,
            answer,
            payment_id=row.payment_id,
            refund_id=row.refund_id,
        )
    row.next_look_at = await _next_look(session, row)
    if isinstance(answer, Done):
        await _follow(session, row, answer)
    elif row.kind is not ReceiptKind.CLOSING:
        # What it went with is asked again: a lost answer tells nothing of it.
        return
    elif isinstance(answer, Definite) and _refused(answer, claimed.first):
        await receipts.move(session, row, ReceiptStatus.FAILED, answer.code[:60])
    elif answer is None and claimed.key_age >= KEY_GONE:
        await receipts.move(session, row, ReceiptStatus.FAILED, NOT_FOUND)
    elif row.status is CREATED:
        await receipts.move(session, row, UNKNOWN)


def _refused(answer: Definite, first: bool) -> bool:
    """Tell whether the provider surely has no such receipt."""
    return answer.conclusive or (first and answer.code != NOT_SENT)


async def _follow(session: AsyncSession, row: Receipt, answer: Done) -> None:
    """Go as far as the provider says; an object that makes no sense moves nothing."""
    if row.kind is ReceiptKind.CLOSING:
        seen = read(ProviderReceipt, answer.raw)
        if isinstance(seen, Unknown):
            return
        row.provider_id, said = seen.id, seen.status
    else:
        said = _registration(row.kind, answer.raw)
    status = receipts.STATUS_OF.get(said)
    if status is not None:
        await receipts.move(session, row, status)


def _registration(kind: ReceiptKind, raw: dict[str, Any]) -> str:
    if kind is ReceiptKind.REFUND:
        refund = read(ProviderRefund, raw)
        return "" if isinstance(refund, Unknown) else refund.receipt_registration or ""
    payment = read(ProviderPayment, raw)
    return "" if isinstance(payment, Unknown) else payment.receipt_registration or ""


async def _next_look(session: AsyncSession, row: Receipt) -> datetime:
    seconds = PAUSES[min(row.tries, len(PAUSES)) - 1]
    return await clock.now(session) + timedelta(seconds=seconds)


async def due(session: AsyncSession) -> int:
    """Enqueue a look at receipts whose time has come; gives how many."""
    query = (
        sa.select(col(Receipt.id))
        .where(col(Receipt.status).in_(OPEN))
        .where(col(Receipt.next_look_at) <= sa.func.app_now())
        .order_by(col(Receipt.next_look_at))
        .limit(LOOKED_AT_ONCE)
    )
    found = (await session.scalars(query)).all()
    return await jobs.enqueue_missing(session, SEND, "receipt_id", found)


@jobs.queue.task(name=SEND, pass_context=True)
async def send_job(context: JobContext, /, receipt_id: str) -> None:
    """Take one receipt a step on; what fails is looked for by the poller."""
    sessions: Sessions = context.additional_context["sessions"]
    await send(sessions, uuid.UUID(receipt_id))
