"""Which Telegram chat belongs to which account."""

import uuid

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import TelegramLink
from models.telegram import LinkState


async def chat_of(session: AsyncSession, user_id: uuid.UUID) -> int | None:
    """Give the private chat that is linked to this account now."""
    query = select(TelegramLink.chat_id).where(
        col(TelegramLink.user_id) == user_id,
        col(TelegramLink.state) == LinkState.LINKED,
    )
    return (await session.exec(query)).one_or_none()
