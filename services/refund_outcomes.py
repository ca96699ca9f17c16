"""What the provider says of a refund becomes our row, and its money is posted, once.

Only an object that was fetched is believed, and only if payment, sum and refund are
ours. Changes go along models/refund.py's edges, so late, doubled and disordered news
do nothing. A refund that somebody made at the provider is taken over as it is.
"""

import uuid
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Refund
from models.recon_issue import IssueKind
from models.refund import EDGES, ENDS, RefundOrigin, RefundStatus
from services import (
    clock,
    postings,
    provider_events,
    receipts,
    recon_issues,
    refund_steps,
    withdrawal_steps,
)
from services.actor import SYSTEM, Actor
from services.gateways.yookassa_answers import ProviderRefund, read
from services.gateways.yookassa_outcomes import Done, Unknown
from services.permissions import Permission, demand
from services.refund_imports import STATUS_OF, Verdict, take_over
from services.refund_steps import Locked

PENDING, SUCCEEDED = RefundStatus.PENDING_PROVIDER, RefundStatus.SUCCEEDED
FAILED, UNKNOWN = RefundStatus.FAILED, RefundStatus.UNKNOWN
LONGEST_REASON = 60
# Minutes between looks at a refund whose end is not known: every five for two days.
PAUSES = (1, 2, 3, 5)
OFTEN, SELDOM = 2 * 24 * 12, 60


async def take(
    session: AsyncSession, actor: Actor, answer: Done, source: str
) -> Verdict:
    """Take in a refund that was fetched, ours or one made at the provider."""
    demand(actor, Permission.PAYMENT_SETTLE)
    seen = read(ProviderRefund, answer.raw)
    if isinstance(seen, Unknown):
        subject = f"provider_refund:{str(answer.raw.get('id'))[:40]}"
        await recon_issues.report(
            session, IssueKind.QUARANTINED, subject, unfit=seen.reason
        )
        return Verdict.QUARANTINED
    refund_id = await _ours(session, seen)
    if refund_id is not None:
        return await apply(session, actor, refund_id, answer, source)
    return await take_over(session, actor, seen, answer, source)


async def take_all(session: AsyncSession, listed: list[dict[str, Any]]) -> int | None:
    """Take in all refunds of a payment; gives their sum, but for those given up.

    None when one of them cannot be read.
    """
    total: int | None = 0
    for raw in listed:
        seen = read(ProviderRefund, raw)
        await take(session, SYSTEM, Done(raw), "list")
        if isinstance(seen, Unknown):
            total = None
        elif total is not None and seen.status != "canceled":
            total += seen.amount_kopecks
    return total


async def apply(
    session: AsyncSession,
    actor: Actor,
    refund_id: uuid.UUID,
    answer: Done,
    source: str,
) -> Verdict:
    """Take in what the provider has of a refund of ours."""
    locked = await refund_steps.lock(session, refund_id)
    seen = read(ProviderRefund, answer.raw)
    if isinstance(seen, Unknown):
        return await _put_aside(session, actor, locked, answer, source, [seen.reason])
    unfit = _unfit(locked, seen)
    if unfit:
        return await _put_aside(session, actor, locked, answer, source, unfit)
    refund, target = locked.refund, STATUS_OF.get(seen.status)
    if target is None or target not in EDGES[refund.status]:
        return await _contradicted(session, actor, locked, seen, answer, source)
    provider_events.record(session, source, answer, refund_id=refund.id)
    refund.provider_id = seen.id
    await _move(session, actor, locked, target, seen)
    await receipts.note(session, refund, seen.receipt_registration)
    return Verdict.APPLIED


async def _ours(session: AsyncSession, seen: ProviderRefund) -> uuid.UUID | None:
    """Find our refund: by the provider's id, else by the id that we sent along."""
    known = sa.select(col(Refund.id)).where(col(Refund.provider_id) == seen.id)
    found: uuid.UUID | None = await session.scalar(known)
    told = _uuid(seen.metadata.get("refund_id", ""))
    if found is None and told is not None:
        sent = sa.select(col(Refund.id)).where(
            col(Refund.id) == told,
            col(Refund.provider_id).is_(None),
            col(Refund.key_used_at).is_not(None),
        )
        found = await session.scalar(sent)
    return found


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _unfit(locked: Locked, seen: ProviderRefund) -> list[str]:
    """Name what shows that this object is not the refund we asked for."""
    refund = locked.refund
    ours = refund.origin is not RefundOrigin.CABINET
    fits = {
        "id": refund.provider_id in {None, seen.id},
        "payment_id": seen.payment_id == locked.payment.provider_id,
        "amount": seen.amount_kopecks == refund.amount_kopecks,
        "sent": not ours or refund.key_used_at is not None,
        "refund_id": not ours or seen.metadata.get("refund_id") == str(refund.id),
    }
    return [name for name, right in fits.items() if not right]


