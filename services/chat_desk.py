"""Talk as the dispatchers' side needs it: one conversation with its marks, and the list.

All dispatchers are one side: what one of them has read, all have. The list holds no
word of what was said, so that looking at it is no reading of a conversation.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from models.booking import Status
from models.role_grant import Role
from models.user import short_name
from services import chat_reads, chat_rooms, direct
from services.actor import Actor
from services.chat_reads import Line, Unread
from services.chat_rooms import Room
from services.permissions import Permission, demand

SHOWN = 60
LISTED, LIST_DAYS = 100, 7
# How long somebody may wait for an answer before it is marked.
YELLOW_AFTER, RED_AFTER = timedelta(minutes=3), timedelta(minutes=10)
_SIDES = """
SELECT (SELECT max(up_to_seq) FROM message_read
         WHERE booking_id = %(booking_id)s AND role = 'patient') AS patient,
       (SELECT max(up_to_seq) FROM message_read
         WHERE booking_id = %(booking_id)s AND role = 'doctor'
           AND user_id = %(doctor_id)s) AS doctor
"""
_HIDDEN = """
SELECT m.id, m.seq, m.hidden_at, u.last_name, u.first_name, u.middle_name
  FROM message m JOIN app_user u ON u.id = m.hidden_by
 WHERE m.booking_id = %(booking_id)s AND m.hidden_at IS NOT NULL
 ORDER BY m.seq
"""
# What the desk has not read: words of the others, in sight, after its mark.
_NEW = """
  m.booking_id = b.id AND m.kind <> 'system' AND m.hidden_at IS NULL
  AND m.sender_role <> 'dispatcher'
  AND m.seq > coalesce((SELECT r.up_to_seq FROM message_read r
                         WHERE r.booking_id = b.id AND r.role = 'dispatcher'), 0)
"""
_OPEN = "status IN ('pending', 'assigned', 'accepted', 'en_route', 'in_progress')"
_LATELY = "created_at > app_now() - make_interval(days => %(days)s)"
# The open calls and those of which anybody has talked lately: an index for each.
_ABOUT = f"""
  SELECT id FROM booking WHERE {_OPEN}
   UNION
  SELECT booking_id FROM message WHERE {_LATELY} AND kind <> 'system'
"""  # noqa: S608 - only constants of this module
_ABOUT_THESE = f"""
  SELECT id FROM booking WHERE {_OPEN} AND id = ANY(%(ids)s)
   UNION
  SELECT booking_id FROM message
   WHERE {_LATELY} AND kind <> 'system' AND booking_id = ANY(%(ids)s)
"""  # noqa: S608 - only constants of this module
_WAITING = f"""
SELECT b.id, b.patient_id FROM booking b
 WHERE b.id IN ({{about}}) AND EXISTS (SELECT FROM message m WHERE {_NEW})
"""  # noqa: S608 - only constants of this module
_LIST = f"""
WITH about AS ({_ABOUT}), found AS (
  SELECT b.id, b.number, b.status, b.district, last.sender_role, last.created_at,
         waiting.unread, waiting.oldest, app_now() AS now,
         row_number() OVER (PARTITION BY waiting.unread > 0
                            ORDER BY last.created_at DESC) AS place
    FROM about
    JOIN booking b ON b.id = about.id
    CROSS JOIN LATERAL (
      SELECT m.sender_role, m.created_at FROM message m
       WHERE m.booking_id = b.id AND m.kind <> 'system'
       ORDER BY m.seq DESC LIMIT 1
    ) AS last
    CROSS JOIN LATERAL (
      SELECT count(*) AS unread, min(m.created_at) AS oldest
        FROM message m WHERE {_NEW}
    ) AS waiting
   WHERE b.patient_id <> %(user_id)s
     AND (waiting.unread > 0 OR last.{_LATELY})
)
SELECT * FROM found
 WHERE unread > 0 OR place <= %(most)s
 ORDER BY unread > 0 DESC, oldest, created_at DESC
"""  # noqa: S608 - only constants of this module


@dataclass(frozen=True)
class Hiding:
    """Who took a message out of the others' sight, and when."""

    seq: int
    by: str
    at: datetime


