"""What the provider has transferred to our bank, by its registry.

The registry is taken line by line: what agrees with our row is posted from what the
provider holds to the bank, once for each payment or refund, so the same file may come
twice. What does not agree moves nothing and is for a person.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel.ext.asyncio.session import AsyncSession

from models.recon_issue import IssueKind
from services import (
    audit,
    clock,
    jobs,
    ledger,
    payment_steps,
    postings,
    recon_days,
    recon_issues,
    recon_marks,
)
from services.actor import Actor
from services.database import Sessions
from services.edges import in_transaction
from services.errors import LedgerConflict
from services.permissions import Permission, demand
from services.settlement_registry import Line, read

MARK, POSTED_BEFORE = "settlement", "posted_before"
DIFFERS = IssueKind.SETTLEMENT_DIFFERS
MONTHS, MOST = "registry:", 200
# A payment is transferred within so many days; a month's registry comes later.
TRANSFERRED, OVERDUE = timedelta(days=3), timedelta(days=40)

_KNOWN = """
SELECT 'payment' AS noun, id, provider_id, status, amount_kopecks,
       fee_kopecks FROM payment WHERE provider_id = ANY(:ids)
UNION ALL
SELECT 'refund', id, provider_id, status, amount_kopecks, 0
  FROM refund WHERE provider_id = ANY(:ids)
"""
_UNSETTLED = """
SELECT x.* FROM (
  SELECT 'payment' AS noun, id, provider_id, amount_kopecks, succeeded_at
    FROM payment WHERE status = 'succeeded'
  UNION ALL
  SELECT 'refund', id, provider_id, amount_kopecks, succeeded_at
    FROM refund WHERE status = 'succeeded') x
 WHERE x.provider_id IS NOT NULL AND x.succeeded_at < :before
   AND NOT EXISTS (SELECT FROM ledger_journal j
                    WHERE j.idem_key = concat('settlement', chr(58), x.provider_id))
"""
_MONTHS = f"""
SELECT DISTINCT to_char(u.succeeded_at AT TIME ZONE 'Europe/Moscow', 'YYYY-MM')
  FROM ({_UNSETTLED}) u
"""  # noqa: S608 - a constant of ours


@dataclass(frozen=True)
class Imported:
    """What an import came to: lines posted now, their sums by day, and findings."""

    posted: int
    by_day: Mapping[date, int]
    found: int
    held_kopecks: int


async def take_in(
    session: AsyncSession, actor: Actor, lines: Iterable[str]
) -> Imported:
    """Import a registry; see services/settlement_registry.py for its form.

    All or nothing: raises ValidationFailed with the lines that cannot be read.
    """
    demand(actor, Permission.MAINTENANCE)
    registry = read(lines)
    known = await _known(session, registry)
    by_day: Counter[date] = Counter()
    posted = found = 0
    for line in registry:
        row = known.get(line.subject)
        problem = _problem(line, row) or await _post(session, actor, line, row)
        if problem is None:
            posted += 1
            by_day[line.day] += line.net_kopecks
            await recon_issues.settle(session, DIFFERS, line.subject)
        elif problem != POSTED_BEFORE:
            found += 1
            await _report(session, line, row, problem)
    found += await _end(session, actor, registry, posted)
    held = await ledger.balance(session, postings.CLEARING)
    return Imported(posted, dict(sorted(by_day.items())), found, held)


async def _end(
    session: AsyncSession, actor: Actor, registry: Sequence[Line], posted: int
) -> int:
    """Look for what the registry lacks, and keep that it was imported."""
    last = max((line.day for line in registry), default=None)
    found = 0 if last is None else await _missing(session, last)
    reached = None if last is None else recon_days.start(last)
    await recon_marks.note(session, MARK, reached, found)
    action = "settlement.imported"
    audit.record(session, actor, action, "settlement", None, posted=posted)
    return found


async def _known(session: AsyncSession, registry: Sequence[Line]) -> Mapping[str, Any]:
    ids = [line.provider_id for line in registry]
    rows = await session.execute(sa.text(_KNOWN), {"ids": ids})
    return {f"{row.noun}:{row.provider_id}": row for row in rows}


def _problem(line: Line, row: Any) -> str | None:
    """Name in what a line does not agree with our row."""
    if row is None:
        return "not_here"
    if row.status != "succeeded":
        return "status"
    if row.amount_kopecks != line.amount_kopecks:
        return "amount"
    if row.fee_kopecks not in (None, line.fee_kopecks):
        return "fee"
    return None


async def _post(
    session: AsyncSession, actor: Actor, line: Line, row: Any
) -> str | None:
    """Post a line that agrees; a fee that we did not know yet is posted with it."""
    posting = postings.settled(line.provider_id, line.net_kopecks)
    try:
        fresh = await ledger.post(session, actor, posting)
    except LedgerConflict:
        return "posted_otherwise"
    if not fresh:
        return POSTED_BEFORE
    if row.fee_kopecks is None:
        await _post_fee(session, actor, row.id, line.fee_kopecks)
    return None


async def _post_fee(
    session: AsyncSession, actor: Actor, payment_id: uuid.UUID, kopecks: int
) -> None:
    _, payment = await payment_steps.lock(session, payment_id)
    payment.fee_kopecks = kopecks
    await session.flush()
    fee = postings.fee(payment.id, payment.booking_id, kopecks)
    await ledger.post(session, actor, fee)


async def _report(session: AsyncSession, line: Line, row: Any, problem: str) -> None:
    ours = {} if row is None else {f"{line.noun}_id": row.id}
    facts: dict[str, Any] = {
        "problem": problem,
        "provider_id": line.provider_id,
        "day": line.day.isoformat(),
        "their_amount_kopecks": line.amount_kopecks,
        "their_fee_kopecks": line.fee_kopecks,
    }
    if row is not None:
        facts["ours"], facts["amount_kopecks"] = row.status, row.amount_kopecks
        facts["fee_kopecks"] = row.fee_kopecks
    await recon_issues.report(session, DIFFERS, line.subject, **ours, **facts)


async def _missing(session: AsyncSession, last: date) -> int:
    """Report what should have been transferred by the last day of a registry."""
    before = recon_days.start(last) - TRANSFERRED
    query = sa.text(f"{_UNSETTLED} ORDER BY x.succeeded_at LIMIT {MOST}")
    rows = (await session.execute(query, {"before": before})).all()
    for row in rows:
        about: dict[str, Any] = {f"{row.noun}_id": row.id}
        await recon_issues.report(
            session,
            DIFFERS,
            f"{row.noun}:{row.provider_id}",
            problem="not_in_registry",
            provider_id=row.provider_id,
            amount_kopecks=row.amount_kopecks,
            **about,
        )
    return len(rows)


async def remind(session: AsyncSession) -> None:
    """Report the months of which money was never seen to arrive; close the others."""
    before = await clock.now(session) - OVERDUE
    found = await session.scalars(sa.text(_MONTHS), {"before": before})
    months = {f"{MONTHS}{each}": each for each in found}
    for subject, month in months.items():
        facts: dict[str, Any] = {"problem": "no_registry", "month": month}
        await recon_issues.report(session, DIFFERS, subject, **facts)
    await recon_issues.settle_others(session, DIFFERS, months, MONTHS)


@jobs.queue.periodic(cron="30 1 * * *", periodic_id="settlement")
@jobs.queue.task(name="settlement.remind", pass_context=True)
async def remind_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Look for months without a registry, every night at 4:30 Moscow time."""
    sessions: Sessions = context.additional_context["sessions"]
    await in_transaction(sessions, remind)
