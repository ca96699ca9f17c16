"""Talking inside a call: say, show a picture, mark as read, hide, be typing.

Each message takes the next number under the call's lock, so the numbers have no gaps
and a reader who knows the last one misses nothing.
"""

import uuid
from typing import Annotated, Any

from pydantic import StringConstraints
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Message
from models.message import MessageKind
from models.role_grant import Role
from services import (
    audit,
    chat_reads,
    chat_relay,
    chat_rooms,
    chat_steps,
    direct,
    files,
    live,
    telegram_shown,
)
from services.actor import Actor
from services.errors import (
    FileRefused,
    IdempotencyKeyReused,
    IllegalTransition,
    NotFound,
    TooManyRequests,
)
from services.files import StoredFile, Taken
from services.inputs import Prose, wrong
from services.permissions import Permission, demand
from services.sensitive_reads import journal_read

Text = Annotated[Prose, StringConstraints(max_length=4000)]
ClientId = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[0-9A-Za-z_.-]{1,64}$")
]
# So many messages of one sender in so many seconds; more is a machine or a quarrel.
MOST, SECONDS = 20, 10
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})
_TYPING = {
    Role.PATIENT: live.Topic.TYPING_PATIENT,
    Role.DOCTOR: live.Topic.TYPING_DOCTOR,
    Role.DISPATCHER: live.Topic.TYPING_DISPATCHER,
}
# One sender's messages take their turns, or several calls at once would pass the limit.
_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%(turn)s, 0))"
# What was said under this name already, and how much was said lately.
_BEFORE = """
SELECT count(*) AS hits,
       ceil(extract(epoch FROM min(created_at) + make_interval(secs => %(seconds)s)
                               - app_now())) AS wait,
       (SELECT id FROM message
         WHERE booking_id = %(booking_id)s AND sender_id = %(sender_id)s
           AND client_id = %(client_id)s) AS known
  FROM (SELECT created_at FROM message
         WHERE sender_id = %(sender_id)s
           AND created_at > app_now() - make_interval(secs => %(seconds)s)
         ORDER BY created_at DESC LIMIT %(most)s) AS lately
"""
_MARK = """
INSERT INTO message_read AS known (id, booking_id, role, user_id, up_to_seq)
SELECT gen_random_uuid(), %(booking_id)s, %(role)s, %(user_id)s,
       greatest(0, least(%(up_to_seq)s,
                         coalesce((SELECT max(seq) FROM message
                                   WHERE booking_id = %(booking_id)s), 0)))
ON CONFLICT (booking_id, role, user_id) DO UPDATE
   SET up_to_seq = excluded.up_to_seq
 WHERE known.up_to_seq < excluded.up_to_seq
RETURNING up_to_seq
"""


async def send(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    text: str | None,
    client_id: str | None = None,
    picture: Taken | None = None,
) -> Message:
    """Say something, with or without a picture; the same `client_id` says it once.

    Raises TooManyRequests beyond 20 messages in 10 seconds, IllegalTransition once the
    conversation is closed, IdempotencyKeyReused when the name was used for another
    text, FileRefused for a file that is no picture.
    """
    questions = (_turn(actor), _before(actor, booking_id, client_id))
    room, before = await chat_rooms.enter_asking(session, actor, booking_id, *questions)
    if before.known is not None:
        return await _again(session, before.known, text, picture)
    if room.closed:
        raise IllegalTransition("This conversation is closed.")
    if before.hits >= MOST:
        raise TooManyRequests(retry_after=max(1, int(before.wait)))
    values: dict[str, Any] = {
        "kind": MessageKind.TEXT.value,
        "sender_id": actor.user_id,
        "sender_role": actor.acting_as.value,
        "via": actor.via.value,
        "text": text,
        "client_id": client_id,
    }
    if picture is not None:
        values |= await _kept(picture)
    elif not text:
        raise wrong("text")
    message = await chat_steps.append(session, booking_id, values)
    await chat_relay.relay(session, actor, room, message)
    return message


