"""Papers of applicants and doctors: given, taken back, accepted, rejected, read.

Locks: application, then the applicant's papers (an advisory lock), then the profile.
"""

import uuid
from datetime import date, timedelta
from typing import Annotated

import sqlalchemy as sa
from pydantic import StringConstraints
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile, Document
from models.doctor_application import ApplicationStatus
from models.document import CURRENT, DocumentKind, DocumentStatus
from services import audit, clock, files, renewed_papers, settings
from services.actor import Actor
from services.application_steps import locked_own
from services.document_rules import (
    listing,
    missing,
    required,
    unaccepted,
    valid_until,
)
from services.errors import IllegalTransition, NotFound, QuotaSpent
from services.files import StoredFile, Taken
from services.i18n import gettext
from services.inputs import Input, Line, wrong
from services.permissions import Permission, demand
from services.sensitive_reads import journal_read

__all__ = [
    "DocumentFacts",
    "add",
    "demand_open",
    "demand_room",
    "forget_files",
    "listing",
    "missing",
    "own_file",
    "read_file",
    "remove",
    "required",
    "unaccepted",
    "valid_until",
]

_S = ApplicationStatus
OPEN = frozenset({_S.DRAFT, _S.MORE_INFO, _S.APPROVED, _S.SUSPENDED})
QUOTA_DAYS = timedelta(days=30)
MEGABYTE = 1_000_000


class DocumentFacts(Input):
    """What is printed on the paper."""

    number: Annotated[Line, StringConstraints(max_length=60)] | None = None
    issued_on: date | None = None
    expires_on: date | None = None


async def add(
    session: AsyncSession,
    actor: Actor,
    user_id: uuid.UUID,
    kind: DocumentKind,
    facts: DocumentFacts,
    taken: Taken,
) -> Document:
    """Give a paper; one of the kind that waits gives way, one in force stays."""
    aboard = await demand_open(session, actor, user_id)
    await lock_papers(session, user_id)
    await _check(session, kind, facts, taken)
    await demand_room(session, user_id, taken.size_bytes)
    waited = await _give_way(session, user_id, kind)
    await files.keep(taken)
    document = Document(
        user_id=user_id,
        kind=kind,
        **facts.model_dump(),
        file_name=taken.file_name,
        media_type=taken.media_type,
        size_bytes=taken.size_bytes,
        pages=taken.pages,
        sha256=taken.sha256,
        storage_name=taken.storage_name,
    )
    session.add(document)
    await session.flush()
    data = {"kind": kind.value, "size_bytes": taken.size_bytes}
    audit.record(session, actor, "document.added", "document", document.id, **data)
    if aboard and not waited:
        await renewed_papers.announce(session, actor, document)
    return document


async def remove(session: AsyncSession, actor: Actor, document_id: uuid.UUID) -> None:
    """Take back a paper that is not in force; its file goes at the next sweep."""
    document = await own(session, actor, document_id)
    await demand_open(session, actor, actor.user_id)
    await lock_papers(session, actor.user_id)
    await session.refresh(document)
    if document.status not in {DocumentStatus.SUBMITTED, DocumentStatus.REJECTED}:
        raise decided()
    document.status = DocumentStatus.REMOVED
    document.storage_name = None
    audit.record(session, actor, "document.removed", "document", document.id)
    await session.flush()


async def own_file(
    session: AsyncSession, actor: Actor, document_id: uuid.UUID
) -> StoredFile:
    """Read the file of a paper of one's own; the journal has that reading too."""
    return await _stored(session, actor, await own(session, actor, document_id))


async def read_file(
    session: AsyncSession, actor: Actor, document_id: uuid.UUID
) -> StoredFile:
    """Read a file as a curator; the journal has it before the file leaves."""
    demand(actor, Permission.DOCUMENT_READ)
    document = await session.get(Document, document_id)
    if document is None:
        raise NotFound
    return await _stored(session, actor, document)


async def _stored(
    session: AsyncSession, actor: Actor, document: Document
) -> StoredFile:
    content = await files.open_file(document.storage_name)
    await journal_read(session, actor, "document", document.id, "document")
    return StoredFile(document.file_name, document.media_type, document.pages, content)


