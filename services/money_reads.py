"""The money of one call as finance reads it: through views, and without any words."""

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking
from models.booking_finance import BookingEventFinance, BookingFinance
from models.payment import PaymentStatus
from models.payment_finance import PaymentFinance, ProviderEventFinance, ReceiptFinance
from models.refund_finance import RefundClaimFinance, RefundFinance
from services import clock, ledger_reads, refund_quotes, staff_names, visit_money
from services.actor import Actor
from services.errors import NotFound
from services.ledger_reads import Leg
from services.permissions import Permission, demand
from services.refund_quotes import RefundQuote
from services.sensitive_reads import journal_read

View = TypeVar("View")
# What finance needs of an answer. Anything else may name the payer or lead to them.
KNOWN_KEYS = frozenset(
    {
        "amount",
        "cancellation_details",
        "captured_at",
        "code",
        "created_at",
        "id",
        "income_amount",
        "paid",
        "payment_id",
        "receipt_registration",
        "refundable",
        "refunded_amount",
        "status",
        "test",
    }
)


@dataclass(frozen=True)
class CallMoney:
    """Everything about the money of one call.

    `due` is what is still owed in kopecks, `quote` what policy gives back now and None
    while nothing was paid; `names` are those of staff only.
    """

    call: BookingFinance
    due: int
    quote: RefundQuote | None
    steps: Sequence[BookingEventFinance]
    payments: Sequence[PaymentFinance]
    events: Sequence[ProviderEventFinance]
    refunds: Sequence[RefundFinance]
    claims: Sequence[RefundClaimFinance]
    receipts: Sequence[ReceiptFinance]
    journals: Sequence[Sequence[Leg]]
    names: Mapping[uuid.UUID, str]
    now: datetime

    def events_of(self, row_id: uuid.UUID) -> Sequence[ProviderEventFinance]:
        """Give what the provider said of one payment or refund, oldest first."""
        return [
            each for each in self.events if row_id in (each.payment_id, each.refund_id)
        ]

    def journals_of(self, row_id: uuid.UUID) -> Sequence[Sequence[Leg]]:
        """Give the journals about one payment or refund, oldest first."""
        return [legs for legs in self.journals if legs[0].entry.ref_id == row_id]

    def refunds_of(self, payment_id: uuid.UUID) -> Sequence[RefundFinance]:
        """Give the refunds of one payment, oldest first."""
        return [each for each in self.refunds if each.payment_id == payment_id]


async def of_call(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> CallMoney:
    """Give the money of a call; the look is journalled."""
    demand(actor, Permission.PAYMENT_READ)
    call = await _one(session, BookingFinance, booking_id)
    await journal_read(session, actor, "booking", booking_id, "money")
    payments = await _of(session, PaymentFinance, booking_id)
    refunds = await _of(session, RefundFinance, booking_id)
    claims = await _of(session, RefundClaimFinance, booking_id)
    booking = await session.get_one(Booking, booking_id)
    paid = any(each.status is PaymentStatus.SUCCEEDED for each in payments)
    return CallMoney(
        call,
        await visit_money.due(session, booking),
        await refund_quotes.quote(session, booking) if paid else None,
        await _of(session, BookingEventFinance, booking_id),
        payments,
        await _events(session, [each.id for each in (*payments, *refunds)]),
        refunds,
        claims,
        await _of(session, ReceiptFinance, booking_id),
        await ledger_reads.of_call(session, actor, booking_id),
        await staff_names.of(session, _people(refunds, claims)),
        await clock.now(session),
    )


async def call_of_payment(
    session: AsyncSession, actor: Actor, payment_id: uuid.UUID
) -> uuid.UUID:
    """Tell which call a payment is for."""
    demand(actor, Permission.PAYMENT_READ)
    return (await _one(session, PaymentFinance, payment_id)).booking_id


async def claim(
    session: AsyncSession, actor: Actor, claim_id: uuid.UUID
) -> RefundClaimFinance:
    """Give a claim by its codes; what the patient wrote is not for finance."""
    demand(actor, Permission.PAYMENT_READ)
    return await _one(session, RefundClaimFinance, claim_id)


def known_data(event: ProviderEventFinance) -> str:
    """Give the answer as it came, but for what could tell who paid."""
    if event.data is None:
        return ""
    answer = json.loads(event.data)
    kept: dict[str, Any] = {key: answer[key] for key in answer if key in KNOWN_KEYS}
    return json.dumps(kept, ensure_ascii=False, indent=2, sort_keys=True)


async def _one(session: AsyncSession, view: type[View], row_id: uuid.UUID) -> View:
    found = await session.get(view, row_id, populate_existing=True)
    if found is None:
        raise NotFound
    return found


async def _of(
    session: AsyncSession, view: type[Any], booking_id: uuid.UUID
) -> Sequence[Any]:
    query = sa.select(view).where(view.booking_id == booking_id).order_by(view.id)
    query = query.execution_options(populate_existing=True)
    return (await session.scalars(query)).all()


async def _events(
    session: AsyncSession, ids: Collection[uuid.UUID]
) -> Sequence[ProviderEventFinance]:
    of_one = sa.or_(
        ProviderEventFinance.payment_id.in_(ids),
        ProviderEventFinance.refund_id.in_(ids),
    )
    query = sa.select(ProviderEventFinance).where(of_one)
    return (await session.scalars(query.order_by(ProviderEventFinance.id))).all()


def _people(
    refunds: Sequence[RefundFinance], claims: Sequence[RefundClaimFinance]
) -> list[uuid.UUID | None]:
    found = [claim.decided_by for claim in claims]
    for refund in refunds:
        found += [refund.requested_by, refund.approved_by, refund.rejected_by]
    return found
