"""Who has which call open: a warning to colleagues, never a lock.

The table is unlogged: losing it in a crash loses half a minute of nothing.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Presence, User
from models.base import uuid7
from services import live
from services.actor import Actor
from services.permissions import Permission, demand

HEARTBEAT = timedelta(seconds=30)
FORGOTTEN = timedelta(seconds=45)
# Being on the board without a call open is watching this.
BOARD = uuid.UUID(int=0)


@dataclass(frozen=True)
class Watcher:
    """A member of staff with a call open, or on the board without one."""

    user_id: uuid.UUID
    name: str
    initials: str
    booking_id: uuid.UUID | None
    since: datetime
    seen_at: datetime


async def watch(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID | None
) -> None:
    """Say that the actor has this call open, and none of those before.

    Colleagues are told when that is news; a mere heartbeat is silent.
    """
    demand(actor, Permission.BOARD_USE)
    target = booking_id or BOARD
    left = await session.execute(
        sa.delete(Presence)
        .where(
            col(Presence.user_id) == actor.user_id, col(Presence.booking_id) != target
        )
        .returning(col(Presence.id))
    )
    row = insert(Presence).values(
        id=uuid7(),
        user_id=actor.user_id,
        booking_id=target,
        seen_at=sa.func.app_now(),
    )
    beat = await session.execute(
        row.on_conflict_do_update(
            index_elements=["user_id", "booking_id"],
            set_={"seen_at": row.excluded.seen_at},
        ).returning(sa.text("xmax = 0"))
    )
    if beat.scalar_one() or left.first() is not None:
        await live.announce(session, live.Topic.PRESENCE, target)


async def leave(session: AsyncSession, actor: Actor) -> None:
    """Say that the actor has left the board."""
    demand(actor, Permission.BOARD_USE)
    gone = await session.execute(
        sa.delete(Presence)
        .where(col(Presence.user_id) == actor.user_id)
        .returning(col(Presence.id))
    )
    if gone.first() is not None:
        await live.announce(session, live.Topic.PRESENCE, BOARD)


async def present(session: AsyncSession) -> list[Watcher]:
    """List who is here; whoever has been silent for 45 s is not."""
    query = (
        sa.select(Presence, User)
        .join(User, col(User.id) == col(Presence.user_id))
        .where(col(Presence.seen_at) > sa.func.app_now() - FORGOTTEN)
        .order_by(col(Presence.created_at))
    )
    return [
        Watcher(
            user_id=user.id,
            name=f"{user.first_name} {user.last_name}",
            initials=f"{user.first_name[:1]}{user.last_name[:1]}".upper(),
            booking_id=None if row.booking_id == BOARD else row.booking_id,
            since=row.created_at,
            seen_at=row.seen_at,
        )
        for row, user in (await session.execute(query)).all()
    ]


async def watchers_of(session: AsyncSession, booking_id: uuid.UUID) -> list[Watcher]:
    """List who has this call open."""
    return [each for each in await present(session) if each.booking_id == booking_id]
