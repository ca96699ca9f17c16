"""Duty that begins and ends with the shift, for doctors who want it so."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel.ext.asyncio.session import AsyncSession

from services import duty, jobs
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import in_transaction
from services.eligibility import lock_doctors

# On: a shift runs, and nobody has changed the duty since it began, so that whoever
# ended it by hand stays off for the rest of it. Off: no shift runs, and it was the
# plan that began the duty. Whose papers ran out or who is suspended stays off.
_TURNS = """
SELECT p.user_id AS doctor_id, NOT coalesce(s.on_duty, false) AS begins
  FROM doctor_profile p
  JOIN app_user u ON u.id = p.user_id
  LEFT JOIN doctor_state s ON s.doctor_id = p.user_id
 CROSS JOIN LATERAL (
   SELECT max(lower(run)) AS since
     FROM unnest(planned_hours(
            p.user_id,
            CAST(timezone('Europe/Moscow', app_now()) AS date) - 1,
            CAST(timezone('Europe/Moscow', app_now()) AS date))) AS run
    WHERE run @> app_now()) AS shift
 WHERE p.duty_by_plan
   AND EXISTS (SELECT FROM shift w WHERE w.doctor_id = p.user_id)
   AND CASE WHEN coalesce(s.on_duty, false)
       THEN shift.since IS NULL AND s.duty_by = 'plan'
       ELSE shift.since IS NOT NULL
        AND coalesce(s.duty_changed_at < shift.since, true)
        AND p.approved_at IS NOT NULL AND p.suspended_at IS NULL
        AND u.blocked_at IS NULL
        AND EXISTS (SELECT FROM role_grant g WHERE g.user_id = p.user_id
                     AND g.role = 'doctor' AND g.revoked_at IS NULL)
        AND least(p.licence_expires_on, p.documents_valid_until)
            >= CAST(timezone('Europe/Moscow', app_now()) AS date)
       END
   AND (CAST(:doctor_id AS uuid) IS NULL OR p.user_id = :doctor_id)
 ORDER BY p.user_id
"""


@dataclass(frozen=True)
class Turn:
    """A doctor whose duty should begin or end now."""

    doctor_id: uuid.UUID
    begins: bool


async def turns(
    session: AsyncSession, doctor_id: uuid.UUID | None = None
) -> Sequence[Turn]:
    """Find whose duty does not stand as their plan has it: all, or one doctor."""
    rows = await session.execute(sa.text(_TURNS), {"doctor_id": doctor_id})
    return [Turn(row.doctor_id, row.begins) for row in rows]


async def turn(session: AsyncSession, doctor_id: uuid.UUID) -> None:
    """Begin or end one doctor's duty if it is still due.

    A visit under way is not cut short; the next look finds it ended.
    """
    await lock_doctors(session, doctor_id)
    for each in await turns(session, doctor_id):
        if each.begins or not await duty.under_way(session, doctor_id):
            await duty.switch(session, SYSTEM, doctor_id, each.begins, duty.PLAN)


async def look(sessions: Sessions) -> None:
    """Turn everybody who is due, each in a transaction of their own."""
    for each in await in_transaction(sessions, turns):
        await in_transaction(sessions, partial(turn, doctor_id=each.doctor_id))


@jobs.queue.periodic(cron="* * * * *", periodic_id="planned_duty")
@jobs.queue.task(name="duty.by_plan", pass_context=True)
async def look_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Look every minute."""
    await look(context.additional_context["sessions"])