@dataclass(frozen=True)
class Conversation:
    """A part of a conversation, and how far everybody has read the whole of it.

    `read` has a number and `names` a name for each other side that stands here;
    `hidden` tells of every hidden message of the call, among these lines or not.
    """

    room: Room
    lines: Sequence[Line]
    unread: Unread
    read: Mapping[Role, int]
    hidden: Mapping[uuid.UUID, Hiding]
    names: Mapping[Role, str]


@dataclass(frozen=True)
class Entry:
    """One conversation in the list: who spoke last and when, and what waits unread.

    `oldest` is when the first of the unread messages was written.
    """

    booking_id: uuid.UUID
    number: int
    status: Status
    district: str | None
    last_role: Role
    last_at: datetime
    unread: int
    oldest: datetime | None
    now: datetime

    @property
    def urgency(self) -> str:
        """`red` or `yellow` by how long the unread have waited, else empty."""
        waited = self.now - (self.oldest or self.now)
        if waited >= RED_AFTER:
            return "red"
        return "yellow" if waited >= YELLOW_AFTER else ""


async def conversation(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    after_seq: int | None = None,
    before_seq: int | None = None,
) -> Conversation:
    """Read what was said last, or after or just before a number; the journal knows."""
    room = await chat_rooms.enter(session, actor, booking_id)
    unread = await chat_reads.unread(session, actor, booking_id)
    end = unread.last_seq + 1 if before_seq is None else before_seq
    begin = max(0, end - 1 - SHOWN) if after_seq is None else after_seq
    limit = chat_reads.AT_MOST if after_seq is not None else max(0, end - 1 - begin)
    lines = await chat_reads.history(session, actor, booking_id, begin, limit)
    return Conversation(
        room,
        lines,
        unread,
        await _sides(session, room),
        await _hidden(session, booking_id),
        await _names(session, room),
    )


async def listing(session: AsyncSession, actor: Actor) -> Sequence[Entry]:
    """List the conversations: unread first, and whoever has waited longest on top.

    Unread ones stand there all, and for as long as the call is open; read ones for
    seven days after the last word, the newest first.
    """
    demand(actor, Permission.BOARD_USE)
    values = {"days": LIST_DAYS, "most": LISTED, "user_id": actor.user_id}
    return [
        Entry(
            row.id,
            row.number,
            Status(row.status),
            row.district,
            Role(row.sender_role),
            row.created_at,
            row.unread,
            row.oldest,
            row.now,
        )
        for row in await direct.fetch_all(session, _LIST, values)
    ]


async def waiting(
    session: AsyncSession, ids: Collection[uuid.UUID] | None = None
) -> Mapping[uuid.UUID, uuid.UUID]:
    """Name every conversation that `listing` shows as unread, with its patient.

    With `ids` only these are looked at. Who asks leaves out those about themselves.
    """
    about = _ABOUT if ids is None else _ABOUT_THESE
    values = {"days": LIST_DAYS} | ({} if ids is None else {"ids": list(ids)})
    rows = await direct.fetch_all(session, _WAITING.format(about=about), values)
    return {row.id: row.patient_id for row in rows}


async def _sides(session: AsyncSession, room: Room) -> Mapping[Role, int]:
    values = {"booking_id": room.booking_id, "doctor_id": room.doctor_id}
    row: Any = await direct.fetch_one(session, _SIDES, values)
    sides = {Role.PATIENT: row.patient or 0}
    if room.doctor_id is not None:
        sides[Role.DOCTOR] = row.doctor or 0
    return sides


async def _hidden(
    session: AsyncSession, booking_id: uuid.UUID
) -> Mapping[uuid.UUID, Hiding]:
    rows = await direct.fetch_all(session, _HIDDEN, {"booking_id": booking_id})
    return {
        row.id: Hiding(
            row.seq,
            short_name(row.last_name, row.first_name, row.middle_name),
            row.hidden_at,
        )
        for row in rows
    }


async def _names(session: AsyncSession, room: Room) -> Mapping[Role, str]:
    query = select(User).where(col(User.id).in_([room.patient_id, room.doctor_id]))
    people = {user.id: user.short_name for user in await session.exec(query)}
    names = {Role.PATIENT: people[room.patient_id]}
    if room.doctor_id is not None:
        names[Role.DOCTOR] = people[room.doctor_id]
    return names
