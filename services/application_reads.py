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

LONGEST_QUEUE = 200
ASKED = frozenset(
    {
        ApplicationStatus.DRAFT,
        ApplicationStatus.SUBMITTED,
        ApplicationStatus.MORE_INFO,
    }
)


class Order(StrEnum):
    """What the queue is ordered by."""

    WAITING = "waiting"
    NAME = "name"
    LICENCE = "licence"
    MISSING = "missing"


SINCE = sa.func.coalesce(
    col(DoctorApplication.submitted_at), col(DoctorApplication.created_at)
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
    missing: int
    since: datetime

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
) -> list[Waiting]:
    """List the applications of a status, whoever waits longest first."""
    demand(actor, Permission.APPLICATION_REVIEW)
    query = (
        select(DoctorApplication, User, DoctorProfile)
        .join(User, col(User.id) == col(DoctorApplication.user_id))
        .outerjoin(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .where(col(DoctorApplication.status) == status, *_like(search))
        .order_by(ORDERS[order], SINCE)
        .limit(LONGEST_QUEUE)
    )
    if specialization is not None:
        wanted = [specialization.value]
        stated = col(DoctorApplication.facts)["specializations"].contains(wanted)
        query = query.where(
            sa.or_(stated, col(DoctorProfile.specializations).contains(wanted))
        )
    rows = (await session.exec(query)).all()
    lines = await _lines(session, rows)
    if order is Order.MISSING:
        lines.sort(key=lambda line: line.missing)
    return lines


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
        count = len(papers.get(user.id, ()))
        if application.status in ASKED:
            count += len(missing_facts(application.facts, day))
        since = application.submitted_at or application.created_at
        if application.status not in ASKED:
            since = application.decided_at or since
        lines.append(Waiting(application, user, profile, count, since))
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
