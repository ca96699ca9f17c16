"""What the console tells one member of staff: shown once as a toast, kept in a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from models import Notification
from models.notification import NotificationChannel
from services import clock, notification_texts
from services.notification_texts import Rendered
from services.staff_sessions import Staff

SHOWN_AT_ONCE, LISTED = 3, 100


@dataclass(frozen=True)
class ConsoleNotice:
    """One of them, in the reader's language."""

    at: datetime
    text: Rendered


def _of(staff: Staff) -> SelectOfScalar[Notification]:
    return select(Notification).where(
        col(Notification.user_id) == staff.user_id,
        col(Notification.channel) == NotificationChannel.CONSOLE,
    )


async def take(session: AsyncSession, staff: Staff) -> Sequence[ConsoleNotice]:
    """Hand over the oldest ones not seen yet, each once whoever asks at that moment."""
    waiting = (
        _of(staff)
        .where(col(Notification.read_at).is_(None))
        .order_by(col(Notification.created_at), col(Notification.id))
        .limit(SHOWN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = (await session.exec(waiting)).all()
    now = await clock.now(session)
    for row in rows:
        row.read_at = now
    return [_told(row, staff) for row in rows]


async def listing(session: AsyncSession, staff: Staff) -> Sequence[ConsoleNotice]:
    """The last ones, newest first."""
    query = (
        _of(staff)
        .order_by(col(Notification.created_at).desc(), col(Notification.id).desc())
        .limit(LISTED)
    )
    return [_told(row, staff) for row in (await session.exec(query)).all()]


def _told(row: Notification, staff: Staff) -> ConsoleNotice:
    made = notification_texts.render(row.kind, staff.locale, row.facts)
    return ConsoleNotice(row.created_at, made)
