"""Reading a conversation: what was said, by whom, how far each side has read."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Message, User
from models.message import MessageKind
from models.role_grant import Role
from services import chat_rooms, chat_words, direct
from services.actor import Actor
from services.chat_rooms import Room
from services.i18n import gettext
from services.sensitive_reads import journal_read

AT_MOST = 100


@dataclass(frozen=True)
class Said:
    """One message as it is kept, with the names that belong to it."""

    message: Message
    sender: User | None
    doctor: User | None = None


@dataclass(frozen=True)
class Line:
    """One message as one reader may see it."""

    id: uuid.UUID
    booking_id: uuid.UUID
    seq: int
    kind: MessageKind
    role: Role
    sender_id: uuid.UUID | None
    name: str
    text: str
    hidden: bool
    client_id: str | None
    created_at: datetime
    file_name: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class Unread:
    """How many messages of others one side has not read, and the last number."""

    unread: int
    up_to_seq: int
    last_seq: int


async def history(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    after_seq: int = 0,
    limit: int = AT_MOST,
) -> Sequence[Line]:
    """Read a conversation onwards from a number, oldest first.

    A dispatcher's reading goes to the journal.
    """
    room = await chat_rooms.enter(session, actor, booking_id)
    if actor.acting_as is Role.DISPATCHER:
        await journal_read(session, actor, "booking", booking_id, "chat")
    since = room.since(actor.acting_as)
    said = await said_since(session, booking_id, after_seq, limit, since)
    return lines(room, actor.acting_as, said, actor.user_id)


async def said_since(
    session: AsyncSession,
    booking_id: uuid.UUID,
    after_seq: int,
    limit: int = AT_MOST,
    since: datetime | None = None,
) -> Sequence[Said]:
    """Read what was said after a number and a moment, with the people it names."""
    query = (
        select(Message)
        .where(col(Message.booking_id) == booking_id, col(Message.seq) > after_seq)
        .order_by(col(Message.seq))
        .limit(limit)
    )
    if since is not None:
        query = query.where(col(Message.created_at) >= since)
    return await with_names(session, (await session.exec(query)).all())


async def with_names(
    session: AsyncSession, messages: Sequence[Message]
) -> Sequence[Said]:
    """Add the senders, and the doctors whom system messages name."""
    wanted = {each.sender_id for each in messages} | set(map(_doctor_of, messages))
    people = select(User).where(col(User.id).in_(wanted - {None}))
    known = {user.id: user for user in await session.exec(people)}
    return [
        Said(
            each,
            known.get(each.sender_id) if each.sender_id else None,
            known.get(doctor) if (doctor := _doctor_of(each)) else None,
        )
        for each in messages
    ]


def lines(
    room: Room, role: Role, said: Iterable[Said], reader_id: uuid.UUID
) -> Sequence[Line]:
    """Show messages to a reader in one role; what is not theirs yet is left out."""
    since = room.since(role)
    return [
        _line(room, role, each, reader_id)
        for each in said
        if since is None or each.message.created_at >= since
    ]


async def line_of(session: AsyncSession, actor: Actor, message: Message) -> Line:
    """Show a message to whoever has written it, now or in an earlier turn."""
    room = await chat_rooms.load(session, message.booking_id)
    said = await with_names(session, [message])
    return _line(room, actor.acting_as, said[0], actor.user_id)


async def unread(session: AsyncSession, actor: Actor, booking_id: uuid.UUID) -> Unread:
    """Count what this side has not read of what the others wrote."""
    room = await chat_rooms.enter(session, actor, booking_id)
    values = {**side_of(actor, booking_id), "since": room.since(actor.acting_as)}
    row: Any = await direct.fetch_one(session, _UNREAD, values)
    return Unread(row.unread, row.up_to_seq, row.last_seq)


def side_of(actor: Actor, booking_id: uuid.UUID) -> Mapping[str, Any]:
    """Name the side that reads: a person, or all dispatchers together."""
    desk = actor.acting_as is Role.DISPATCHER
    return {
        "booking_id": booking_id,
        "role": actor.acting_as.value,
        "user_id": None if desk else actor.user_id,
    }


_UNREAD = """
WITH mark AS (
  SELECT coalesce(max(up_to_seq), 0) AS up_to_seq FROM message_read
   WHERE booking_id = %(booking_id)s AND role = %(role)s
     AND user_id IS NOT DISTINCT FROM CAST(%(user_id)s AS uuid)
)
SELECT mark.up_to_seq,
       coalesce((SELECT max(seq) FROM message
                 WHERE booking_id = %(booking_id)s), 0) AS last_seq,
       (SELECT count(*) FROM message m
         WHERE m.booking_id = %(booking_id)s AND m.seq > mark.up_to_seq
           AND m.kind <> 'system' AND m.hidden_at IS NULL
           AND (m.sender_role <> %(role)s OR %(role)s = 'doctor'
                AND m.sender_id <> CAST(%(user_id)s AS uuid))
           AND m.created_at >= coalesce(CAST(%(since)s AS timestamptz), '-infinity')
       ) AS unread
  FROM mark
"""


def _doctor_of(message: Message) -> uuid.UUID | None:
    doctor_id = (message.data or {}).get("doctor_id")
    return uuid.UUID(doctor_id) if doctor_id else None


def _line(room: Room, role: Role, said: Said, reader_id: uuid.UUID) -> Line:
    message = said.message
    hidden = message.hidden_at is not None
    shown = not hidden or role is Role.DISPATCHER
    image = message.kind is MessageKind.IMAGE and shown
    return Line(
        id=message.id,
        booking_id=message.booking_id,
        seq=message.seq,
        kind=message.kind,
        role=message.sender_role,
        sender_id=_sender_id(room, role, message),
        name=_name(room, role, said),
        text=_text(said) if shown else gettext("This message is hidden."),
        hidden=hidden,
        client_id=message.client_id if message.sender_id == reader_id else None,
        created_at=message.created_at,
        file_name=message.file_name if image else None,
        media_type=message.media_type if image else None,
        size_bytes=message.size_bytes if image else None,
    )


def _sender_id(room: Room, role: Role, message: Message) -> uuid.UUID | None:
    """Whoever knows no name yet does not recognise the patient by their id either."""
    nameless = message.sender_role is Role.PATIENT and room.hides_names(role)
    return None if nameless else message.sender_id


def _text(said: Said) -> str:
    message = said.message
    if message.event is None:
        return message.text or ""
    doctor = said.doctor.short_name if said.doctor else None
    return chat_words.sentence(message.event, doctor)


def _name(room: Room, role: Role, said: Said) -> str:
    """Staff read everybody's name; others know a dispatcher only as such."""
    message = said.message
    if said.sender is None:
        return ""
    if role is Role.DISPATCHER:
        return said.sender.short_name
    if message.sender_role is Role.DISPATCHER:
        return gettext("Dispatcher")
    if message.sender_role is Role.PATIENT and room.hides_names(role):
        return gettext("Patient")
    return said.sender.full_name
