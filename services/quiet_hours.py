"""When people are not to be woken: their own hours, else those of the house."""

import uuid
from datetime import datetime, time, timedelta

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, QuietHours
from services import settings
from services.clock import MOSCOW
from services.notification_kinds import SMS, TELEGRAM

# A letter makes no sound.
LOUD = frozenset({TELEGRAM, SMS})


async def of(session: AsyncSession, user_id: uuid.UUID | None) -> tuple[time, time]:
    """When this person's quiet begins and ends, Moscow time; equal means never."""
    query = sa.select(col(QuietHours.starts_at), col(QuietHours.ends_at))
    own = await session.execute(query.where(col(QuietHours.user_id) == user_id))
    found = own.one_or_none()
    if found is not None:
        return found[0], found[1]
    keys = (settings.QUIET_FROM, settings.QUIET_TO)
    hours = await settings.get_many(session, keys)
    return time(hours[keys[0]]), time(hours[keys[1]])


async def holds_back(
    session: AsyncSession, row: Notification, now: datetime
) -> datetime | None:
    """Until when this message waits so that it wakes nobody; None: it may go now."""
    if row.urgent or row.channel not in LOUD:
        return None
    starts_at, ends_at = await of(session, row.user_id)
    return end_of(now, starts_at, ends_at)


def end_of(now: datetime, starts_at: time, ends_at: time) -> datetime | None:
    """When the quiet that holds now is over; None where it is not quiet."""
    here = now.astimezone(MOSCOW)
    clock = here.time()
    if starts_at <= ends_at:
        quiet = starts_at <= clock < ends_at
    else:
        quiet = clock >= starts_at or clock < ends_at
    if not quiet:
        return None
    day = here.date() if clock < ends_at else here.date() + timedelta(days=1)
    return datetime.combine(day, ends_at, MOSCOW).astimezone(now.tzinfo)
