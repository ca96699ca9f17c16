"""A curator's word on papers, and what it does to the doctor's validity."""

import uuid
from collections.abc import Collection

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile, Document
from models.doctor_application import ApplicationStatus
from models.document import DocumentKind, DocumentStatus
from services import audit, clock, documents, live
from services.actor import Actor
from services.application_steps import locked_own
from services.document_rules import listing, unproved, valid_until
from services.errors import Conflict, Forbidden, IllegalTransition, NotFound
from services.i18n import gettext
from services.inputs import wrong
from services.notifications import Notice, notify
from services.permissions import Permission, demand

LONGEST_REASON = 1000


async def accept(
    session: AsyncSession, actor: Actor, document_id: uuid.UUID
) -> Document:
    """Put a paper in force; the one of its kind before it is history."""
    document = await _under_review(
        session, actor, document_id, {DocumentStatus.SUBMITTED}
    )
    ends = document.expires_on
    if ends is not None and ends < await clock.today(session):
        raise Conflict("This paper has run out; it cannot be accepted.")
    for earlier in await listing(session, document.user_id):
        in_force = earlier.status is DocumentStatus.ACCEPTED
        if in_force and earlier.kind is document.kind:
            earlier.status = DocumentStatus.REPLACED
    # The index that allows one paper in force of a kind must see this first.
    await session.flush()
    await _decide(session, actor, document, DocumentStatus.ACCEPTED, None)
    await _renew(session, actor, document)
    return document


async def reject(
    session: AsyncSession, actor: Actor, document_id: uuid.UUID, reason: str
) -> Document:
    """Refuse a paper and tell its owner; before approval also an accepted one."""
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise wrong("reason", gettext("Give a reason of at most 1000 characters."))
    sources = {DocumentStatus.SUBMITTED, DocumentStatus.ACCEPTED}
    document = await _under_review(session, actor, document_id, sources)
    accepted = document.status is DocumentStatus.ACCEPTED
    if accepted and await documents.is_approved(session, document.user_id):
        raise documents.decided()
    await _decide(session, actor, document, DocumentStatus.REJECTED, reason)
    notice = Notice(
        kind="document_rejected",
        user_id=document.user_id,
        facts={"document": document.kind.value},
    )
    await notify(session, actor, notice)
    return document


async def _under_review(
    session: AsyncSession,
    actor: Actor,
    document_id: uuid.UUID,
    sources: Collection[DocumentStatus],
) -> Document:
    demand(actor, Permission.APPLICATION_REVIEW)
    document = await session.get(Document, document_id)
    if document is None:
        raise NotFound
    if document.user_id == actor.user_id:
        raise Forbidden("Nobody decides on documents of their own.")
    application = await locked_own(session, document.user_id)
    await documents.lock_papers(session, document.user_id)
    await session.refresh(document)
    if application is not None and application.status is ApplicationStatus.DRAFT:
        raise IllegalTransition("The applicant has not submitted the application yet.")
    if document.status not in sources:
        raise documents.decided()
    return document


async def _decide(
    session: AsyncSession,
    actor: Actor,
    document: Document,
    status: DocumentStatus,
    comment: str | None,
) -> None:
    document.status = status
    document.review_comment = comment
    document.reviewed_by = actor.user_id
    document.reviewed_at = await clock.now(session)
    action, kind = f"document.{status.value}", document.kind.value
    audit.record(session, actor, action, "document", document.id, kind=kind)
    await session.flush()


async def _renew(session: AsyncSession, actor: Actor, document: Document) -> None:
    """Let an approved doctor work as long as the papers now in force say."""
    query = select(DoctorProfile).where(
        col(DoctorProfile.user_id) == document.user_id,
        col(DoctorProfile.approved_at).is_not(None),
    )
    profile = (await session.exec(query.with_for_update())).one_or_none()
    if profile is None:
        return
    if document.kind is DocumentKind.LICENCE and document.expires_on is not None:
        profile.licence_expires_on = document.expires_on
        profile.licence_number = document.number or profile.licence_number
    await refresh_validity(session, actor, profile)


async def refresh_validity(
    session: AsyncSession, actor: Actor, profile: DoctorProfile
) -> None:
    """Compute anew until when the papers of a locked profile hold.

    Where some papers were never given here, a curator has entered the day by hand:
    then it only comes nearer.
    """
    user_id, names = profile.user_id, profile.specializations
    day = await valid_until(session, user_id, names)
    if await unproved(session, user_id, names):
        known = (day, profile.documents_valid_until)
        day = min((each for each in known if each is not None), default=None)
    profile.documents_valid_until = day
    data = {
        "documents_valid_until": day and day.isoformat(),
        "licence_expires_on": profile.licence_expires_on.isoformat(),
    }
    action = "doctor.validity"
    audit.record(session, actor, action, "user", user_id, **data)
    await session.flush()
    await live.announce(session, live.Topic.DOCTOR, user_id)
