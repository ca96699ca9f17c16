"""Findings of reconciliation: reported, taken by somebody, closed with words.

A finding is its kind and its subject, such as a payment's id or a day. Found again
while it is open, it is the same finding. Its facts are codes, ids and sums, never a
name, a contact or somebody's words, because finance reads them.
"""

import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, ReconIssue
from models.base import uuid7
from models.recon_issue import IssueKind
from models.role_grant import Role
from services import audit, clock
from services.actor import SYSTEM_ID, Actor
from services.errors import Conflict, Forbidden, IllegalTransition, NotFound
from services.permissions import Permission, demand

# Within how many hours a person is to have closed it.
DUE_HOURS: Mapping[IssueKind, int] = {
    IssueKind.INVARIANT: 4,
    IssueKind.MISSING_HERE: 24,
    IssueKind.MISSING_THERE: 24,
    IssueKind.STATUS_DIFFERS: 24,
    IssueKind.AMOUNT_DIFFERS: 24,
    IssueKind.QUARANTINED: 24,
    IssueKind.REFUND_FAILED: 24,
    IssueKind.REFUND_UNKNOWN: 4,
    IssueKind.PAYMENT_UNKNOWN: 4,
    IssueKind.RECEIPT_FAILED: 72,
    IssueKind.DAY_DIFFERS: 48,
    IssueKind.SETTLEMENT_DIFFERS: 120,
    IssueKind.INBOX_LEFT: 24,
    IssueKind.SHOP_DIFFERS: 4,
}
OF_ADMINS = frozenset({IssueKind.INVARIANT, IssueKind.SHOP_DIFFERS})
LONGEST_WORDS = 500
GONE = "gone"
_BY_ITSELF: Mapping[str, Any] = {"system": SYSTEM_ID, "gone": GONE}

# What a person has closed stays closed until its facts are others. A broken invariant
# comes back as long as it is broken: no words mend data.
_REPORT = """
WITH said AS (
  SELECT CAST(:kind AS text) AS kind, CAST(:subject AS text) AS subject,
         CAST(:facts AS jsonb) AS facts)
INSERT INTO recon_issue
  (id, kind, subject, booking_id, payment_id, refund_id, facts, due_at, seen_last_at)
SELECT CAST(:id AS uuid), kind, subject,
       coalesce(CAST(:booking_id AS uuid),
         (SELECT booking_id FROM payment WHERE id = :payment_id),
         (SELECT booking_id FROM refund WHERE id = :refund_id)),
       CAST(:payment_id AS uuid), CAST(:refund_id AS uuid), facts,
       app_now() + make_interval(hours => :hours), app_now()
  FROM said
 WHERE kind = 'invariant' OR NOT EXISTS (
   SELECT FROM recon_issue closed
    WHERE closed.kind = said.kind AND closed.subject = said.subject
      AND closed.resolved_by <> :system AND closed.facts = said.facts)
ON CONFLICT (kind, subject) WHERE resolved_at IS NULL DO UPDATE
   SET seen_last_at = app_now(), facts = EXCLUDED.facts
"""
_SETTLE = """
UPDATE recon_issue
   SET resolved_at = app_now(), resolved_by = :system, resolution = :gone
 WHERE kind = :kind AND resolved_at IS NULL
"""


async def report(
    session: AsyncSession,
    kind: IssueKind,
    subject: str,
    *,
    booking_id: uuid.UUID | None = None,
    payment_id: uuid.UUID | None = None,
    refund_id: uuid.UUID | None = None,
    due_in_hours: int | None = None,
    **facts: Any,
) -> None:
    """Open a finding, or see an open one again; its first deadline stays.

    The call of a payment or refund is found by itself.
    What a person closed is not opened again while its facts are the same, unless an
    invariant is broken. Facts are text, whole numbers, None or lists of those; ids
    become text.
    """
    hours = DUE_HOURS[kind] if due_in_hours is None else due_in_hours
    values = {
        "id": uuid7(),
        "kind": kind.value,
        "subject": subject,
        "booking_id": booking_id,
        "payment_id": payment_id,
        "refund_id": refund_id,
        "facts": json.dumps(facts, default=str, sort_keys=True),
        "hours": hours,
        "system": SYSTEM_ID,
    }
    await session.execute(sa.text(_REPORT), values)


async def settle(session: AsyncSession, kind: IssueKind, subject: str) -> None:
    """Close a finding that holds no more; nothing happens when there is none."""
    values = {"kind": kind.value, "subject": subject, **_BY_ITSELF}
    await session.execute(sa.text(f"{_SETTLE} AND subject = :subject"), values)


async def settle_others(
    session: AsyncSession, kind: IssueKind, found: Collection[str], prefix: str = ""
) -> None:
    """Close every open finding of a kind that is not among those just found.

    With a prefix, only those whose subject begins with it.
    """
    values = {"kind": kind.value, "found": list(found), "prefix": prefix}
    others = "AND subject <> ALL(:found) AND starts_with(subject, :prefix)"
    await session.execute(sa.text(f"{_SETTLE} {others}"), values | {**_BY_ITSELF})


async def take(
    session: AsyncSession, actor: Actor, issue_id: uuid.UUID, holder: uuid.UUID | None
) -> ReconIssue:
    """Say who works on a finding; `holder` is whom the actor saw working on it.

    Raises Conflict when somebody else has taken it meanwhile.
    """
    issue = await _open(session, actor, issue_id)
    if issue.taken_by != holder:
        raise Conflict("Somebody else has taken this finding meanwhile.")
    issue.taken_by = actor.user_id
    audit.record(session, actor, "recon_issue.taken", "recon_issue", issue.id)
    await session.flush()
    return issue


async def resolve(
    session: AsyncSession, actor: Actor, issue_id: uuid.UUID, words: str
) -> ReconIssue:
    """Close a finding with words on what was the matter; nobody closes their own."""
    issue = await _open(session, actor, issue_id)
    if issue.booking_id is not None:
        booking = await session.get_one(Booking, issue.booking_id)
        if booking.patient_id == actor.user_id:
            raise Forbidden("Nobody decides on money of their own.")
    issue.resolution = words
    issue.resolved_by, issue.resolved_at = actor.user_id, await clock.now(session)
    audit.record(
        session,
        actor,
        "recon_issue.resolved",
        "recon_issue",
        issue.id,
        kind=issue.kind.value,
        subject=issue.subject,
    )
    await session.flush()
    return issue


def kinds_for(actor: Actor) -> frozenset[IssueKind]:
    """An administrator sees to data and settings; money is the business of finance."""
    return OF_ADMINS if actor.acting_as is Role.ADMIN else frozenset(IssueKind)


async def _open(session: AsyncSession, actor: Actor, issue_id: uuid.UUID) -> ReconIssue:
    demand(actor, Permission.RECON_RESOLVE)
    issue: ReconIssue | None = await session.scalar(
        sa.select(ReconIssue)
        .where(col(ReconIssue.id) == issue_id)
        .where(col(ReconIssue.kind).in_(kinds_for(actor)))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if issue is None:
        raise NotFound
    if issue.resolved_at is not None:
        raise IllegalTransition("This finding has been closed already.")
    return issue
