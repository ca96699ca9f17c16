"""What the house forgets by itself, after as many days as an administrator says.

Zero days mean never. Each step works on one batch, so that no transaction is long;
whoever runs it comes back until a batch is not full.
"""

from collections.abc import Awaitable, Callable, Mapping

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel.ext.asyncio.session import AsyncSession

from services import audit, documents, erasure, jobs, open_money, settings
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import in_transaction

BATCH = 500
Step = Callable[[AsyncSession], Awaitable[int]]

_NOTIFICATIONS = """
DELETE FROM notification WHERE id IN (
  SELECT id FROM notification
   WHERE status <> 'queued'
     AND created_at < app_now() - make_interval(days => :days)
   LIMIT :most)
"""
_CODES = """
DELETE FROM verification_code WHERE id IN (
  SELECT id FROM verification_code
   WHERE expires_at < app_now() - make_interval(days => :days)
   LIMIT :most)
"""
_SIGN_INS = """
DELETE FROM audit_event WHERE id IN (
  SELECT id FROM audit_event
   WHERE action IN ('account.signed_in', 'account.signed_out',
                    'account.sign_in_refused', 'staff.signed_in',
                    'staff.signed_out', 'staff.sign_in_refused')
     AND created_at < app_now() - make_interval(days => :days)
   LIMIT :most)
"""
# Numbers and moments stay, so that the rest of the record keeps its sense.
_MESSAGES = """
UPDATE message SET text = CASE WHEN text IS NOT NULL THEN '—' END,
       file_name = NULL, sha256 = NULL, storage_name = NULL, client_id = NULL
 WHERE id IN (
  SELECT m.id FROM message m JOIN booking b ON b.id = m.booking_id
   WHERE m.kind <> 'system' AND (m.text <> '—' OR m.storage_name IS NOT NULL)
     AND coalesce(b.completed_at, b.cancelled_at)
         < app_now() - make_interval(days => :days)
   LIMIT :most)
"""
# Applicants whose last application has been over for so long, and who are no doctors.
_APPLICANTS = """
SELECT a.user_id FROM doctor_application a
 GROUP BY a.user_id
HAVING bool_and(a.status IN ('rejected', 'withdrawn'))
   AND max(coalesce(a.decided_at, a.updated_at))
       < app_now() - make_interval(days => :days)
   AND NOT EXISTS (SELECT FROM doctor_profile p WHERE p.user_id = a.user_id)
   AND (bool_or(a.facts <> '{}')
        OR EXISTS (SELECT FROM document d WHERE d.user_id = a.user_id
                    AND (d.storage_name IS NOT NULL OR d.number IS NOT NULL)))
 ORDER BY a.user_id LIMIT :most
"""
# Made by a dispatcher or an invitation, never taken over, and silent since then.
_SILENT = f"""
SELECT u.id FROM app_user u
 WHERE u.password_hash IS NULL AND u.erased_at IS NULL AND u.merged_into IS NULL
   AND u.created_at < app_now() - make_interval(days => :days)
   AND NOT EXISTS (SELECT FROM role_grant g WHERE g.user_id = u.id
                    AND g.role <> 'patient')
   AND NOT EXISTS (SELECT FROM booking b WHERE b.patient_id = u.id
                    AND coalesce(b.completed_at, b.cancelled_at, app_now())
                        > app_now() - make_interval(days => :days))
   AND {open_money.nothing_open("ARRAY[u.id]")}
 ORDER BY u.id LIMIT :most
"""  # noqa: S608 - made of constants only


async def notifications(session: AsyncSession) -> int:
    """Delete messages that were sent, or given up, long ago."""
    return await _carry_out(session, settings.KEEP_NOTIFICATIONS, _NOTIFICATIONS)


async def codes(session: AsyncSession) -> int:
    """Delete codes and links that ran out long ago."""
    return await _carry_out(session, settings.KEEP_CODES, _CODES)


async def sign_ins(session: AsyncSession) -> int:
    """Delete old sign-ins from the journal; its trigger lets nothing else go."""
    await session.execute(sa.text("SET LOCAL tot.retaining = 'on'"))
    gone = await _carry_out(session, settings.KEEP_SIGN_INS, _SIGN_INS)
    await session.execute(sa.text("SET LOCAL tot.retaining = ''"))
    return gone


async def messages(session: AsyncSession) -> int:
    """Empty what was said in calls that ended long ago; pictures are swept away."""
    await session.execute(sa.text("SET LOCAL tot.erasing = 'on'"))
    emptied = await _carry_out(session, settings.KEEP_MESSAGES, _MESSAGES)
    await session.execute(sa.text("SET LOCAL tot.erasing = ''"))
    return emptied


async def applicants(session: AsyncSession) -> int:
    """Empty the papers and facts of people who did not become doctors."""
    days = await settings.get(session, settings.KEEP_APPLICANTS)
    found = await session.scalars(sa.text(_APPLICANTS), _given(days))
    users = found.all() if days else []
    for user_id in users:
        await documents.forget_files(session, user_id)
        await session.execute(
            sa.text("UPDATE doctor_application SET facts = '{}' WHERE user_id = :id"),
            {"id": user_id},
        )
        audit.record(session, SYSTEM, "application.forgotten", "user", user_id)
    await session.flush()
    return len(users)


async def silent_accounts(session: AsyncSession) -> int:
    """Erase accounts that nobody ever opened and nobody called from for long."""
    days = await settings.get(session, settings.KEEP_SILENT_ACCOUNTS)
    found = await session.scalars(sa.text(_SILENT), _given(days))
    users = found.all() if days else []
    for user_id in users:
        ids = await erasure.lock(session, user_id)
        await erasure.demand_free(session, ids)
        await erasure.forget(session, SYSTEM, ids)
    return len(users)


STEPS: Mapping[str, Step] = {
    "notifications": notifications,
    "codes": codes,
    "sign_ins": sign_ins,
    "applicants": applicants,
    "silent_accounts": silent_accounts,
    "messages": messages,
}


async def _carry_out(session: AsyncSession, key: str, statement: str) -> int:
    days = await settings.get(session, key)
    if days == 0:
        return 0
    done = await session.execute(sa.text(statement), _given(days))
    return int(done.rowcount)  # type: ignore[attr-defined]


def _given(days: int) -> dict[str, int]:
    return {"days": days, "most": BATCH}


@jobs.queue.periodic(cron="40 0 * * *", periodic_id="retention")
@jobs.queue.task(name="retention.forget", pass_context=True)
async def forget_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Forget what is old enough, every night at 3:40 Moscow time."""
    await forget_all(context.additional_context["sessions"])


async def forget_all(sessions: Sessions) -> None:
    """Run every step until its batch is not full."""
    for step in STEPS.values():
        while await in_transaction(sessions, step) == BATCH:
            continue
