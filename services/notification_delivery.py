"""Delivering notifications: claimed, sent outside any transaction, then settled.

A process that dies after sending leaves the row claimed; when the claim has run out,
it is sent once more. Nothing is lost, and only a crash can double a message.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
import structlog
from procrastinate import JobContext
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification
from models.notification import NotificationChannel, NotificationStatus
from services import audit, clock, jobs, notification_texts, sealing
from services.actor import Actor
from services.config import get_settings
from services.database import Sessions
from services.edges import in_transaction
from services.errors import IllegalTransition, NotFound
from services.gateways import NotConfigured, Undelivered, mail, sms
from services.notifications import DELIVER
from services.permissions import Permission, demand

ATTEMPTS = 6
CLAIM = timedelta(minutes=2)
WITHOUT_SERVER = timedelta(minutes=5)
FIRST_WAIT = timedelta(seconds=20)
SWEPT_AT_ONCE = 200
QUEUED, DEAD = NotificationStatus.QUEUED, NotificationStatus.DEAD

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Claimed:
    """One message as it was when it was taken for sending."""

    notification_id: uuid.UUID
    channel: NotificationChannel
    address: str
    subject: str
    text: str


async def deliver(sessions: Sessions, notification_id: uuid.UUID) -> None:
    """Send one notification if its time has come and nobody else does."""
    claimed = await in_transaction(sessions, lambda s: _claim(s, notification_id))
    if claimed is None:
        return
    failure: Undelivered | NotConfigured | None = None
    try:
        await _send(claimed)
    except (Undelivered, NotConfigured) as error:
        failure = error
    await in_transaction(sessions, lambda s: _settle(s, notification_id, failure))


async def _claim(session: AsyncSession, notification_id: uuid.UUID) -> Claimed | None:
    row = await _locked(session, notification_id, skip_locked=True)
    now = await clock.now(session)
    if row is None or row.status is not QUEUED or row.address is None:
        return None
    if row.next_try_at is not None and row.next_try_at > now:
        return None
    row.attempts += 1
    row.next_try_at = now + CLAIM
    secret = None if row.sealed is None else sealing.unseal(row.sealed)
    made = notification_texts.render(
        row.kind,
        row.locale,
        row.facts,
        secret,
        short=row.channel is NotificationChannel.SMS,
    )
    return Claimed(row.id, row.channel, row.address, made.subject, made.text)


async def _send(claimed: Claimed) -> None:
    settings = get_settings()
    if claimed.channel is NotificationChannel.SMS:
        await sms.send(settings, claimed.address, claimed.text)
    else:
        await mail.send(settings, claimed.address, claimed.subject, claimed.text)


async def _settle(
    session: AsyncSession,
    notification_id: uuid.UUID,
    failure: Undelivered | NotConfigured | None,
) -> None:
    row = await _locked(session, notification_id)
    if row is None or row.status is not QUEUED:
        return
    now = await clock.now(session)
    if failure is None:
        row.status, row.sent_at = NotificationStatus.SENT, now
        row.sealed = row.last_error = row.next_try_at = None
    elif isinstance(failure, NotConfigured):
        row.attempts -= 1
        row.last_error = "no server is configured"
        row.next_try_at = now + WITHOUT_SERVER
    else:
        row.last_error = str(failure)
        row.next_try_at = now + FIRST_WAIT * 3 ** (row.attempts - 1)
        if failure.refused or row.attempts >= ATTEMPTS:
            row.status = DEAD
            row.sealed = row.next_try_at = None
            log.error("notification given up", kind=row.kind)


async def retry(
    session: AsyncSession, actor: Actor, notification_id: uuid.UUID
) -> Notification:
    """Try a dead notification again; one whose code is gone cannot be."""
    demand(actor, Permission.NOTIFICATION_RETRY)
    row = await _locked(session, notification_id)
    if row is None:
        raise NotFound
    if row.status is not DEAD or notification_texts.needs_secret(row.kind):
        raise IllegalTransition("This message cannot be sent again.")
    row.status, row.attempts = QUEUED, 0
    row.next_try_at = await clock.now(session)
    audit.record(session, actor, "notification.retried", "notification", row.id)
    await jobs.enqueue(session, DELIVER, notification_id=row.id)
    return row


async def due(session: AsyncSession) -> int:
    """Enqueue again what waits and is due; gives how many."""
    query = (
        sa.select(col(Notification.id))
        .where(col(Notification.status) == QUEUED)
        .where(col(Notification.next_try_at) <= sa.func.app_now())
        .order_by(col(Notification.next_try_at))
        .limit(SWEPT_AT_ONCE)
    )
    found = (await session.scalars(query)).all()
    for notification_id in found:
        await jobs.enqueue(session, DELIVER, notification_id=notification_id)
    return len(found)


async def _locked(
    session: AsyncSession, notification_id: uuid.UUID, *, skip_locked: bool = False
) -> Notification | None:
    query = sa.select(Notification).where(col(Notification.id) == notification_id)
    found: Notification | None = await session.scalar(
        query.with_for_update(skip_locked=skip_locked)
    )
    return found


@jobs.queue.task(name=DELIVER, pass_context=True)
async def deliver_job(context: JobContext, /, notification_id: str) -> None:
    """Deliver one notification; what fails is looked for by the sweep."""
    sessions: Sessions = context.additional_context["sessions"]
    await deliver(sessions, uuid.UUID(notification_id))


@jobs.queue.periodic(cron="* * * * *", periodic_id="notifications")
@jobs.queue.task(name="notification.sweep", pass_context=True)
async def sweep_periodically(context: JobContext, timestamp: int) -> None:
    """Look for notifications that wait, every minute."""
    sessions: Sessions = context.additional_context["sessions"]
    await in_transaction(sessions, due)
