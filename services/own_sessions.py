"""The browsers in which a member of staff is signed in, and ending any of them."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import StaffSession
from services import audit, staff_sessions
from services.errors import NotFound
from services.staff_sessions import Staff


async def listing(session: AsyncSession, staff: Staff) -> Sequence[StaffSession]:
    """One's own open sessions, the one used last first."""
    query = select(StaffSession).where(
        col(StaffSession.user_id) == staff.user_id,
        col(StaffSession.ended_at).is_(None),
        col(StaffSession.expires_at) > sa.func.app_now(),
    )
    return (
        await session.exec(query.order_by(col(StaffSession.last_seen_at).desc()))
    ).all()


async def end(session: AsyncSession, staff: Staff, session_id: uuid.UUID) -> None:
    """End one of one's own sessions; somebody else's is not found."""
    statement = (
        sa.update(StaffSession)
        .where(
            col(StaffSession.id) == session_id,
            col(StaffSession.user_id) == staff.user_id,
            col(StaffSession.ended_at).is_(None),
        )
        .values(ended_at=sa.func.app_now())
        .returning(col(StaffSession.id))
    )
    if await session.scalar(statement) is None:
        raise NotFound
    audit.record(session, staff.actor, "staff.session_ended", "user", staff.user_id)


async def end_others(session: AsyncSession, staff: Staff) -> None:
    """End every session of one's own but this one."""
    await staff_sessions.end_all(session, staff.user_id, keep=staff.session_id)
    audit.record(session, staff.actor, "staff.sessions_ended", "user", staff.user_id)
