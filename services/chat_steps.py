"""Adding to a conversation: the next number, under the call's lock."""

import uuid
from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Message
from models.base import uuid7
from models.message import MessageKind
from models.role_grant import Role
from services import chat_words, direct, live
from services.actor import Actor

# The columns that a new message may bring; what is not given stays empty.
COLUMNS = (
    "kind",
    "sender_id",
    "sender_role",
    "via",
    "text",
    "client_id",
    "event",
    "data",
    "file_name",
    "media_type",
    "size_bytes",
    "sha256",
    "storage_name",
)
_NAMES = ", ".join(COLUMNS)
_VALUES = ", ".join(f"%({name})s" for name in COLUMNS)
_ADD = f"""
WITH added AS (
  INSERT INTO message (id, booking_id, seq, {_NAMES})
  SELECT %(id)s, %(booking_id)s,
         1 + coalesce((SELECT max(seq) FROM message
                       WHERE booking_id = %(booking_id)s), 0),
         {_VALUES}
  RETURNING *
)
SELECT pg_notify(%(channel)s, %(payload)s) AS told, added.* FROM added
"""  # noqa: S608 - only constants of this module


async def append(
    session: AsyncSession, booking_id: uuid.UUID, values: Mapping[str, Any]
) -> Message:
    """Add a message with the next number and wake who watches the conversation.

    The caller holds the call's row. `values` name columns of `message`.
    """
    given: dict[str, Any] = {**dict.fromkeys(COLUMNS), "data": {}, **values}
    given |= {"id": uuid7(), "booking_id": booking_id, "data": Jsonb(given["data"])}
    given |= live.notice(live.Topic.CHAT, booking_id)
    row: Any = await direct.fetch_one(session, _ADD, given)
    kept = row._asdict()
    del kept["told"]
    return filled(kept)


def filled(row: Mapping[str, Any]) -> Message:
    """Make the message of a row that SQL gave."""
    words = {"kind": MessageKind(row["kind"]), "sender_role": Role(row["sender_role"])}
    return direct.filled(Message, {**row, **words})


async def tell(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    event: str,
    data: Mapping[str, Any],
) -> None:
    """Mention a step of the call in its conversation, where it is one to mention."""
    if not chat_words.is_told(event, data):
        return
    known = {key: data[key] for key in ("doctor_id",) if key in data}
    values = {
        "kind": "system",
        "sender_role": "system",
        "via": actor.via.value,
        "event": event,
        "data": known,
    }
    await append(session, booking_id, values)