async def mark_read(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, up_to_seq: int
) -> None:
    """Remember how far this side has read; it never goes back, nor past the end."""
    await chat_rooms.enter(session, actor, booking_id)
    values = {**chat_reads.side_of(actor, booking_id), "up_to_seq": up_to_seq}
    if await direct.fetch_one(session, _MARK, values) is not None:
        await live.announce(session, live.Topic.CHAT_READ, booking_id)


async def typing(session: AsyncSession, actor: Actor, booking_id: uuid.UUID) -> None:
    """Let the others know that something is being written; nothing is kept."""
    await chat_rooms.enter(session, actor, booking_id)
    await live.announce(session, _TYPING[actor.acting_as], booking_id)


async def hide(
    session: AsyncSession, actor: Actor, message_id: uuid.UUID, reason: str
) -> Message:
    """Take a message out of the others' sight; the reason stays in the journal.

    Raises IllegalTransition for one that is hidden already or that nobody wrote.
    """
    demand(actor, Permission.CHAT_HIDE)
    query = select(Message).where(col(Message.id) == message_id)
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise NotFound
    if not reason.strip():
        raise wrong("reason")
    room = await chat_rooms.enter(session, actor, found.booking_id, lock=True)
    await session.refresh(found)
    if found.hidden_at is not None or found.kind is MessageKind.SYSTEM:
        raise IllegalTransition("This message cannot be hidden.")
    found.hidden_at, found.hidden_by = room.now, actor.user_id
    facts = {"seq": found.seq, "reason": reason}
    audit.record(session, actor, "message.hidden", "booking", found.booking_id, **facts)
    await session.flush()
    await telegram_shown.message_hidden(session, found.booking_id, found.id)
    await live.announce(session, live.Topic.CHAT_HIDDEN, found.id)
    return found


async def picture(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, message_id: uuid.UUID
) -> StoredFile:
    """Give the picture of a message to somebody who may see that message."""
    room = await chat_rooms.enter(session, actor, booking_id)
    query = select(Message).where(
        col(Message.id) == message_id, col(Message.booking_id) == booking_id
    )
    found = (await session.exec(query)).one_or_none()
    since = room.since(actor.acting_as)
    if found is None or (since is not None and found.created_at < since):
        raise NotFound
    hidden = found.hidden_at is not None and actor.acting_as is not Role.DISPATCHER
    if found.media_type is None or hidden:
        raise NotFound
    if actor.acting_as is Role.DISPATCHER:
        await journal_read(session, actor, "booking", booking_id, "chat")
    content = await files.open_file(found.storage_name)
    return StoredFile(found.file_name or "", found.media_type, 1, content)


def _turn(actor: Actor) -> direct.Statement:
    return _TURN, {"turn": f"chat sender {actor.user_id}"}


def _before(
    actor: Actor, booking_id: uuid.UUID, client_id: str | None
) -> direct.Statement:
    return _BEFORE, {
        "booking_id": booking_id,
        "sender_id": actor.user_id,
        "client_id": client_id,
        "seconds": SECONDS,
        "most": MOST,
    }


async def _again(
    session: AsyncSession, known_id: uuid.UUID, text: str | None, picture: Taken | None
) -> Message:
    """Give what was said under the same name before, if it says the same."""
    known = await session.get_one(Message, known_id)
    if (known.text, known.sha256) != (text, picture and picture.sha256):
        raise IdempotencyKeyReused
    return known


async def _kept(picture: Taken) -> dict[str, Any]:
    if picture.media_type not in PICTURES:
        raise FileRefused(reason="unknown")
    await files.keep(picture)
    return {
        "kind": MessageKind.IMAGE.value,
        "file_name": picture.file_name,
        "media_type": picture.media_type,
        "size_bytes": picture.size_bytes,
        "sha256": picture.sha256,
        "storage_name": picture.storage_name,
    }
