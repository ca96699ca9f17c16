"""Which sessions of the console still let somebody in; streams ask it again and again."""

import uuid
from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import StaffSession, User
from services.config import get_settings


async def living(
    session: AsyncSession, session_ids: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    """Tell which of these sessions a person is still signed in with."""
    now, idle = sa.func.app_now(), timedelta(minutes=get_settings().staff_idle_minutes)
    query = (
        sa.select(col(StaffSession.id))
        .join(User, col(User.id) == col(StaffSession.user_id))
        .where(
            col(StaffSession.id).in_(session_ids),
            col(StaffSession.ended_at).is_(None),
            col(StaffSession.expires_at) > now,
            col(StaffSession.last_seen_at) > now - idle,
            col(StaffSession.auth_version) == col(User.auth_version),
            col(User.blocked_at).is_(None),
        )
    )
    return set((await session.scalars(query)).all())
