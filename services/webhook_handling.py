"""Looking into a notice: the object is fetched, and what was fetched decides."""

import uuid
from datetime import timedelta

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import WebhookInbox
from models.payment import InboxStatus
from models.recon_issue import IssueKind
from services import (
    clock,
    failpoints,
    jobs,
    payment_checks,
    payment_settling,
    recon_issues,
    refund_outcomes,
)
from services.actor import SYSTEM
from services.config import get_settings
from services.database import Sessions
from services.gateways import NotConfigured, yookassa
from services.gateways.yookassa_client import Shop, shop_of
from services.gateways.yookassa_outcomes import Definite, Done, Outcome
from services.payment_settling import Verdict
from services.refund_imports import Verdict as RefundVerdict
from services.webhook_inbox import HANDLE, OPEN

# A call takes forty seconds at most; whoever died in one is followed up within a minute.
LEASE = timedelta(seconds=45)
PAUSES = (15, 60, 120, 300, 900, 3600)
# By then a commit of ours that a notice overtook is long done.
MOST_TRIES = 6
DONE, WAITING = InboxStatus.DONE, InboxStatus.WAITING
QUARANTINED = InboxStatus.QUARANTINED
SOURCE = "webhook"
PAYMENT, REFUND = "payment", "refund"
REFUND_ENDS = {
    RefundVerdict.WAITING: WAITING,
    RefundVerdict.QUARANTINED: QUARANTINED,
}


async def handle(sessions: Sessions, inbox_id: uuid.UUID) -> None:
    """Fetch what a notice is about and take it in, if nobody else does."""
    try:
        shop = shop_of(get_settings())
    except NotConfigured:
        return
    notice = await failpoints.in_transaction(
        sessions, "webhook_claim", lambda own: _claim(own, inbox_id)
    )
    if notice is None:
        return
    answer = await _fetch(shop, notice)
    await failpoints.in_transaction(
        sessions, "webhook_keep", lambda own: _keep(own, inbox_id, answer)
    )


async def _claim(session: AsyncSession, inbox_id: uuid.UUID) -> WebhookInbox | None:
    query = sa.select(WebhookInbox).where(
        col(WebhookInbox.id) == inbox_id,
        col(WebhookInbox.status).in_(OPEN),
        col(WebhookInbox.next_try_at) <= sa.func.app_now(),
    )
    notice: WebhookInbox | None = await session.scalar(
        query.with_for_update(skip_locked=True)
    )
    if notice is not None:
        notice.tries += 1
        notice.next_try_at = await clock.now(session) + LEASE
    return notice


async def _fetch(shop: Shop, notice: WebhookInbox) -> Outcome | None:
    """Ask for the object; None when notices of its kind are not for us."""
    about = notice.object_id
    if _noun(notice) == PAYMENT:
        return await failpoints.call(
            "webhook", lambda: yookassa.get_payment(shop, about)
        )
    if _noun(notice) == REFUND:
        return await failpoints.call(
            "webhook", lambda: yookassa.get_refund(shop, about)
        )
    return None


def _noun(notice: WebhookInbox) -> str:
    """Events are `payment.succeeded`, and of methods `payment_method.active`."""
    return notice.event.partition(".")[0]


async def _keep(
    session: AsyncSession, inbox_id: uuid.UUID, answer: Outcome | None
) -> None:
    notice = await session.get_one(WebhookInbox, inbox_id)
    if answer is None:
        status, note = DONE, "not_ours"
    elif isinstance(answer, Done):
        status, note = await _take_in(session, notice, answer)
    elif isinstance(answer, Definite):
        status, note = WAITING, answer.code
    else:
        status, note = WAITING, answer.reason
    now = await clock.now(session)
    if status is WAITING and _hopeless(notice, answer):
        status = QUARANTINED
        await _tell_people(session, notice, note)
    if status is WAITING:
        seconds = PAUSES[min(notice.tries, len(PAUSES)) - 1]
        notice.next_try_at = now + timedelta(seconds=seconds)
    else:
        notice.handled_at, notice.next_try_at = now, None
    notice.status, notice.note = status, note[:100]


async def _take_in(
    session: AsyncSession, notice: WebhookInbox, answer: Done
) -> tuple[InboxStatus, str]:
    if _noun(notice) == REFUND:
        verdict = await refund_outcomes.take(session, SYSTEM, answer, SOURCE)
        return REFUND_ENDS.get(verdict, DONE), verdict.value
    payment_id = await payment_checks.whose(session, answer.raw)
    if payment_id is None:
        return WAITING, "no_such_payment"
    settled = await payment_settling.apply(session, SYSTEM, payment_id, answer, SOURCE)
    kept = QUARANTINED if settled.verdict is Verdict.QUARANTINED else DONE
    return kept, settled.verdict.value


def _hopeless(notice: WebhookInbox, answer: Outcome | None) -> bool:
    """Tell whether another look would show the same; a silent provider may yet speak."""
    if isinstance(answer, Definite) and answer.code == "invalid_id":
        return True
    denied = isinstance(answer, Definite) and answer.code == "not_found"
    return notice.tries >= MOST_TRIES and (denied or isinstance(answer, Done))


async def _tell_people(session: AsyncSession, notice: WebhookInbox, note: str) -> None:
    denied = note in {"not_found", "invalid_id"}
    await recon_issues.report(
        session,
        IssueKind.QUARANTINED if denied else IssueKind.MISSING_HERE,
        f"provider_{_noun(notice)}:{notice.object_id}",
        event=notice.event,
        note=note,
    )


@jobs.queue.task(name=HANDLE, pass_context=True)
async def handle_job(context: JobContext, /, inbox_id: str) -> None:
    """Look into one notice; what fails is looked for by the poller."""
    sessions: Sessions = context.additional_context["sessions"]
    await handle(sessions, uuid.UUID(inbox_id))
