"""Tickets of the chat: the right to open one socket once, within half a minute.

A socket cannot carry a token in a header, and an address with a token in it would
stand in logs; a ticket is worth nothing once it has been used. Only its hash is kept.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import uuid7
from models.role_grant import Role
from services import chat_rooms, direct
from services.actor import Actor
from services.chat_watch import Seat

SECONDS = 30
LONGEST = 100
_ADD = """
INSERT INTO chat_ticket (id, token_hash, booking_id, user_id, role, family_id,
                         expires_at)
VALUES (%(id)s, %(token_hash)s, %(booking_id)s, %(user_id)s, %(role)s, %(family_id)s,
        app_now() + make_interval(secs => %(seconds)s))
RETURNING expires_at
"""
_USE = """
WITH used AS (
  UPDATE chat_ticket SET used_at = app_now(), updated_at = app_now()
   WHERE token_hash = %(token_hash)s AND booking_id = %(booking_id)s
     AND used_at IS NULL AND expires_at > app_now()
  RETURNING user_id, role, family_id
)
SELECT used.*, u.auth_version, u.locale
  FROM used JOIN app_user u ON u.id = used.user_id
"""


@dataclass(frozen=True)
class Ticket:
    """A new ticket, told once."""

    token: str
    expires_at: datetime


async def issue(
    session: AsyncSession, actor: Actor, family_id: uuid.UUID, booking_id: uuid.UUID
) -> Ticket:
    """Give a ticket to the conversation; `family_id` is the sign-in it hangs on.

    Raises NotFound for whoever has no right to the conversation.
    """
    await chat_rooms.enter(session, actor, booking_id)
    token = secrets.token_urlsafe(32)
    values = {
        "id": uuid7(),
        "token_hash": _digest(token),
        "booking_id": booking_id,
        "user_id": actor.user_id,
        "role": actor.acting_as.value,
        "family_id": family_id,
        "seconds": SECONDS,
    }
    row: Any = await direct.fetch_one(session, _ADD, values)
    return Ticket(token, row.expires_at)


async def redeem(
    session: AsyncSession, token: str, booking_id: uuid.UUID
) -> Seat | None:
    """Use a ticket up; None for one that is unknown, used, too old or for elsewhere."""
    if len(token) > LONGEST:
        return None
    values = {"token_hash": _digest(token), "booking_id": booking_id}
    row = await direct.fetch_one(session, _USE, values)
    if row is None:
        return None
    return Seat(
        booking_id,
        row.user_id,
        Role(row.role),
        row.family_id,
        row.auth_version,
        row.locale,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
