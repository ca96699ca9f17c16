"""Delivering notifications: claimed, sent outside any transaction, then settled.

A process that dies after sending leaves the row claimed; when the claim has run out,
it is sent once more. Nothing is lost, and only a crash can double a message.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification
from models.notification import NotificationChannel, NotificationStatus
from models.role_grant import Role
from services import (
    audit,
    chat_digest,
    chat_rooms,
    clock,
    jobs,
    notification_channels,
    notification_settling,
    notification_texts,
    quiet_hours,
    sealing,
    telegram_messages,
    telegram_shown,
)
from services.actor import Actor
from services.config import get_settings
from services.database import Sessions
from services.edges import in_transaction
from services.errors import IllegalTransition, NotFound
from services.gateways import NotConfigured, Undelivered, mail, sms, telegram
from services.notification_kinds import SMS
from services.notification_settling import Outcome, Sent
from services.notification_texts import Rendered
from services.notifications import DELIVER, announce
from services.permissions import Permission, demand
from services.telegram_messages import TelegramMessage

CLAIM = timedelta(minutes=2)
SWEPT_AT_ONCE = 200
QUEUED, DEAD = NotificationStatus.QUEUED, NotificationStatus.DEAD


@dataclass(frozen=True)
class Claimed:
    """One message as it was when it was taken for sending."""

    notification_id: uuid.UUID
    channel: NotificationChannel
    address: str
    message: Rendered | TelegramMessage


async def deliver(sessions: Sessions, notification_id: uuid.UUID) -> None:
    """Send one notification if its time has come and nobody else does."""
    claimed = await in_transaction(sessions, lambda s: _claim(s, notification_id))
    if claimed is None:
        return
    outcome: Outcome
    try:
        outcome = Sent(await _send(claimed))
    except (Undelivered, NotConfigured) as error:
        outcome = error
    await in_transaction(sessions, lambda s: _settle(s, notification_id, outcome))


async def _claim(session: AsyncSession, notification_id: uuid.UUID) -> Claimed | None:
    row = await locked(session, notification_id, skip_locked=True)
    now = await clock.now(session)
    if row is None or row.status is not QUEUED or row.address is None:
        return None
    if row.next_try_at is not None and row.next_try_at > now:
        return None
    if await _waits(session, row, now):
        return None
    address = await notification_channels.address_now(session, row)
    if address is None:
        await notification_settling.nowhere(session, row, now)
        return None
    row.address = address
    message = await _message(session, row)
    if message is None:
        row.status = NotificationStatus.DROPPED
        row.sealed = row.next_try_at = None
        await announce(session, row.booking_id)
        return None
    row.attempts += 1
    row.next_try_at = now + CLAIM
    return Claimed(row.id, row.channel, address, message)


async def _waits(session: AsyncSession, row: Notification, now: datetime) -> bool:
    until = await quiet_hours.holds_back(session, row, now)
    if until is None:
        return False
    row.next_try_at = until
    return True


async def _message(
    session: AsyncSession, row: Notification
) -> Rendered | TelegramMessage | None:
    """Write the message; None when the person has no need or right to know any more."""
    if row.kind == chat_digest.KIND and not await chat_digest.holds(session, row):
        return None
    if row.channel is NotificationChannel.TELEGRAM:
        return await telegram_messages.compose(session, row)
    if await _is_of_a_lost_visit(session, row):
        return None
    secret = None if row.sealed is None else sealing.unseal(row.sealed)
    short = row.channel is SMS
    return notification_texts.render(
        row.kind, row.locale, row.facts, secret, short=short
    )


async def _is_of_a_lost_visit(session: AsyncSession, row: Notification) -> bool:
    """Tell whether a doctor would hear of a visit that is another's by now."""
    doctors = telegram_shown.WITH_CARD.get(row.kind) is Role.DOCTOR
    if not doctors or row.booking_id is None or row.user_id is None:
        return False
    room = await chat_rooms.load(session, row.booking_id)
    return not room.holds(Role.DOCTOR, row.user_id)


async def _send(claimed: Claimed) -> str | None:
    """Hand it to its server; gives what the server calls it, where it says so."""
    settings, message = get_settings(), claimed.message
    if isinstance(message, TelegramMessage):
        return await telegram.send(settings, claimed.address, message)
    if claimed.channel is SMS:
        return await sms.send(settings, claimed.address, message.text)
    await mail.send(settings, claimed.address, message.subject, message.text)
    return None


async def _settle(
    session: AsyncSession, notification_id: uuid.UUID, outcome: Outcome
) -> None:
    row = await locked(session, notification_id)
    if row is None or row.status is not QUEUED:
        return
    now = await clock.now(session)
    await notification_settling.settle(session, row, outcome, now)
    if row.channel is NotificationChannel.TELEGRAM:
        await telegram_shown.card_sent(session, row)


async def retry(
    session: AsyncSession, actor: Actor, notification_id: uuid.UUID
) -> Notification:
    """Try a dead notification again; one whose code is gone cannot be."""
    demand(actor, Permission.NOTIFICATION_RETRY)
    row = await locked(session, notification_id)
    if row is None:
        raise NotFound
    if row.status is not DEAD or notification_texts.needs_secret(row.kind):
        raise IllegalTransition("This message cannot be sent again.")
    row.status, row.attempts = QUEUED, 0
    row.next_try_at = await clock.now(session)
    audit.record(session, actor, "notification.retried", "notification", row.id)
    await jobs.enqueue(session, DELIVER, notification_id=row.id)
    await announce(session, row.booking_id)
    return row


async def due(session: AsyncSession) -> int:
    """Enqueue what is due and has no job waiting; gives how many."""
    query = (
        sa.select(col(Notification.id))
        .where(col(Notification.status) == QUEUED)
        .where(col(Notification.next_try_at) <= sa.func.app_now())
        .order_by(col(Notification.next_try_at))
        .limit(SWEPT_AT_ONCE)
    )
    found = (await session.scalars(query)).all()
    return await jobs.enqueue_missing(session, DELIVER, "notification_id", found)


async def locked(
    session: AsyncSession, notification_id: uuid.UUID, *, skip_locked: bool = False
) -> Notification | None:
    """Take the row for the rest of the transaction, or nothing."""
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
