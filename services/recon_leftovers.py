"""What has been left lying too long: unknown outcomes, notices, receipts.

The pollers keep on asking; from here on a person knows of it as well.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel.ext.asyncio.session import AsyncSession

from models.recon_issue import IssueKind
from services import jobs, recon_issues, recon_marks
from services.database import Sessions
from services.edges import in_transaction

MARK = "leftovers"
MOST = 200
PAYMENT_UNKNOWN, REFUND_UNKNOWN = IssueKind.PAYMENT_UNKNOWN, IssueKind.REFUND_UNKNOWN

# Nobody can say for more than an hour what the provider did.
_PAYMENTS = """
SELECT id, status, amount_kopecks FROM payment
 WHERE status IN ('created', 'unknown') AND key_used_at < app_now() - interval '1 hour'
 ORDER BY key_used_at LIMIT :most
"""
_REFUNDS = """
SELECT id, status, amount_kopecks FROM refund
 WHERE status IN ('sending', 'unknown') AND key_used_at < app_now() - interval '1 hour'
 ORDER BY key_used_at LIMIT :most
"""
_NOTICES = """
SELECT id, event, object_id, note FROM webhook_inbox
 WHERE status IN ('new', 'waiting') AND created_at < app_now() - interval '1 hour'
 ORDER BY created_at LIMIT :most
"""
_RECEIPTS = """
SELECT id, kind, status, booking_id, payment_id, refund_id FROM receipt
 WHERE status IN ('created', 'unknown', 'pending')
   AND created_at < app_now() - interval '1 day'
 ORDER BY created_at LIMIT :most
"""
# What was given up by us is failed, and stays a finding until a person has looked.
_KNOWN_NOW = """
SELECT i.subject FROM recon_issue i JOIN payment p ON p.id = i.payment_id
 WHERE i.kind = 'payment_unknown' AND i.resolved_at IS NULL
   AND p.status IN ('pending', 'succeeded', 'canceled')
"""


async def look(session: AsyncSession) -> int:
    """Report what has been lying too long, close what has moved; gives how many."""
    found = 0
    for report in (_payments, _refunds, _notices, _receipts):
        found += await report(session)
    for subject in (await session.scalars(sa.text(_KNOWN_NOW))).all():
        await recon_issues.settle(session, PAYMENT_UNKNOWN, subject)
    await recon_marks.note(session, MARK, None, found)
    return found


async def _payments(session: AsyncSession) -> int:
    rows = await _rows(session, _PAYMENTS)
    for row in rows:
        await recon_issues.report(
            session,
            PAYMENT_UNKNOWN,
            f"payment:{row.id}",
            payment_id=row.id,
            ours=row.status,
            amount_kopecks=row.amount_kopecks,
        )
    return len(rows)


async def _refunds(session: AsyncSession) -> int:
    rows = await _rows(session, _REFUNDS)
    for row in rows:
        await recon_issues.report(
            session,
            REFUND_UNKNOWN,
            f"refund:{row.id}",
            refund_id=row.id,
            ours=row.status,
            amount_kopecks=row.amount_kopecks,
        )
    return len(rows)


async def _notices(session: AsyncSession) -> int:
    rows = await _rows(session, _NOTICES)
    subjects = [f"notice:{row.id}" for row in rows]
    for row, subject in zip(rows, subjects, strict=True):
        facts = {"event": row.event, "object_id": row.object_id, "note": row.note}
        await recon_issues.report(session, IssueKind.INBOX_LEFT, subject, **facts)
    await recon_issues.settle_others(session, IssueKind.INBOX_LEFT, subjects)
    return len(rows)


async def _receipts(session: AsyncSession) -> int:
    rows = await _rows(session, _RECEIPTS)
    for row in rows:
        await recon_issues.report(
            session,
            IssueKind.RECEIPT_FAILED,
            f"receipt:{row.id}",
            booking_id=row.booking_id,
            payment_id=row.payment_id,
            refund_id=row.refund_id,
            receipt_kind=row.kind,
            status=row.status,
        )
    return len(rows)


async def _rows(session: AsyncSession, sql: str) -> Sequence[Any]:
    return (await session.execute(sa.text(sql), {"most": MOST})).all()


@jobs.queue.periodic(cron="7-59/15 * * * *", periodic_id="leftovers")
@jobs.queue.task(name="recon.leftovers", pass_context=True)
async def look_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Look every quarter of an hour."""
    sessions: Sessions = context.additional_context["sessions"]
    await in_transaction(sessions, look)
