"""Applicants in every state, for the tests of their papers."""

from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, DoctorApplication, Document, User
from models.doctor_application import ApplicationStatus
from models.document import DocumentKind
from tests import factories


async def application(
    session: AsyncSession,
    user: User,
    status: ApplicationStatus = ApplicationStatus.DRAFT,
    specializations: tuple[str, ...] = ("therapist",),
) -> DoctorApplication:
    """Put an application into a state; how it gets there is tested elsewhere."""
    made = DoctorApplication(
        user_id=user.id,
        status=status,
        facts={"specializations": list(specializations)},
    )
    session.add(made)
    await session.flush()
    return made


async def applicant(
    session: AsyncSession, status: ApplicationStatus = ApplicationStatus.DRAFT
) -> User:
    """Make somebody with an application in this state."""
    user = await factories.patient(session)
    await application(session, user, status)
    return user


async def papers(
    session: AsyncSession, user: User, *kinds: DocumentKind, **facts: Any
) -> list[Document]:
    """Give papers of these kinds, or one of each."""
    return [
        await factories.document(session, user, kind, **facts)
        for kind in kinds or DocumentKind
    ]


async def audited(session: AsyncSession, document: Document) -> list[str]:
    """List what the journal says about a paper."""
    query = select(AuditEvent.action).where(col(AuditEvent.object_id) == document.id)
    return list((await session.exec(query.order_by(col(AuditEvent.id)))).all())
