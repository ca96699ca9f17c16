"""What is new in conversations that somebody listens to, many of them in one reading.

One statement sees one moment: who stands in the conversation and what was said come
from the same snapshot, so nobody is told what was said after they had to leave.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from models.role_grant import Role
from services import chat_rooms, chat_steps, direct
from services.chat_reads import Said
from services.chat_rooms import Room

PAGE = 100
_NAMES = ("last_name", "first_name", "middle_name")
_MESSAGE = ("id", "booking_id", "seq", *chat_steps.COLUMNS, "created_at", "hidden_at")
_COLUMNS = ", ".join(
    f"{table}.{name} AS {table}_{name}"
    for table, names in (("m", _MESSAGE), ("s", _NAMES), ("d", _NAMES))
    for name in names
)
# The wants come as JSON, of which any number is planned alike: the one plan is kept.
# An array would be planned anew each time, which takes ten times the reading.
_NEWS = f"""
SELECT wanted.place, room.*, marks.marks, m.fresh, {_COLUMNS}
  FROM jsonb_to_recordset(%(wants)s)
       AS wanted (place int, booking_id uuid, after_seq int, whole boolean)
  JOIN LATERAL ({chat_rooms.ROOMS} WHERE b.id = wanted.booking_id) AS room ON true
  LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(r.role, r.up_to_seq) AS marks FROM message_read r
     WHERE r.booking_id = wanted.booking_id
       AND (r.user_id IS NULL
            OR (r.role, r.user_id) = ('patient', room.patient_id)
            OR (r.role, r.user_id) = ('doctor', room.doctor_id))
  ) AS marks ON true
  LEFT JOIN LATERAL (
    (SELECT true AS fresh, fresh.* FROM message fresh
      WHERE fresh.booking_id = wanted.booking_id AND fresh.seq > wanted.after_seq
      ORDER BY fresh.seq LIMIT {PAGE})
    UNION ALL
    (SELECT false AS fresh, hidden.* FROM message hidden
      WHERE wanted.whole AND hidden.booking_id = wanted.booking_id
        AND hidden.seq <= wanted.after_seq AND hidden.hidden_at IS NOT NULL)
  ) AS m ON true
  LEFT JOIN LATERAL (
    SELECT * FROM app_user WHERE id = m.sender_id LIMIT 1
  ) AS s ON true
  LEFT JOIN LATERAL (
    SELECT * FROM app_user WHERE id = CAST(m.data ->> 'doctor_id' AS uuid) LIMIT 1
  ) AS d ON true
 ORDER BY wanted.place, m.seq
"""  # noqa: S608 - only constants are filled in
_HIDDEN = "SELECT DISTINCT booking_id FROM message WHERE id = ANY(%(ids)s)"


@dataclass(frozen=True)
class Want:
    """What to read: a conversation after a number; `whole` also what was hidden."""

    booking_id: uuid.UUID
    after_seq: int
    whole: bool = False


@dataclass
class News:
    """The conversation at one moment.

    `fresh` came after the number, at most a page of it; `hidden` came before and has
    been hidden; `marks` tell how far each side has read.
    """

    room: Room
    marks: Mapping[Role, int]
    fresh: list[Said] = field(default_factory=list)
    hidden: list[Said] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """There may be more than this page."""
        return len(self.fresh) == PAGE


async def read(session: AsyncSession, wants: Sequence[Want]) -> Sequence[News | None]:
    """Read the news for each want; None where there is no such call."""
    asked = [
        {
            "place": place,
            "booking_id": str(want.booking_id),
            "after_seq": want.after_seq,
            "whole": want.whole,
        }
        for place, want in enumerate(wants)
    ]
    values = {"wants": Jsonb(asked), **chat_rooms.access()}
    found: list[News | None] = [None] * len(wants)
    for row in await direct.fetch_all(session, _NEWS, values):
        news = found[row.place]
        if news is None:
            marks = {Role(role): seq for role, seq in (row.marks or {}).items()}
            news = found[row.place] = News(chat_rooms.filled(row), marks)
        if row.m_id is not None:
            (news.fresh if row.fresh else news.hidden).append(_said(row))
    return found


async def calls_of(
    session: AsyncSession, message_ids: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    """Tell in which calls these messages were said."""
    rows = await direct.fetch_all(session, _HIDDEN, {"ids": [*message_ids]})
    return {row.booking_id for row in rows}


def _said(row: Any) -> Said:
    told = {name: getattr(row, f"m_{name}") for name in _MESSAGE}
    return Said(chat_steps.filled(told), _person(row, "s"), _person(row, "d"))


def _person(row: Any, table: str) -> User | None:
    names = {name: getattr(row, f"{table}_{name}") for name in _NAMES}
    return None if names["last_name"] is None else direct.filled(User, names)
