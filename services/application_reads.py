"""Applications as their owners and the curators read them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    ApplicationEvent,
    DoctorApplication,
    DoctorProfile,
    Document,
    User,
)
from models.doctor_application import ApplicationStatus
from models.document import Requirement
from models.specialization import Specialization
from services import clock, documents
from services.actor import Actor
from services.application_facts import missing_facts
from services.document_rules import Proof, checklist, missing_by_person
from services.errors import NotFound
from services.permissions import Permission, demand
from services.sensitive_reads import journal_read

PAGE = 50
# Beyond these nothing is counted, and nothing sorted by what is missing, which is
# found out line by line.
MOST_COUNTED, MOST_SORTED = 10_000, 1000
ASKED = frozenset(
    {
        ApplicationStatus.DRAFT,
        ApplicationStatus.SUBMITTED,
        ApplicationStatus.MORE_INFO,
    }
)


class Order(StrEnum):
    """What the queue is ordered by; of the decided, the newest decision is first."""

    WAITING = "waiting"
    NAME = "name"
    LICENCE = "licence"
    MISSING = "missing"


SINCE = sa.func.coalesce(
    col(DoctorApplication.submitted_at), col(DoctorApplication.created_at)
)
DECIDED = sa.func.coalesce(
    col(DoctorApplication.decided_at), col(DoctorApplication.created_at)
)
ORDERS: Mapping[Order, sa.ColumnElement[Any]] = {
    Order.WAITING: SINCE,
    Order.NAME: col(User.search_name).asc(),
    Order.LICENCE: sa.func.coalesce(
        sa.cast(col(DoctorProfile.licence_expires_on), sa.Text),
        col(DoctorApplication.facts)["licence_expires_on"].astext,
    ),
    Order.MISSING: SINCE,
}


@dataclass(frozen=True)
class View:
    """An application with everything around it."""

    application: DoctorApplication
    user: User
    missing_facts: Sequence[str]
    checklist: Sequence[tuple[Requirement, Proof]]
    papers: Sequence[Document]
    history: Sequence[tuple[ApplicationEvent, User | None]]

    @property
    def missing_papers(self) -> Sequence[Requirement]:
        """What the applicant has given no valid paper for."""
        return [each for each, proof in self.checklist if proof is Proof.MISSING]


@dataclass(frozen=True)
class Waiting:
    """A line of the curators' queue; `since` is the decision, else the submission.

    The facts are those stated, or the doctor's own once they are aboard.
    """

    application: DoctorApplication
    user: User
    profile: DoctorProfile | None
    missing_facts: Sequence[str]
    missing_papers: Sequence[Requirement]
    since: datetime

    @property
    def missing(self) -> int:
        """How many facts and papers are not there yet."""
        return len(self.missing_facts) + len(self.missing_papers)

    @property
    def id(self) -> uuid.UUID:
        """The application's."""
        return self.application.id

    @property
    def specializations(self) -> Sequence[str]:
        """What the doctor treats as."""
        if self.profile is not None:
            return self.profile.specializations
        return self.application.facts.get("specializations") or ()

    @property
    def licence_expires_on(self) -> Any:
        """The last day of the licence, as a date or as it was stated."""
        if self.profile is not None:
            return self.profile.licence_expires_on
        return self.application.facts.get("licence_expires_on")


@dataclass(frozen=True)
class Queue:
    """One page of a queue; `cut` says that there are more than could be looked at."""

    lines: Sequence[Waiting]
    page: int
    count: int
    cut: bool


async def own(session: AsyncSession, actor: Actor) -> View:
    """Show one's own latest application."""
    demand(actor, Permission.APPLICATION_OWN)
    query = (
        select(DoctorApplication)
        .where(col(DoctorApplication.user_id) == actor.user_id)
        .order_by(col(DoctorApplication.id).desc())
        .limit(1)
    )
    application = (await session.exec(query)).one_or_none()
    if application is None:
        raise NotFound("There is no application.")
    return await _view(session, application)


async def one(session: AsyncSession, actor: Actor, application_id: uuid.UUID) -> View:
    """Show an application to a curator; the look is journalled."""
    demand(actor, Permission.APPLICATION_REVIEW)
    application = await session.get(DoctorApplication, application_id)
    if application is None:
        raise NotFound
    await journal_read(session, actor, "user", application.user_id, "application")
    return await _view(session, application)


