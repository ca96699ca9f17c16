"""Sums of busy accounts, taken every night, so that nobody adds up years.

Guarded accounts keep their balance and a visit owes in few entries; of all others
those get a snapshot that have many new entries.
"""

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel.ext.asyncio.session import AsyncSession

from models.ledger import AccountKind
from services import jobs
from services.database import Sessions
from services.edges import in_transaction

MANY = 1000
# Entries are stamped before they are committed. No transaction lives for an hour, so
# that nothing dated before the cut can still appear.
_TAKE = f"""
WITH cut AS MATERIALIZED (SELECT app_now() - interval '1 hour' AS at)
INSERT INTO ledger_snapshot (id, account_id, up_to, sum_kopecks)
SELECT gen_random_uuid(), a.id, cut.at, coalesce(s.sum_kopecks, 0) + e.sum_kopecks
  FROM ledger_account a
 CROSS JOIN cut
  LEFT JOIN LATERAL (
    SELECT up_to, sum_kopecks FROM ledger_snapshot
     WHERE account_id = a.id ORDER BY up_to DESC LIMIT 1) s ON true
 CROSS JOIN LATERAL (
    SELECT count(*) AS entries, sum(amount_kopecks) AS sum_kopecks FROM ledger_entry
     WHERE account_id = a.id AND created_at <= cut.at
       AND created_at > coalesce(s.up_to, '-infinity')) e
 WHERE NOT a.guarded AND a.kind <> '{AccountKind.VISIT_RECEIVABLE}'
   AND e.entries >= :many
"""  # noqa: S608 - a constant of ours


async def take(session: AsyncSession) -> int:
    """Write a snapshot for each account with many new entries; give how many."""
    await session.execute(sa.text("SET LOCAL statement_timeout = 0"))
    done = await session.execute(sa.text(_TAKE), {"many": MANY})
    return int(done.rowcount)  # type: ignore[attr-defined]


@jobs.queue.periodic(cron="20 0 * * *", periodic_id="ledger_snapshots")
@jobs.queue.task(name="ledger.snapshot", pass_context=True)
async def take_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Take snapshots every night at 3:20 Moscow time."""
    sessions: Sessions = context.additional_context["sessions"]
    await in_transaction(sessions, take)
