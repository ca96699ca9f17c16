"""Wake-up calls: who watches is told, at commit, that a row has changed.

A notification carries ids only. It is no record: a reader that missed one loads
the present state anew.
"""

import json
import uuid
from enum import StrEnum

from sqlmodel.ext.asyncio.session import AsyncSession

from services import direct

CHANNEL = "tot_live"
_NOTIFY = "SELECT pg_notify(%(channel)s, %(payload)s)"


class Topic(StrEnum):
    """What kind of row changed."""

    CALL = "call"
    DOCTOR = "doctor"
    PRESENCE = "presence"
    # Of a call: something was said, read or is being written, a notice got further.
    CHAT = "chat"
    CHAT_READ = "chat_read"
    TYPING_PATIENT = "typing_patient"
    TYPING_DOCTOR = "typing_doctor"
    TYPING_DISPATCHER = "typing_dispatcher"
    NOTICE = "notice"
    # Of a message: it was hidden.
    CHAT_HIDDEN = "chat_hidden"


def notice(topic: Topic, row_id: uuid.UUID) -> dict[str, str]:
    """Give the values of a `pg_notify` that goes with another statement."""
    payload = json.dumps({"topic": topic.value, "id": str(row_id)})
    return {"channel": CHANNEL, "payload": payload}


async def announce(session: AsyncSession, topic: Topic, row_id: uuid.UUID) -> None:
    """Tell every process, when this transaction commits, that the row changed."""
    await direct.fetch_one(session, _NOTIFY, notice(topic, row_id))
