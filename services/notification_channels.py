"""By which channels a person is told something: the kind's order, narrowed by them."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import NotificationPreference, User
from models.notification import NotificationChannel
from services import telegram_links
from services.notification_kinds import CONSOLE, EMAIL, TELEGRAM
from services.notification_texts import TEXTS

Way = tuple[NotificationChannel, str | None]


async def wanted(
    session: AsyncSession, kind: str, user_id: uuid.UUID
) -> Sequence[NotificationChannel]:
    """The channels that the person wants for this kind, in order; none is silence.

    What is mandatory goes its own way, whatever they want.
    """
    text = TEXTS[kind]
    if text.mandatory:
        return text.channels
    query = sa.select(col(NotificationPreference.channels)).where(
        col(NotificationPreference.user_id) == user_id,
        col(NotificationPreference.kind) == kind,
    )
    chosen = await session.scalar(query)
    if chosen is None:
        return text.channels
    return [each for each in map(NotificationChannel, chosen) if each in text.channels]


async def ways(session: AsyncSession, kind: str, user: User) -> Sequence[Way]:
    """The channels of this kind that reach the person now, each with the address."""
    channels = await wanted(session, kind, user.id)
    known = [(each, await address_of(session, user, each)) for each in channels]
    return [(each, at) for each, at in known if at is not None or each is CONSOLE]


async def address_of(
    session: AsyncSession, user: User, channel: NotificationChannel
) -> str | None:
    """Where a channel reaches the person; None where it does not."""
    if channel is TELEGRAM:
        chat_id = await telegram_links.chat_of(session, user.id)
        return None if chat_id is None else str(chat_id)
    if channel is CONSOLE:
        return None
    return user.email if channel is EMAIL else user.phone