async def _view(session: AsyncSession, application: DoctorApplication) -> View:
    user = await session.get_one(User, application.user_id)
    asked = application.status in ASKED
    facts = (
        missing_facts(application.facts, await clock.today(session)) if asked else []
    )
    papers = await checklist(session, application) if asked else []
    history = (
        select(ApplicationEvent, User)
        .outerjoin(User, col(User.id) == col(ApplicationEvent.actor_id))
        .where(col(ApplicationEvent.application_id) == application.id)
        .order_by(col(ApplicationEvent.version))
    )
    return View(
        application,
        user,
        facts,
        papers,
        await documents.listing(session, user.id),
        list((await session.exec(history)).all()),
    )


async def queue(
    session: AsyncSession,
    actor: Actor,
    status: ApplicationStatus,
    search: str = "",
    specialization: Specialization | None = None,
    order: Order = Order.WAITING,
    page: int = 1,
) -> Queue:
    """List a page of the applications of a status.

    First comes whoever waits longest, and of the decided the newest decision.
    """
    demand(actor, Permission.APPLICATION_REVIEW)
    found = _found(status, search, specialization)
    by_missing = order is Order.MISSING and status in ASKED
    most = MOST_SORTED if by_missing else MOST_COUNTED
    counted = found.with_only_columns(sa.literal(1), maintain_column_froms=True)
    counting = sa.select(sa.func.count()).select_from(
        counted.limit(most + 1).subquery()
    )
    every = await session.scalar(counting) or 0
    count = min(every, most)
    # An offset from an address would reach the database as it is.
    at = min(max(page, 1), max(1, -(-count // PAGE)))
    skipped, taken = (at - 1) * PAGE, most if by_missing else PAGE
    ordered = found.order_by(*_order(status, order)).limit(taken)
    rows = await session.execute(ordered.offset(0 if by_missing else skipped))
    lines = await _lines(session, [(row[0], row[1], row[2]) for row in rows])
    if by_missing:
        lines.sort(key=lambda line: line.missing)
        lines = lines[skipped : skipped + PAGE]
    return Queue(lines, at, count, every > most)


def _order(status: ApplicationStatus, order: Order) -> list[Any]:
    newest = status not in ASKED and order in {Order.WAITING, Order.MISSING}
    first = DECIDED.desc() if newest else ORDERS[order]
    return [first, SINCE, col(DoctorApplication.id)]


def _found(
    status: ApplicationStatus, search: str, specialization: Specialization | None
) -> Any:
    query = (
        sa.select(DoctorApplication, User, DoctorProfile)
        .join(User, col(User.id) == col(DoctorApplication.user_id))
        .outerjoin(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .where(col(DoctorApplication.status) == status, *_like(search))
    )
    if specialization is None:
        return query
    wanted = [specialization.value]
    stated = col(DoctorApplication.facts)["specializations"].contains(wanted)
    held = col(DoctorProfile.specializations).contains(wanted)
    return query.where(sa.or_(stated, held))


def _like(search: str) -> list[sa.ColumnElement[bool]]:
    """Find by a part of the name or the phone, or by the licence's number."""
    if not search:
        return []
    return [
        sa.or_(
            col(User.search_name).contains(search.lower(), autoescape=True),
            col(User.phone).contains(search, autoescape=True),
            col(DoctorApplication.facts)["licence_number"].astext == search,
            col(DoctorProfile.licence_number) == search,
        )
    ]


async def _lines(
    session: AsyncSession,
    rows: Sequence[tuple[DoctorApplication, User, DoctorProfile | None]],
) -> list[Waiting]:
    stated = {
        row.user_id: row.facts.get("specializations") or ()
        for row, _, _ in rows
        if row.status in ASKED
    }
    papers = await missing_by_person(session, stated)
    day, lines = await clock.today(session), []
    for application, user, profile in rows:
        asked = application.status in ASKED
        facts = missing_facts(application.facts, day) if asked else []
        since = application.submitted_at if asked else application.decided_at
        since = since or application.created_at
        lacking = papers.get(user.id, ())
        lines.append(Waiting(application, user, profile, facts, lacking, since))
    return lines


async def counts(
    session: AsyncSession, actor: Actor
) -> Mapping[ApplicationStatus, int]:
    """Count the applications of each status."""
    demand(actor, Permission.APPLICATION_REVIEW)
    query = sa.select(col(DoctorApplication.status), sa.func.count()).group_by(
        col(DoctorApplication.status)
    )
    found = {row[0]: row[1] for row in await session.execute(query)}
    return {status: found.get(status, 0) for status in ApplicationStatus}
