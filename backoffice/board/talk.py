"""What the board knows of the conversations: how far they go, what waits unread."""

import uuid
from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.board.shapes import CallFacts, Talk
from services.live import Topic

# What the desk as one side has not read; the index on (booking_id, seq) serves both.
LAST = "(SELECT coalesce(max(m.seq), 0) FROM message m WHERE m.booking_id = b.id)"
UNREAD = """(SELECT count(*) FROM message m
        WHERE m.booking_id = b.id AND m.kind <> 'system' AND m.hidden_at IS NULL
          AND m.sender_role <> 'dispatcher'
          AND m.seq > coalesce((SELECT r.up_to_seq FROM message_read r
                                WHERE r.booking_id = b.id AND r.role = 'dispatcher'
                                  AND r.user_id IS NULL), 0))"""
HIDDEN_IN = "SELECT DISTINCT booking_id FROM message WHERE id = ANY(:ids)"


async def unread(session: AsyncSession, booking_id: uuid.UUID) -> int:
    """Count what the desk has not read in one conversation."""
    query = f"SELECT {UNREAD} AS unread FROM booking b WHERE b.id = :id"  # noqa: S608 - only constants
    found: int = (
        await session.execute(sa.text(query), {"id": booking_id})
    ).scalar_one()
    return found


def talk_of(call: CallFacts) -> Talk:
    """What tells a pane that something is new in its conversation."""
    return {
        "call": call["id"],
        "number": call["number"],
        "seq": call["talk"],
        "unread": call["unread"],
    }


async def talked(
    session: AsyncSession, changed: Mapping[Topic, set[uuid.UUID]]
) -> set[uuid.UUID]:
    """Name the calls in whose conversation something was said, read or hidden."""
    found = changed[Topic.CHAT] | changed[Topic.CHAT_READ]
    if hidden := changed[Topic.CHAT_HIDDEN]:
        rows = await session.execute(sa.text(HIDDEN_IN), {"ids": [*hidden]})
        found |= {row.booking_id for row in rows}
    return found
