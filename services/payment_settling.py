"""What the provider says of a payment becomes our row, and its money is posted, once.

Only an object that was fetched is believed, and only if shop, sum, currency, test flag
and attempt are ours; anything else is put aside for a person and moves nothing. Every
change goes along models/payment.py's edges, so late, doubled and disordered news do
nothing.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment
from models.booking import Status
from models.payment import FINAL, PaymentStatus, Surplus
from models.recon_issue import IssueKind
from models.refund import RefundOrigin
from services import (
    clock,
    ledger,
    payment_opening,
    payment_steps,
    postings,
    provider_events,
    receipts,
    recon_issues,
    refunds,
    visit_money,
)
from services.actor import Actor
from services.amounts import roubles
from services.gateways.yookassa_answers import ProviderPayment, read
from services.gateways.yookassa_outcomes import Done, Unknown
from services.notifications import Notice, notify
from services.payment_checks import address, card_title, unfitness
from services.permissions import Permission, demand

PENDING, SUCCEEDED = PaymentStatus.PENDING, PaymentStatus.SUCCEEDED
CANCELED = PaymentStatus.CANCELED
# The provider's words. Money on hold is not ours yet: we ask for none to be held.
STATUS_OF: Mapping[str, PaymentStatus] = {
    "pending": PENDING,
    "waiting_for_capture": PENDING,
    "succeeded": SUCCEEDED,
    "canceled": CANCELED,
}
ORIGIN_OF = {Surplus.DOUBLE: RefundOrigin.DOUBLE, Surplus.LATE: RefundOrigin.LATE}
# Source: https://yookassa.ru/developers/payment-acceptance/getting-started/payment-process
TERM = timedelta(hours=1)
LONGEST_REASON = 60


class Verdict(StrEnum):
    """What the news was worth."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Settled:
    """The payment as it is now, and what the news did to it."""

    payment: Payment
    verdict: Verdict


@dataclass
class _Step:
    session: AsyncSession
    actor: Actor
    booking: Booking
    payment: Payment
    seen: ProviderPayment
    raw: Mapping[str, Any]


async def apply(
    session: AsyncSession,
    actor: Actor,
    payment_id: uuid.UUID,
    answer: Done,
    source: str,
) -> Settled:
    """Take in a payment as the provider has it; `source` is how we came by it."""
    demand(actor, Permission.PAYMENT_SETTLE)
    booking, payment = await payment_steps.lock(session, payment_id)
    seen = read(ProviderPayment, answer.raw)
    unfit = [seen.reason] if isinstance(seen, Unknown) else unfitness(payment, seen)
    if isinstance(seen, Unknown) or unfit:
        await _put_aside(session, actor, payment, answer, source, unfit)
        return Settled(payment, Verdict.QUARANTINED)
    payment.provider_id = seen.id
    step = _Step(session, actor, booking, payment, seen, answer.raw)
    changed = await _move(step)
    await _take_fee(step)
    await receipts.note(session, payment, seen.receipt_registration)
    if changed:
        provider_events.record(session, source, answer, payment_id=payment.id)
    await session.flush()
    return Settled(payment, Verdict.APPLIED if changed else Verdict.UNCHANGED)


async def _put_aside(
    session: AsyncSession,
    actor: Actor,
    payment: Payment,
    answer: Done,
    source: str,
    unfit: list[str],
) -> None:
    note = "quarantined"
    provider_events.record(session, source, answer, payment_id=payment.id, note=note)
    now = await clock.now(session)
    if payment_steps.advance(payment, PaymentStatus.UNKNOWN, now):
        await payment_steps.finish(session, actor, payment, "unknown")
    await session.flush()
    await recon_issues.report(
        session,
        IssueKind.QUARANTINED,
        f"payment:{payment.id}",
        payment_id=payment.id,
        unfit=", ".join(unfit),
    )


