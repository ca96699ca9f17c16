"""What finance and administrators see of findings: those that wait, and how checks run."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, ReconIssue, ReconMark
from services import clock, recon_marks, staff_names
from services.actor import Actor
from services.permissions import Permission, demand
from services.recon_issues import kinds_for

MOST, MOST_CLOSED = 200, 50
OPEN = col(ReconIssue.resolved_at).is_(None)


@dataclass(frozen=True)
class Findings:
    """Findings with the numbers of their calls, and names of staff in them."""

    waiting: Sequence[ReconIssue]
    closed: Sequence[ReconIssue]
    calls: Mapping[uuid.UUID, str]
    names: Mapping[uuid.UUID, str]
    marks: Sequence[ReconMark]
    now: datetime


@dataclass(frozen=True)
class Waiting:
    """How many findings are open and how many of them are late; since when."""

    count: int
    late: int
    oldest: datetime | None
    now: datetime


async def findings(session: AsyncSession, actor: Actor) -> Findings:
    """Show what waits, whatever is due first on top, and what was closed of late."""
    demand(actor, Permission.RECON_READ)
    due = (col(ReconIssue.due_at), col(ReconIssue.id))
    waiting = await _some(session, actor, OPEN, due, MOST)
    done = col(ReconIssue.resolved_at).desc(), col(ReconIssue.id)
    closed = await _some(session, actor, ~OPEN, done, MOST_CLOSED)
    people = {each.taken_by for each in waiting} | {each.resolved_by for each in closed}
    return Findings(
        waiting=waiting,
        closed=closed,
        calls=await _calls(session, [*waiting, *closed]),
        names=await staff_names.of(session, people),
        marks=await recon_marks.every(session),
        now=await clock.now(session),
    )


async def waiting(session: AsyncSession, actor: Actor) -> Waiting:
    """Count the open findings that this role sees, for the first page."""
    demand(actor, Permission.RECON_READ)
    now = sa.func.app_now()
    late = sa.func.count().filter(col(ReconIssue.due_at) < now)
    oldest = sa.func.min(ReconIssue.created_at)
    query = sa.select(sa.func.count(), late, oldest, now).where(
        OPEN, col(ReconIssue.kind).in_(kinds_for(actor))
    )
    return Waiting(*(await session.execute(query)).one())


async def _some(
    session: AsyncSession,
    actor: Actor,
    which: sa.ColumnElement[bool],
    order: Sequence[Any],
    most: int,
) -> Sequence[ReconIssue]:
    query = sa.select(ReconIssue).where(
        which, col(ReconIssue.kind).in_(kinds_for(actor))
    )
    return (await session.scalars(query.order_by(*order).limit(most))).all()


async def _calls(
    session: AsyncSession, issues: Sequence[ReconIssue]
) -> Mapping[uuid.UUID, str]:
    ids = {each.booking_id for each in issues if each.booking_id is not None}
    query = sa.select(col(Booking.id), col(Booking.number)).where(
        col(Booking.id).in_(ids)
    )
    return {row[0]: f"B-{row[1]}" for row in await session.execute(query)}