async def _put_aside(
    session: AsyncSession,
    actor: Actor,
    locked: Locked,
    answer: Done,
    source: str,
    unfit: list[str],
) -> Verdict:
    refund = locked.refund
    note = "quarantined"
    provider_events.record(session, source, answer, refund_id=refund.id, note=note)
    await doubt(session, actor, locked)
    await recon_issues.report(
        session,
        IssueKind.QUARANTINED,
        f"refund:{refund.id}",
        refund_id=refund.id,
        unfit=", ".join(unfit),
    )
    return Verdict.QUARANTINED


async def doubt(session: AsyncSession, actor: Actor, locked: Locked) -> None:
    """Nobody can say what became of a call that was sent: that is a state."""
    if locked.refund.status is RefundStatus.SENDING:
        locked.refund.status = UNKNOWN
        refund_steps.record(session, actor, "unknown", locked.refund)
        await refund_steps.shown(session, locked.refund)


async def _contradicted(
    session: AsyncSession,
    actor: Actor,
    locked: Locked,
    seen: ProviderRefund,
    answer: Done,
    source: str,
) -> Verdict:
    """News that lead nowhere are old, unless both ends are final and differ."""
    refund, target = locked.refund, STATUS_OF.get(seen.status)
    if target not in ENDS or refund.status is target or refund.is_open:
        return Verdict.UNCHANGED
    await recon_issues.report(
        session,
        IssueKind.STATUS_DIFFERS,
        f"refund:{refund.id}",
        refund_id=refund.id,
        ours=refund.status.value,
        theirs=target.value,
        amount_kopecks=refund.amount_kopecks,
    )
    if refund.provider_id is None and target is SUCCEEDED:
        # People gave it up and it came after all: the money has left, so it is booked.
        return await take_over(session, actor, seen, answer, source)
    return Verdict.UNCHANGED


async def _move(
    session: AsyncSession,
    actor: Actor,
    locked: Locked,
    target: RefundStatus,
    seen: ProviderRefund,
) -> None:
    refund = locked.refund
    if target is PENDING:
        refund.status = target
        now = await clock.now(session)
        refund.next_look_at = now + pause(refund.tries)
        refund_steps.record(session, actor, "pending", refund)
        await refund_steps.shown(session, refund)
    elif target is FAILED:
        refund.cancel_party = (seen.cancellation_party or "")[:LONGEST_REASON]
        reason = (seen.cancellation_reason or "canceled")[:LONGEST_REASON]
        await fail(session, actor, locked, reason)
    else:
        await refund_steps.arrive(session, actor, locked, postings.CLEARING)
        await _end(session, actor, refund)


async def fail(session: AsyncSession, actor: Actor, locked: Locked, code: str) -> None:
    """The provider will not do it: the money is free again, and finance takes over.

    Finance may ask for a new refund, give it to the wallet, or transfer it by hand.
    """
    refund = locked.refund
    refund.failure_code = code[:LONGEST_REASON]
    await refund_steps.end_without(session, actor, locked, FAILED)
    if refund.origin is not RefundOrigin.WITHDRAWAL:
        await refund_steps.tell(session, actor, locked, "refund_refused")
        await recon_issues.report(
            session,
            IssueKind.REFUND_FAILED,
            f"refund:{refund.id}",
            refund_id=refund.id,
            amount_kopecks=refund.amount_kopecks,
            code=refund.failure_code,
            party=refund.cancel_party,
            next_steps="new_refund, wallet, manual",
        )
    await _end(session, actor, refund)


async def _end(session: AsyncSession, actor: Actor, refund: Refund) -> None:
    subject = f"refund:{refund.id}"
    await recon_issues.settle(session, IssueKind.REFUND_UNKNOWN, subject)
    if refund.withdrawal_id is not None:
        await withdrawal_steps.part_ended(session, actor, refund)


def pause(tries: int) -> timedelta:
    """How long to leave a refund alone after so many looks at it."""
    minutes = SELDOM if tries > OFTEN else PAUSES[min(tries, len(PAUSES)) - 1]
    return timedelta(minutes=minutes)
