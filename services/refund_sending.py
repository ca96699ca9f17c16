"""Sending refunds to the provider and following them to their end.

Key and exact body are committed before the call; the outcome is kept after it. Before
a payment's money moves anew, the provider's refunds of it must come to what we sent.
A lost answer is a state: the same key and body go again while the provider surely
remembers the key, after that the refund is only looked for. It never fails by itself.
"""

import uuid
from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, Refund
from models.recon_issue import IssueKind
from models.refund import Destination, RefundStatus
from services import (
    clock,
    failpoints,
    jobs,
    receipts,
    recon_issues,
    refund_approvals,
    refund_following,
    refund_outcomes,
    refund_steps,
)
from services.actor import SYSTEM
from services.config import get_settings
from services.database import Sessions
from services.gateways import NotConfigured, yookassa
from services.gateways.yookassa_bodies import RefundOrder, refund_body
from services.gateways.yookassa_client import Shop, shop_of
from services.refund_following import Claimed, Listed
from services.refund_steps import SEND, Locked

APPROVED = RefundStatus.APPROVED
SENT = frozenset(
    {
        RefundStatus.SENDING,
        RefundStatus.UNKNOWN,
        RefundStatus.PENDING_PROVIDER,
    }
)
COUNTED = SENT | {RefundStatus.SUCCEEDED}
# A call takes forty seconds at most; whoever died in one is followed up within a minute.
LEASE = timedelta(seconds=45)
STOPPED = timedelta(minutes=15)
SENT_AT_ONCE = 20


async def send(sessions: Sessions, refund_id: uuid.UUID) -> None:
    """Send a refund, or find out what became of it, if it is due."""
    try:
        shop = shop_of(get_settings())
    except NotConfigured:
        return
    claimed = await failpoints.in_transaction(
        sessions, "refund_claim", lambda own: _claim(own, refund_id)
    )
    if claimed is None:
        return
    if claimed.refund.status is not APPROVED:
        await refund_following.follow(sessions, shop, claimed)
    elif claimed.refund.destination is Destination.MANUAL:
        await failpoints.in_transaction(
            sessions, "refund_void", lambda own: _void_expired(own, refund_id)
        )
    else:
        await _send_first(sessions, shop, claimed)


async def _claim(session: AsyncSession, refund_id: uuid.UUID) -> Claimed | None:
    query = sa.select(Refund).where(
        col(Refund.id) == refund_id,
        col(Refund.status).in_(SENT | {APPROVED}),
        col(Refund.next_look_at) <= sa.func.app_now(),
    )
    refund: Refund | None = await session.scalar(
        query.with_for_update(skip_locked=True)
    )
    if refund is None:
        return None
    now = await clock.now(session)
    refund.tries += 1
    refund.next_look_at = now + LEASE
    payment = await session.get_one(Payment, refund.payment_id)
    age = now - (refund.key_used_at or now)
    return Claimed(refund, payment.provider_id or "", age)


async def _void_expired(session: AsyncSession, refund_id: uuid.UUID) -> None:
    """A transfer that nobody made in time is approved anew."""
    locked = await refund_steps.lock(session, refund_id)
    if locked.refund.status is not APPROVED:
        return
    if await refund_approvals.holds(session, locked):
        locked.refund.next_look_at = locked.refund.approval_expires_at
    else:
        await refund_approvals.void(session, SYSTEM, locked)


async def _send_first(sessions: Sessions, shop: Shop, claimed: Claimed) -> None:
    refund_id = claimed.refund.id
    asked = partial(yookassa.list_refunds, shop, payment_id=claimed.payment_id)
    listed = await failpoints.call("refund_check", lambda: yookassa.every(asked))
    body = await failpoints.in_transaction(
        sessions, "refund_open", lambda own: _open(own, refund_id, listed)
    )
    if body is None:
        return
    answer = await failpoints.call(
        "refund_create", lambda: yookassa.create_refund(shop, str(refund_id), body)
    )
    await failpoints.in_transaction(
        sessions,
        "refund_create",
        lambda own: refund_following.keep(own, refund_id, answer, first=True),
    )


async def _open(
    session: AsyncSession, refund_id: uuid.UUID, listed: Listed
) -> str | None:
    """Note key and body before they are used; None when the refund may not go now."""
    locked = await refund_steps.lock(session, refund_id)
    refund = locked.refund
    if refund.status is not APPROVED:
        return None
    if not isinstance(listed, list):
        await refund_following.note(session, locked, listed)
        return None
    if not await refund_approvals.holds(session, locked):
        await refund_approvals.void(session, SYSTEM, locked)
        return None
    now = await clock.now(session)
    if not await _sums_agree(session, locked, listed):
        refund.next_look_at = now + STOPPED
        return None
    body = await _body(session, locked)
    refund.status, refund.request_body, refund.key_used_at = (
        RefundStatus.SENDING,
        body,
        now,
    )
    # Reading the list before may have used the first lease up.
    refund.next_look_at = now + LEASE
    refund_steps.record(session, SYSTEM, "sending", refund)
    await refund_steps.shown(session, refund)
    return body


async def _sums_agree(
    session: AsyncSession, locked: Locked, listed: list[dict[str, object]]
) -> bool:
    """Compare what the provider gave back of the payment with what we sent.

    What somebody gave back there is taken over first; what then still differs is for
    a person, and nothing more of this payment moves until it agrees.
    """
    theirs = await refund_outcomes.take_all(session, listed)
    sent = await session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_kopecks), 0))
        .where(col(Refund.payment_id) == locked.payment.id)
        .where(col(Refund.destination) == Destination.ORIGINAL)
        .where(col(Refund.status).in_(COUNTED))
    )
    ours, subject = int(sent or 0), f"refunds_of:{locked.payment.id}"
    if theirs == ours:
        await recon_issues.settle(session, IssueKind.AMOUNT_DIFFERS, subject)
        return True
    await recon_issues.report(
        session,
        IssueKind.AMOUNT_DIFFERS,
        subject,
        payment_id=locked.payment.id,
        ours_kopecks=ours,
        theirs_kopecks=theirs,
    )
    return False


async def _body(session: AsyncSession, locked: Locked) -> str:
    booking, payment, refund = locked.booking, locked.payment, locked.refund
    order = RefundOrder(
        refund_id=refund.id,
        booking_id=booking.id,
        payment_id=payment.provider_id or "",
        env=get_settings().profile.value,
        amount_kopecks=refund.amount_kopecks,
        description=f"Возврат, заказ № {booking.label}",
        receipt=await receipts.refund_receipt(session, refund),
    )
    return refund_body(order)


async def due(session: AsyncSession) -> int:
    """Enqueue what is to be sent, looked at or asked for anew; gives how many."""
    query = (
        sa.select(col(Refund.id))
        .where(col(Refund.status).in_(SENT | {APPROVED}))
        .where(col(Refund.next_look_at) <= sa.func.app_now())
        .order_by(col(Refund.next_look_at))
        .limit(SENT_AT_ONCE)
    )
    found = (await session.scalars(query)).all()
    return await jobs.enqueue_missing(session, SEND, "refund_id", found)


@jobs.queue.task(name=SEND, pass_context=True, priority=jobs.LATER)
async def send_job(context: JobContext, /, refund_id: str) -> None:
    """Send or follow one refund; what fails is looked for by the poller."""
    sessions: Sessions = context.additional_context["sessions"]
    await send(sessions, uuid.UUID(refund_id))
