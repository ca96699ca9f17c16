"""Talk as the dispatchers' side needs it: one conversation with its marks, and the list.

All dispatchers are one side: what one of them has read, all have. The list holds no
word of what was said, so that looking at it is no reading of a conversation.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
_LIST = """
WITH lately AS (
  SELECT DISTINCT ON (booking_id) booking_id, seq, sender_role, created_at
    FROM message
   WHERE created_at > app_now() - make_interval(days => %(days)s)
     AND kind <> 'system'
   ORDER BY booking_id, seq DESC
)
SELECT b.id, b.number, b.status, b.district, lately.sender_role, lately.created_at,
       waiting.unread, app_now() AS now
  FROM lately
  JOIN booking b ON b.id = lately.booking_id
  CROSS JOIN LATERAL (
    SELECT count(*) AS unread FROM message m
     WHERE m.booking_id = b.id AND m.kind <> 'system' AND m.hidden_at IS NULL
       AND m.sender_role <> 'dispatcher'
       AND m.seq > coalesce((SELECT r.up_to_seq FROM message_read r
                              WHERE r.booking_id = b.id
                                AND r.role = 'dispatcher'), 0)
  ) AS waiting
 WHERE b.patient_id <> %(user_id)s
 ORDER BY waiting.unread > 0 DESC, lately.created_at DESC
 LIMIT %(most)s
"""


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
    """One conversation in the list: who spoke last and when, and what waits unread."""

    booking_id: uuid.UUID
    number: int
    status: Status
    district: str | None
    last_role: Role
    last_at: datetime
    unread: int
    now: datetime


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
    """List the conversations of the last seven days: unread first, then the newest."""
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
            row.now,
        )
        for row in await direct.fetch_all(session, _LIST, values)
    ]


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
