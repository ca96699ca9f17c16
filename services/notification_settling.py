"""What becomes of a notification after a try: arrived, tried again, another channel.

A channel that refuses, or has failed twice, gives way to the next one of the kind;
the last one is tried on with growing waits until it is given up, listed for an
operator.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification
from models.notification import NotificationChannel, NotificationStatus
from services import jobs, notification_channels, notification_texts
from services.gateways import NotConfigured, Undelivered
from services.notification_kinds import SMS, TELEGRAM
from services.notifications import DELIVER, announce

ATTEMPTS, ATTEMPTS_OF_MANY = 6, 2
WITHOUT_SERVER = timedelta(minutes=5)
FIRST_WAIT = timedelta(seconds=20)
# A provider that asks for a longer pause is left for the next channel.
LONGEST_PAUSE = timedelta(minutes=1)
LONG_SILENCE = timedelta(minutes=10)
SILENCE = "notification.silence"
Status = NotificationStatus

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Sent:
    """The server took the message and, maybe, gave it a name."""

    provider_id: str | None = None


Outcome = Sent | Undelivered | NotConfigured


async def settle(
    session: AsyncSession, row: Notification, outcome: Outcome, now: datetime
) -> None:
    """Write down how a try of this row, which is locked, has ended."""
    if isinstance(outcome, Sent):
        await _sent(session, row, outcome, now)
    elif isinstance(outcome, NotConfigured):
        await _no_server(session, row, now)
    elif outcome.retry_after is not None:
        await _told_to_wait(session, row, outcome, now)
    else:
        await _failed(session, row, outcome, now)
    await session.flush()
    await announce(session, row.booking_id)


async def move_on(session: AsyncSession, row: Notification, now: datetime) -> bool:
    """Let the next channel of the chain take over; False where none is left.

    The code or link, if it is still there, goes along.
    """
    way = await _next_way(session, row)
    if way is None:
        return False
    channel, address = way
    following = Notification(
        user_id=row.user_id,
        channel=channel,
        address=address,
        kind=row.kind,
        facts=row.facts,
        sealed=row.sealed,
        locale=row.locale,
        next_try_at=now,
        booking_id=row.booking_id,
        urgent=row.urgent,
        chain_id=row.chain_id,
    )
    session.add(following)
    _end(row, Status.REPLACED)
    await session.flush()
    await jobs.enqueue(session, DELIVER, notification_id=following.id)
    return True


async def nowhere(session: AsyncSession, row: Notification, now: datetime) -> None:
    """End a row whose way is gone: the next channel takes over, or it is given up."""
    row.last_error = "no such contact any more"
    if not await move_on(session, row, now):
        give_up(row)
    await session.flush()
    await announce(session, row.booking_id)


def give_up(row: Notification) -> None:
    """Leave the row to an operator; what would be worth nothing later is dropped."""
    passing = notification_texts.TEXTS[row.kind].passing
    _end(row, Status.DROPPED if passing else Status.DEAD)
    if not passing:
        log.error("notification given up", kind=row.kind)


async def _sent(
    session: AsyncSession, row: Notification, sent: Sent, now: datetime
) -> None:
    row.sent_at, row.provider_id = now, sent.provider_id
    row.last_error = None
    if row.channel is TELEGRAM:
        row.delivered_at = now
        _end(row, Status.DELIVERED)
        return
    _end(row, Status.SENT)
    if row.channel is SMS and row.urgent and row.chain_id is not None:
        ids = {"notification_id": row.id}
        await jobs.enqueue_later(session, SILENCE, LONG_SILENCE, **ids)


async def _no_server(session: AsyncSession, row: Notification, now: datetime) -> None:
    """Nobody set up this channel, so it is no try; another may be set up."""
    row.attempts -= 1
    row.last_error = "no server is configured"
    if await move_on(session, row, now):
        return
    row.next_try_at = now + WITHOUT_SERVER
    if notification_texts.TEXTS[row.kind].passing:
        give_up(row)


async def _told_to_wait(
    session: AsyncSession, row: Notification, failure: Undelivered, now: datetime
) -> None:
    """The provider works and wants a pause, which is no try either."""
    pause = timedelta(seconds=max(1, failure.retry_after or 0))
    row.attempts -= 1
    row.last_error = str(failure)
    if pause > LONGEST_PAUSE and await move_on(session, row, now):
        return
    row.next_try_at = now + pause


async def _failed(
    session: AsyncSession, row: Notification, failure: Undelivered, now: datetime
) -> None:
    row.last_error = str(failure)
    row.next_try_at = now + FIRST_WAIT * 3 ** (row.attempts - 1)
    enough = failure.refused or row.attempts >= ATTEMPTS_OF_MANY
    if enough and await move_on(session, row, now):
        return
    if failure.refused or row.attempts >= ATTEMPTS:
        give_up(row)


async def _next_way(
    session: AsyncSession, row: Notification
) -> tuple[NotificationChannel, str | None] | None:
    if row.chain_id is None or row.user_id is None:
        return None
    found = await notification_channels.reach(session, row.kind, row.user_id)
    tried = sa.select(col(Notification.channel)).where(
        col(Notification.chain_id) == row.chain_id
    )
    used = set((await session.scalars(tried)).all())
    ways = found.ways if found else ()
    return next((way for way in ways if way[0] not in used), None)


def _end(row: Notification, status: NotificationStatus) -> None:
    """Nothing more is tried with this row, and no secret stays behind."""
    row.status = status
    row.sealed = row.next_try_at = None