async def own(session: AsyncSession, actor: Actor, document_id: uuid.UUID) -> Document:
    """Find a paper of the actor's own; another's is not found."""
    demand(actor, Permission.APPLICATION_OWN)
    document = await session.get(Document, document_id)
    if document is None or document.user_id != actor.user_id:
        raise NotFound
    return document


async def demand_open(session: AsyncSession, actor: Actor, user_id: uuid.UUID) -> bool:
    """Refuse unless the person may change papers now; locks the application.

    Tells whether they are a doctor already, whose papers come without an application.
    """
    demand(actor, Permission.APPLICATION_OWN)
    if actor.user_id != user_id:
        raise NotFound
    application = await locked_own(session, user_id)
    if application is not None:
        if application.status not in OPEN:
            text = "Documents cannot be changed while the application is being checked."
            raise IllegalTransition(text)
        return application.status in renewed_papers.ABOARD
    if not await is_approved(session, user_id):
        raise NotFound("There is no application to add documents to.")
    return True


async def is_approved(session: AsyncSession, user_id: uuid.UUID) -> bool:
    """Tell whether a curator has let this person work as a doctor."""
    approved = sa.exists().where(
        col(DoctorProfile.user_id) == user_id,
        col(DoctorProfile.approved_at).is_not(None),
    )
    return bool(await session.scalar(sa.select(approved)))


async def lock_papers(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Let one transaction at a time change a person's papers."""
    key = sa.func.hashtextextended(f"documents {user_id}", 0)
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


async def demand_room(
    session: AsyncSession, user_id: uuid.UUID, size_bytes: int = 0
) -> None:
    """Refuse beyond the quota: what was uploaded lately, whatever became of it."""
    query = sa.select(
        sa.func.count(), sa.func.coalesce(sa.func.sum(col(Document.size_bytes)), 0)
    ).where(
        col(Document.user_id) == user_id,
        col(Document.created_at) > sa.func.app_now() - QUOTA_DAYS,
    )
    count, used = (await session.execute(query)).one()
    names = (settings.DOCUMENTS_MOST, settings.DOCUMENTS_MEGABYTES)
    most, megabytes = (await settings.get_many(session, names)).values()
    if count >= most or used + size_bytes > megabytes * MEGABYTE:
        raise QuotaSpent


async def _check(
    session: AsyncSession, kind: DocumentKind, facts: DocumentFacts, taken: Taken
) -> None:
    if kind is DocumentKind.PORTRAIT and taken.media_type == "application/pdf":
        raise wrong("file", gettext("A portrait must be a picture, not a PDF."))
    day = await clock.today(session)
    if facts.issued_on is not None and facts.issued_on > day:
        raise wrong("issued_on", gettext("This day lies ahead"))
    if facts.expires_on is None:
        return
    if facts.expires_on < day:
        raise wrong("expires_on", gettext("This day has passed"))
    if facts.issued_on is not None and facts.expires_on <= facts.issued_on:
        raise wrong("expires_on", gettext("It must expire after it was issued"))


async def _give_way(
    session: AsyncSession, user_id: uuid.UUID, kind: DocumentKind
) -> bool:
    """Drop what this kind had waiting or rejected; what is in force stays so.

    Tells whether one was waiting, of which the curators know.
    """
    waited = False
    for document in await listing(session, user_id):
        if document.kind is not kind or document.status is DocumentStatus.ACCEPTED:
            continue
        if document.status is DocumentStatus.SUBMITTED:
            document.status = DocumentStatus.REPLACED
            waited = True
        document.storage_name = None
    # The index that allows one waiting paper of a kind must see this first.
    await session.flush()
    return waited


async def forget_files(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Part a person's papers from their files for good, as an erasure asks for."""
    await lock_papers(session, user_id)
    for document in await listing(session, user_id, history=True):
        if document.status in CURRENT:
            document.status = DocumentStatus.REMOVED
        document.storage_name = None
        document.number = None
    await session.flush()


def decided() -> IllegalTransition:
    """Make the refusal for whoever comes too late."""
    return IllegalTransition("This document has been decided on or replaced meanwhile.")
