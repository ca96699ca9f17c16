"""How far the notices of a call have got, and which ways out are shut at the moment."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Notification
from models.notification import NotificationChannel, NotificationStatus
from models.role_grant import Role
from services import direct, notification_texts
from services.actor import Actor
from services.notification_kinds import CONSOLE
from services.notification_settling import FIRST_WAIT
from services.permissions import Permission, demand

# The wait before the next try grows threefold from the first one, see
# notification_settling: so the first failure is found from the next try.
_OUTAGES = """
WITH failing AS (
  SELECT channel, count(*) AS waiting,
         min(greatest(created_at, next_try_at
             - %(first_wait)s * (power(3, attempts) - 1) / 2)) AS since
    FROM notification
   WHERE status = 'queued' AND attempts > 0 AND last_error IS NOT NULL
   GROUP BY channel
), lately AS (
  SELECT channel, sent_at FROM notification ORDER BY id DESC LIMIT %(lately)s
)
SELECT channel, since, waiting FROM failing
 WHERE NOT EXISTS (SELECT FROM lately
                    WHERE lately.channel = failing.channel
                      AND lately.sent_at >= failing.since)
 ORDER BY since, channel
"""
LATELY = 500


@dataclass(frozen=True)
class NoticeLine:
    """One message about a call: to whom, by what, how far; its text is not shown.

    `at` is when it was delivered, or else sent.
    """

    subject: str
    to: Role
    channel: NotificationChannel
    status: NotificationStatus
    at: datetime | None


@dataclass(frozen=True)
class Outage:
    """A channel by which nothing has left since then, and how much waits for it."""

    channel: NotificationChannel
    since: datetime
    waiting: int


async def of_booking(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> Sequence[NoticeLine]:
    """List what was told about a call, oldest first; relayed chat is not listed."""
    demand(actor, Permission.BOOKING_READ)
    passing = [kind for kind, text in notification_texts.TEXTS.items() if text.passing]
    query = (
        select(Notification, Booking.patient_id)
        .join(Booking, col(Booking.id) == col(Notification.booking_id))
        .where(
            col(Notification.booking_id) == booking_id,
            col(Notification.channel) != CONSOLE,
            col(Notification.kind).not_in(passing),
        )
        .order_by(col(Notification.created_at), col(Notification.id))
    )
    rows = (await session.exec(query)).all()
    return [_line(row, patient_id) for row, patient_id in rows]


async def outages(session: AsyncSession) -> Sequence[Outage]:
    """Name the channels where what failed waits and nothing has been sent since."""
    given = {"first_wait": FIRST_WAIT, "lately": LATELY}
    rows = await direct.fetch_all(session, _OUTAGES, given)
    return [
        Outage(NotificationChannel(row.channel), row.since, row.waiting) for row in rows
    ]


def _line(row: Notification, patient_id: uuid.UUID) -> NoticeLine:
    made = notification_texts.TEXTS[row.kind]
    to = Role.PATIENT if row.user_id == patient_id else _other(row)
    return NoticeLine(
        str(made.subject), to, row.channel, row.status, row.delivered_at or row.sent_at
    )


def _other(row: Notification) -> Role:
    """Whom the kind is for, where it did not go to the patient of today."""
    roles = notification_texts.TEXTS[row.kind].roles
    known = (role for role in (Role.DOCTOR, Role.PATIENT) if role in roles)
    return next(known, Role.DISPATCHER)