async def _move(step: _Step) -> bool:
    """Follow the provider along an edge; ends that contradict each other are told."""
    target = STATUS_OF.get(step.seen.status)
    payment, was = step.payment, step.payment.status
    if target is None:
        return False
    now = await clock.now(step.session)
    if not payment_steps.advance(payment, target, now):
        if target in FINAL and was in FINAL and was is not target:
            await _contradict(step, target)
        return False
    if target is PENDING:
        _note_way_to_pay(step)
        payment.next_look_at = now + payment_steps.pause(payment, now)
    elif target is CANCELED:
        payment.cancel_party = (step.seen.cancellation_party or "")[:LONGEST_REASON]
        payment.cancel_reason = (step.seen.cancellation_reason or "")[:LONGEST_REASON]
    else:
        await _succeed(step)
    await payment_steps.finish(
        step.session,
        step.actor,
        payment,
        target.value,
        amount_kopecks=payment.amount_kopecks,
    )
    await _give_back(step)
    return True


async def _contradict(step: _Step, target: PaymentStatus) -> None:
    await recon_issues.report(
        step.session,
        IssueKind.STATUS_DIFFERS,
        f"payment:{step.payment.id}",
        payment_id=step.payment.id,
        ours=step.payment.status.value,
        theirs=target.value,
        amount_kopecks=step.payment.amount_kopecks,
    )


def _note_way_to_pay(step: _Step) -> None:
    """Keep the provider's page or the link of the QR code, and how long they serve."""
    payment, seen = step.payment, step.seen
    payment.confirmation_url = address(seen.confirmation_url)
    payment.confirmation_data = address(seen.confirmation_data)
    payment.expires_at = seen.created_at + TERM


async def _succeed(step: _Step) -> None:
    """Post the money: it settles a finished visit, waits for one, or is too much."""
    booking, payment = step.booking, step.payment
    if booking.status is Status.CANCELLED:
        payment.surplus = Surplus.LATE
    elif await visit_money.due(step.session, booking) < payment.amount_kopecks:
        payment.surplus = Surplus.DOUBLE
    settles = booking.status is Status.COMPLETED and payment.surplus is None
    amount = payment.amount_kopecks
    owed = amount if settles else 0
    payment.method_title = card_title(step.raw)
    await step.session.flush()
    posting = postings.paid(
        payment.id, booking.id, postings.CLEARING, owed, amount - owed
    )
    await ledger.post(step.session, step.actor, posting)
    await _give_up_other(step)


async def _give_up_other(step: _Step) -> None:
    """Lead nobody to another attempt any more: its money would only go back."""
    other = await payment_steps.open_one(step.session, step.booking.id)
    if other is not None:
        now = await clock.now(step.session)
        await payment_opening.supersede(step.session, step.actor, other, now)


async def _give_back(step: _Step) -> None:
    """Give money that was too much back at once; tell of money that was due."""
    booking, payment = step.booking, step.payment
    if payment.surplus is not None:
        origin = ORIGIN_OF[payment.surplus]
        await refunds.give_back(step.session, step.actor, payment, origin)
    elif payment.status is SUCCEEDED:
        notice = Notice(
            "payment_received",
            booking.patient_id,
            facts={
                "call": booking.label,
                "amount": roubles(payment.amount_kopecks),
            },
            dedup_key=f"payment {payment.id} received",
            booking_id=booking.id,
        )
        await notify(step.session, step.actor, notice)


async def _take_fee(step: _Step) -> None:
    """Post what the provider keeps, as soon as it says what it passes on."""
    payment, income = step.payment, step.seen.income_kopecks
    settled = payment.status is SUCCEEDED and step.seen.status == "succeeded"
    if not settled or income is None or payment.fee_kopecks is not None:
        return
    payment.fee_kopecks = payment.amount_kopecks - income
    await step.session.flush()
    posting = postings.fee(payment.id, payment.booking_id, payment.fee_kopecks)
    await ledger.post(step.session, step.actor, posting)
