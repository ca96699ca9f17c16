"""Following attempts to their end, whether or not the provider ever tells us.

An attempt that the provider has is asked for by its id. One whose call was lost is
posted again under the same key, for as long as the provider surely remembers the key;
after that it is only looked for in the provider's list, and never posted again.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment
from models.payment import OPEN
from models.recon_issue import IssueKind
from services import (
    clock,
    failpoints,
    jobs,
    payment_search,
    payment_sending,
    payment_settling,
    payment_steps,
    provider_events,
    recon_issues,
)
from services.actor import SYSTEM
from services.config import get_settings
from services.database import Sessions
from services.gateways import NotConfigured, yookassa
from services.gateways.yookassa_client import Shop, shop_of
from services.gateways.yookassa_outcomes import Definite, Done, Unknown
from services.payment_search import Nowhere
from services.payment_steps import LOOK

# The provider keeps a key for 24 hours; nearer to that nobody knows.
KEY_SERVES, KEY_GONE = timedelta(hours=23), timedelta(hours=24)
# A call takes forty seconds at most; whoever died in one is followed up within a minute.
LEASE = timedelta(seconds=45)
LOOKED_AT_ONCE = 20
ASKED, LISTED = "get", "list"
NOT_FOUND = "not_found_at_provider"


@dataclass(frozen=True)
class Claimed:
    """An attempt taken for one look, and how long ago its key was first used."""

    payment: Payment
    key_age: timedelta


async def look(sessions: Sessions, payment_id: uuid.UUID) -> None:
    """Find out what has become of an attempt, if it is due and nobody else does."""
    try:
        shop = shop_of(get_settings())
    except NotConfigured:
        return
    claimed = await failpoints.in_transaction(
        sessions, "payment_claim", lambda own: _claim(own, payment_id)
    )
    if claimed is None:
        return
    if claimed.payment.provider_id is not None:
        await _ask(sessions, shop, claimed.payment, claimed.payment.provider_id)
    elif claimed.key_age >= KEY_SERVES or await _send_again(sessions, claimed.payment):
        await _find(sessions, shop, claimed)


async def _claim(session: AsyncSession, payment_id: uuid.UUID) -> Claimed | None:
    query = sa.select(Payment).where(
        col(Payment.id) == payment_id,
        col(Payment.status).in_(OPEN),
        col(Payment.next_look_at) <= sa.func.app_now(),
    )
    payment: Payment | None = await session.scalar(
        query.with_for_update(skip_locked=True)
    )
    if payment is None:
        return None
    now = await clock.now(session)
    payment.tries += 1
    payment.next_look_at = now + LEASE
    return Claimed(payment, now - (payment.key_used_at or payment.created_at))


async def _ask(
    sessions: Sessions, shop: Shop, payment: Payment, provider_id: str
) -> None:
    answer = await failpoints.call(
        "payment_get", lambda: yookassa.get_payment(shop, provider_id)
    )

    async def keep(session: AsyncSession) -> None:
        if isinstance(answer, Done):
            await payment_settling.apply(session, SYSTEM, payment.id, answer, ASKED)
        else:
            await _note(session, payment.id, answer, ASKED)
        await _look_again(session, payment.id)

    await failpoints.in_transaction(sessions, "payment_get", keep)


async def _send_again(sessions: Sessions, payment: Payment) -> bool:
    """Repeat the call; True when the provider knows the key and gave no payment."""
    answer = await payment_sending.ask(payment, flow="payment_again")

    async def keep(session: AsyncSession) -> None:
        await payment_sending.keep(session, payment.id, answer, first=False)
        await _look_again(session, payment.id)

    await failpoints.in_transaction(sessions, "payment_again", keep)
    return isinstance(answer, Unknown) and answer.accepted


async def _find(sessions: Sessions, shop: Shop, claimed: Claimed) -> None:
    """Look through the list; what it lacks once the key is gone does not exist."""
    payment = claimed.payment
    since = payment.key_used_at or payment.created_at
    found = await failpoints.call(
        "payment_list", lambda: payment_search.by_attempt(shop, payment.id, since)
    )

    async def keep(session: AsyncSession) -> None:
        if isinstance(found, Done):
            await payment_settling.apply(session, SYSTEM, payment.id, found, LISTED)
        elif not isinstance(found, Nowhere):
            await _note(session, payment.id, found, LISTED)
        elif claimed.key_age >= KEY_GONE:
            await _give_up(session, payment.id)
        await _look_again(session, payment.id)

    await failpoints.in_transaction(sessions, "payment_list", keep)


async def _give_up(session: AsyncSession, payment_id: uuid.UUID) -> None:
    payment = await payment_steps.lock_alone(session, payment_id)
    if await payment_sending.fail(session, payment, NOT_FOUND):
        await recon_issues.report(
            session,
            IssueKind.PAYMENT_UNKNOWN,
            f"payment:{payment.id}",
            payment_id=payment.id,
            amount_kopecks=payment.amount_kopecks,
        )


async def _note(
    session: AsyncSession,
    payment_id: uuid.UUID,
    answer: Definite | Unknown,
    source: str,
) -> None:
    """Keep an answer that tells nothing; a payment they deny is for a person."""
    provider_events.record(session, source, answer, payment_id=payment_id)
    if isinstance(answer, Definite) and answer.code == "not_found":
        await recon_issues.report(
            session,
            IssueKind.MISSING_THERE,
            f"payment:{payment_id}",
            payment_id=payment_id,
        )


async def _look_again(session: AsyncSession, payment_id: uuid.UUID) -> None:
    payment = await payment_steps.lock_alone(session, payment_id)
    if payment.is_open:
        now = await clock.now(session)
        payment.next_look_at = now + payment_steps.pause(payment, now)


async def due(session: AsyncSession) -> int:
    """Enqueue a look at attempts whose time has come; gives how many."""
    query = (
        sa.select(col(Payment.id))
        .where(col(Payment.status).in_(OPEN))
        .where(col(Payment.next_look_at) <= sa.func.app_now())
        .order_by(col(Payment.next_look_at))
        .limit(LOOKED_AT_ONCE)
    )
    found = (await session.scalars(query)).all()
    return await jobs.enqueue_missing(session, LOOK, "payment_id", found)


@jobs.queue.task(name=LOOK, pass_context=True, priority=jobs.LATER)
async def look_job(context: JobContext, /, payment_id: str) -> None:
    """Follow one attempt; what fails is looked for by the poller."""
    sessions: Sessions = context.additional_context["sessions"]
    await look(sessions, uuid.UUID(payment_id))
