"""Reading personal facts leaves a line in the journal too."""

import uuid
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent
from services import audit
from services.actor import Actor

ONCE_PER = timedelta(minutes=15)


async def journal_read(
    session: AsyncSession,
    actor: Actor,
    object_type: str,
    object_id: uuid.UUID,
    group: str,
) -> None:
    """Write that this person read these facts: one line in a quarter of an hour.

    The caller commits before the facts leave the house. The lock keeps two tabs
    that open at the same moment from writing the line twice.
    """
    action = f"read.{group}"
    key = f"{actor.user_id} {action} {object_id}"
    await session.execute(
        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0)))
    )
    seen = sa.exists().where(
        col(AuditEvent.object_id) == object_id,
        col(AuditEvent.actor_id) == actor.user_id,
        col(AuditEvent.action) == action,
        col(AuditEvent.created_at) > sa.func.app_now() - ONCE_PER,
    )
    if not await session.scalar(sa.select(seen)):
        audit.record(session, actor, action, object_type, object_id)
        await session.flush()
