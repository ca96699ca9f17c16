"""New papers of doctors who are aboard: they wait for a curator, and the old ones end."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorApplication, Document, User
from models.doctor_application import ApplicationStatus
from models.document import DocumentKind, DocumentStatus
from models.role_grant import Role
from services.actor import Actor
from services.notifications import Notice, notify_role
from services.permissions import Permission, demand

MOST = 200
ABOARD = frozenset({ApplicationStatus.APPROVED, ApplicationStatus.SUSPENDED})
# The papers of everybody else are looked at with the application itself.
TO_CHECK = sa.and_(
    col(Document.status) == DocumentStatus.SUBMITTED,
    col(DoctorApplication.status).in_(ABOARD),
    col(DoctorApplication.user_id) == col(Document.user_id),
)


@dataclass(frozen=True)
class Renewed:
    """A doctor whose papers wait, since when, and where they are checked."""

    user: User
    application_id: uuid.UUID
    kinds: Sequence[DocumentKind]
    since: datetime


async def waiting(session: AsyncSession, actor: Actor) -> Sequence[Renewed]:
    """List the doctors with papers to check, whoever waits longest first."""
    demand(actor, Permission.APPLICATION_REVIEW)
    since = sa.func.min(col(Document.created_at))
    kinds = sa.func.array_agg(
        aggregate_order_by(col(Document.kind), col(Document.created_at))
    )
    query = (
        sa.select(User, col(DoctorApplication.id), kinds, since)
        .select_from(Document)
        .join(DoctorApplication, TO_CHECK)
        .join(User, col(User.id) == col(Document.user_id))
        .group_by(col(User.id), col(DoctorApplication.id))
        .order_by(since, col(User.id))
        .limit(MOST)
    )
    return [
        Renewed(user, key, [DocumentKind(each) for each in names], at)
        for user, key, names, at in (await session.execute(query)).all()
    ]


async def announce(session: AsyncSession, actor: Actor, document: Document) -> None:
    """Tell the curators that a doctor who is aboard has sent a new paper."""
    user = await session.get_one(User, document.user_id)
    facts = {
        "doctor": user.short_name,
        "doctor_id": str(user.id),
        "document": document.kind.value,
    }
    notice = Notice("paper_to_check", facts=facts)
    await notify_role(session, actor, Role.CURATOR, notice)
