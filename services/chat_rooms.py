"""Who stands in the conversation of a call, and what of it each may see.

The patient keeps it. The assigned doctor has it with the visit and loses it with the
visit; until they accept they see what was said since the call was given to them, and
nobody's name. Dispatchers stand in every conversation but that of a call of their own.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking import Status
from models.booking_words import BookingSource
from models.role_grant import Role
from services import direct, proven_phones, settings
from services.actor import Actor, Via
from services.errors import Forbidden, NotFound
from services.permissions import Permission, demand

# All calls; of how many, whoever uses it says behind it.
ROOMS = """
SELECT b.id, b.number, b.status, b.patient_id, b.source, b.completed_at,
       coalesce(b.completed_at, b.cancelled_at) AS ended_at, a.doctor_id,
       a.assigned_at, app_now() AS now,
       coalesce((SELECT CAST(value #>> '{}' AS int) FROM setting WHERE key = %(key)s),
                %(hours)s) AS hours
  FROM booking b
  LEFT JOIN assignment a ON a.booking_id = b.id
       AND (a.released_at IS NULL OR a.outcome = 'completed')
"""
_ROOM = ROOMS + " WHERE b.id = %(id)s"
# A statement of its own: the one that waits for the row would go on with what it read
# of the visit before it waited, and let a doctor in who has lost the call meanwhile.
_LOCK = "SELECT FROM booking WHERE id = %(id)s FOR NO KEY UPDATE"


@dataclass(frozen=True)
class Room:
    """The conversation of one call and who has a right to it at this moment."""

    booking_id: uuid.UUID
    number: int
    status: Status
    patient_id: uuid.UUID
    source: BookingSource
    doctor_id: uuid.UUID | None
    assigned_at: datetime | None
    completed_at: datetime | None
    ended_at: datetime | None
    now: datetime
    access: timedelta

    @property
    def label(self) -> str:
        """The number as people say it."""
        return f"B-{self.number}"

    @property
    def closed(self) -> bool:
        """Nothing more is said some hours after the call has ended."""
        return self.ended_at is not None and self.now >= self.ended_at + self.access

    def holds(self, role: Role, user_id: uuid.UUID) -> bool:
        """Tell whether this person stands here in this role."""
        if role is Role.PATIENT:
            return user_id == self.patient_id
        if role is Role.DOCTOR:
            return user_id == self.doctor_id and not self._lapsed
        return role is Role.DISPATCHER and user_id != self.patient_id

    def since(self, role: Role) -> datetime | None:
        """From when on this role sees what was said; None: from the beginning."""
        return self.assigned_at if self.hides_names(role) else None

    def hides_names(self, role: Role) -> bool:
        """Tell whether the role knows no patient's name yet."""
        return role is Role.DOCTOR and self.status is Status.ASSIGNED

    @property
    def _lapsed(self) -> bool:
        """The visit is over for longer than its doctor may look back."""
        if self.completed_at is None:
            return False
        return self.now >= self.completed_at + self.access


async def load(
    session: AsyncSession, booking_id: uuid.UUID, *, lock: bool = False
) -> Room:
    """Read who stands in the conversation, and hold the call while one writes.

    Raises NotFound where there is no such call.
    """
    values = {"id": booking_id, **access()}
    if lock:
        await direct.fetch_one(session, _LOCK, values)
    row: Any = await direct.fetch_one(session, _ROOM, values)
    if row is None:
        raise NotFound
    return filled(row)


async def load_all(
    session: AsyncSession, booking_ids: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, Room]:
    """Read who stands in each of several conversations."""
    values = {"ids": [*booking_ids], **access()}
    rows = await direct.fetch_all(session, f"{ROOMS} WHERE b.id = ANY(%(ids)s)", values)
    return {row.id: filled(row) for row in rows}


def access() -> Mapping[str, Any]:
    """Give the values that `ROOMS` asks for: how long a doctor may look back."""
    key = settings.DOCTOR_ACCESS_HOURS
    return {"key": key, "hours": settings.DEFINITIONS[key].default}


def filled(row: Any) -> Room:
    """Make the room of a row that `ROOMS` gave."""
    return Room(
        row.id,
        row.number,
        Status(row.status),
        row.patient_id,
        BookingSource(row.source),
        row.doctor_id,
        row.assigned_at,
        row.completed_at,
        row.ended_at,
        row.now,
        timedelta(hours=row.hours),
    )


async def enter(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, *, lock: bool = False
) -> Room:
    """Open the conversation to somebody who stands in it; NotFound to all others."""
    demand(actor, Permission.CHAT_WRITE if lock else Permission.CHAT_READ)
    room = await load(session, booking_id, lock=lock)
    await _admit(session, actor, room)
    return room


async def enter_asking(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    *questions: direct.Statement,
) -> tuple[Room, Any]:
    """Open the conversation to write in it, and ask more on the same way.

    The answers were read under the lock too; the first row of the last one is given.
    """
    demand(actor, Permission.CHAT_WRITE)
    values = {"id": booking_id, **access()}
    together = [(_LOCK, values), (_ROOM, values), *questions]
    _, rooms, *answers = await direct.fetch_together(session, together)
    if not rooms:
        raise NotFound
    room = filled(rooms[0])
    await _admit(session, actor, room)
    return room, answers[-1][0]


async def _admit(session: AsyncSession, actor: Actor, room: Room) -> None:
    staff = actor.acting_as is Role.DISPATCHER
    if staff and actor.user_id == room.patient_id:
        raise Forbidden("Nobody decides on a call of their own.")
    if not room.holds(actor.acting_as, actor.user_id):
        raise NotFound
    if actor.acting_as is Role.PATIENT:
        shown = await proven_phones.may_see(session, actor.user_id, room.source)
        if not shown:
            raise NotFound


async def participant(
    session: AsyncSession,
    user_id: uuid.UUID,
    roles: Collection[Role],
    booking_id: uuid.UUID,
    via: Via = Via.API,
) -> Actor:
    """Tell in which role a person stands in the conversation of a call.

    Whose call it is acts as its patient, else a doctor acts as such. Raises NotFound
    for whoever is neither.
    """
    room = await load(session, booking_id)
    for role in (Role.PATIENT, Role.DOCTOR):
        if role in roles and room.holds(role, user_id):
            return Actor(user_id, role, via)
    raise NotFound
