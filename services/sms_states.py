"""What became of SMS that the provider took: asked every minute for a day.

One that will never arrive gives way to the next channel, or waits for an operator.
An urgent one of which nothing is heard for ten minutes gives way as well.
"""

import uuid
from collections.abc import Mapping

import sqlalchemy as sa
import structlog
from procrastinate import JobContext
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification
from models.notification import NotificationStatus
from services import clock, jobs, notification_settling
from services.config import get_settings
from services.database import Sessions
from services.edges import in_transaction
from services.gateways import NotConfigured, Undelivered, sms
from services.gateways.sms import ASKED_AT_ONCE, SmsState
from services.notification_delivery import locked
from services.notification_kinds import SMS
from services.notification_settling import SILENCE
from services.notifications import announce

DAYS = 1
SENT = NotificationStatus.SENT
Unconfirmed = Mapping[str, uuid.UUID]

log = structlog.get_logger(__name__)


async def ask(sessions: Sessions) -> int:
    """Ask the provider about every SMS of the day not settled; gives how many."""
    waiting = await in_transaction(sessions, unconfirmed)
    names = list(waiting)
    for start in range(0, len(names), ASKED_AT_ONCE):
        batch = names[start : start + ASKED_AT_ONCE]
        try:
            found = await sms.states(get_settings(), batch)
        except (NotConfigured, Undelivered) as error:
            log.warning("no word about SMS", error=str(error))
            break
        for name, state in found.items():
            await _note(sessions, waiting[name], state)
    return len(names)


async def unconfirmed(session: AsyncSession) -> Unconfirmed:
    """The SMS that the provider took within a day and has not settled, by its names."""
    since = sa.func.app_now() - sa.func.make_interval(0, 0, 0, DAYS)
    query = (
        sa.select(col(Notification.provider_id), col(Notification.id))
        .where(
            col(Notification.status) == SENT,
            col(Notification.channel) == SMS,
            col(Notification.sent_at) > since,
            col(Notification.provider_id).is_not(None),
        )
        .order_by(col(Notification.sent_at))
    )
    found = await session.execute(query)
    return {row.provider_id: row.id for row in found}


async def note(
    session: AsyncSession, notification_id: uuid.UUID, state: SmsState
) -> None:
    """Write down what the provider says of a message that was sent."""
    row = await locked(session, notification_id)
    if row is None or row.status is not SENT:
        return
    now = await clock.now(session)
    if state is SmsState.ARRIVED:
        row.status, row.delivered_at = NotificationStatus.DELIVERED, now
    else:
        row.last_error = "SMS provider: not delivered"
        if not await notification_settling.move_on(session, row, now):
            notification_settling.give_up(row)
    await announce(session, row.booking_id)


async def _note(
    sessions: Sessions, notification_id: uuid.UUID, state: SmsState
) -> None:
    if state is not SmsState.UNDER_WAY:
        await in_transaction(sessions, lambda own: note(own, notification_id, state))


@jobs.job(SILENCE)
async def after_silence(session: AsyncSession, notification_id: str) -> None:
    """Try the next channel where an urgent SMS is not known to have arrived."""
    row = await locked(session, uuid.UUID(notification_id))
    if row is None or row.status is not SENT:
        return
    if await notification_settling.move_on(session, row, await clock.now(session)):
        await announce(session, row.booking_id)


@jobs.queue.periodic(cron="* * * * *", periodic_id="sms_states")
@jobs.queue.task(name="sms.states", pass_context=True)
async def ask_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Ask every minute, while there is something to ask about."""
    await ask(context.additional_context["sessions"])
