"""Unread messages: whoever has not read for some minutes is told how many wait.

A side is the patient or the doctor who has the call; dispatchers see it on the board.
One notice is made for a run of unread messages, and another one a while later if more
have come and the first are still unread. What was relayed to the person's own chat, and has arrived there, is not told again.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from procrastinate import JobContext
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Notification
from models.role_grant import Role
from services import booking_notices, chat_rooms, direct, jobs, proven_phones
from services.actor import SYSTEM
from services.edges import in_transaction
from services.notifications import Notice, notify

KIND = "chat_unread"
MINUTES, AGAIN_MINUTES, DAYS = 3, 15, 1
_COUNTED = """
 m.kind <> 'system' AND m.hidden_at IS NULL AND m.sender_role <> side.role
 AND m.seq > coalesce((SELECT max(up_to_seq) FROM message_read r
                        WHERE r.booking_id = m.booking_id AND r.role = side.role
                          AND r.user_id = side.user_id), 0)
 AND NOT EXISTS (SELECT FROM notification n
                  WHERE n.booking_id = m.booking_id AND n.user_id = side.user_id
                    AND n.kind = 'chat_message' AND n.status = 'delivered'
                    AND n.facts ->> 'message_id' = CAST(m.id AS text))
"""
# Whose turn has ended may still look in for some hours; who that is, is asked below.
_SIDES = f"""
SELECT m.booking_id, side.role, side.user_id
  FROM message m
  JOIN booking b ON b.id = m.booking_id
  CROSS JOIN LATERAL (
    SELECT 'patient' AS role, b.patient_id AS user_id, b.created_at AS since
    UNION ALL
    SELECT 'doctor', a.doctor_id,
           CASE WHEN b.status = 'assigned' THEN a.assigned_at ELSE b.created_at END
      FROM assignment a
     WHERE a.booking_id = b.id
       AND (a.released_at IS NULL OR a.outcome = 'completed')
  ) AS side
 WHERE m.created_at <= app_now() - make_interval(mins => %(minutes)s)
   AND m.created_at > app_now() - make_interval(days => %(days)s)
   AND m.created_at >= side.since
   AND {_COUNTED}
 GROUP BY m.booking_id, side.role, side.user_id
HAVING NOT EXISTS (
   SELECT FROM notification n
    WHERE n.booking_id = m.booking_id AND n.user_id = side.user_id
      AND n.kind = '{KIND}'
      AND (CAST(n.facts ->> 'last_seq' AS int) >= max(m.seq)
           OR (CAST(n.facts ->> 'last_seq' AS int) >= min(m.seq)
               AND n.created_at > app_now() - make_interval(mins => %(again)s))))
 ORDER BY m.booking_id, side.role
"""  # noqa: S608 - only constants of this module
_PENDING = f"""
SELECT count(*) AS count, min(m.seq) AS first_seq, max(m.seq) AS last_seq
  FROM message m
  CROSS JOIN (SELECT CAST(%(role)s AS text) AS role,
                     CAST(%(user_id)s AS uuid) AS user_id) AS side
 WHERE m.booking_id = %(booking_id)s
   AND m.created_at >= coalesce(CAST(%(since)s AS timestamptz), '-infinity')
   AND {_COUNTED}
"""  # noqa: S608 - only constants of this module


@dataclass(frozen=True)
class Pending:
    """A run of unread messages: how many, and the numbers of the first and last."""

    count: int
    first_seq: int
    last_seq: int


async def tell(session: AsyncSession) -> int:
    """Make the notices that are due; gives how many sides were looked at."""
    given = {"minutes": MINUTES, "again": AGAIN_MINUTES, "days": DAYS}
    sides = await direct.fetch_all(session, _SIDES, given)
    for side in sides:
        await _tell(session, side.booking_id, Role(side.role), side.user_id)
    return len(sides)


async def holds(session: AsyncSession, row: Notification) -> bool:
    """Tell whether any of what this notice is about is still unread, and theirs."""
    if row.booking_id is None or row.user_id is None:
        return False
    role = Role(row.facts["role"])
    found = await pending(session, row.booking_id, role, row.user_id)
    return found is not None and found.first_seq <= row.facts["last_seq"]


async def pending(
    session: AsyncSession, booking_id: uuid.UUID, role: Role, user_id: uuid.UUID
) -> Pending | None:
    """Count what this side has not read; None where there is nothing or no right."""
    room = await chat_rooms.load(session, booking_id)
    if not room.holds(role, user_id):
        return None
    if role is Role.PATIENT and not await proven_phones.may_see(
        session, user_id, room.source
    ):
        return None
    given = {
        "booking_id": booking_id,
        "role": role.value,
        "user_id": user_id,
        "since": room.since(role),
    }
    row: Any = await direct.fetch_one(session, _PENDING, given)
    return Pending(row.count, row.first_seq, row.last_seq) if row.count else None


async def _tell(
    session: AsyncSession, booking_id: uuid.UUID, role: Role, user_id: uuid.UUID
) -> None:
    found = await pending(session, booking_id, role, user_id)
    if found is None:
        return
    booking = await session.get_one(Booking, booking_id)
    notice = Notice(
        KIND,
        user_id,
        facts={
            "call": booking.label,
            "count": found.count,
            "role": role.value,
            "last_seq": found.last_seq,
        },
        dedup_key=f"{KIND} {booking_id} {user_id} {found.last_seq}",
        booking_id=booking_id,
        urgent=booking_notices.is_urgent(booking),
    )
    await notify(session, SYSTEM, notice)


@jobs.queue.periodic(cron="* * * * *", periodic_id="chat_digest")
@jobs.queue.task(name="chat.digest", pass_context=True)
async def tell_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Look for unread messages every minute."""
    await in_transaction(context.additional_context["sessions"], tell)
