"""Messages that wait for a session's next page of the console, each shown once."""

import uuid
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import StaffSession

KEPT = 5


async def leave(
    session: AsyncSession, session_id: uuid.UUID, kind: str, text: str
) -> None:
    """Leave a message for the next page of this session."""
    row = await session.get(StaffSession, session_id, with_for_update=True)
    if row is not None:
        message: dict[str, Any] = {"kind": kind, "text": text[:500]}
        row.flashes = [*row.flashes, message][-KEPT:]


async def take(session: AsyncSession, session_id: uuid.UUID) -> list[dict[str, Any]]:
    """Hand over the waiting messages, each once."""
    row = await session.get(StaffSession, session_id, with_for_update=True)
    if row is None or not row.flashes:
        return []
    taken, row.flashes = row.flashes, []
    return taken
