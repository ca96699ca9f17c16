"""Papers of doctors: what each proves, until when, and where its file lies."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp


class DocumentKind(StrEnum):
    """What a paper is."""

    DIPLOMA = "diploma"
    CERTIFICATE = "certificate"
    ACCREDITATION = "accreditation"
    LICENCE = "licence"
    PASSPORT = "passport"
    PORTRAIT = "portrait"


class DocumentStatus(StrEnum):
    """Where a paper stands; a replaced or removed one is history."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REPLACED = "replaced"
    REMOVED = "removed"


class Requirement(StrEnum):
    """What a doctor has to prove; a setting says for which specializations."""

    PASSPORT = "passport"
    DIPLOMA = "diploma"
    QUALIFICATION = "qualification"
    LICENCE = "licence"
    PORTRAIT = "portrait"


# The papers of which any one proves it.
REQUIREMENT_KINDS: Mapping[Requirement, tuple[DocumentKind, ...]] = {
    Requirement.PASSPORT: (DocumentKind.PASSPORT,),
    Requirement.DIPLOMA: (DocumentKind.DIPLOMA,),
    Requirement.QUALIFICATION: (DocumentKind.CERTIFICATE, DocumentKind.ACCREDITATION),
    Requirement.LICENCE: (DocumentKind.LICENCE,),
    Requirement.PORTRAIT: (DocumentKind.PORTRAIT,),
}
# With a file: the others have lost theirs or soon will.
CURRENT = frozenset(
    {DocumentStatus.SUBMITTED, DocumentStatus.ACCEPTED, DocumentStatus.REJECTED}
)


class Document(Table, table=True):
    """One uploaded paper; `storage_name` is ours and says nothing about its owner."""

    __tablename__ = "document"
    __table_args__ = (
        one_of("kind", DocumentKind),
        one_of("status", DocumentStatus),
        sa.CheckConstraint("size_bytes > 0", name="size_positive"),
        sa.CheckConstraint("pages BETWEEN 1 AND 100", name="pages_range"),
        sa.CheckConstraint("expires_on > issued_on", name="expires_after_issue"),
        sa.Index("ix_document_user_id_kind", "user_id", "kind"),
        sa.Index(
            "uq_document_one_in_force",
            "user_id",
            "kind",
            unique=True,
            postgresql_where=sa.text("status = 'accepted'"),
        ),
        sa.Index(
            "uq_document_one_waiting",
            "user_id",
            "kind",
            unique=True,
            postgresql_where=sa.text("status = 'submitted'"),
        ),
    )

    user_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    kind: DocumentKind = Field(sa_type=enum_type(DocumentKind))
    number: str | None = Field(default=None, max_length=60)
    issued_on: date | None = Field(default=None)
    expires_on: date | None = Field(default=None)
    file_name: str = Field(max_length=200)
    media_type: str = Field(max_length=60)
    size_bytes: int
    pages: int = Field(default=1)
    sha256: str = Field(max_length=64)
    storage_name: str | None = Field(default=None, max_length=80, unique=True)
    status: DocumentStatus = Field(
        default=DocumentStatus.SUBMITTED, sa_type=enum_type(DocumentStatus)
    )
    review_comment: str | None = Field(default=None, max_length=1000)
    reviewed_by: uuid.UUID | None = Field(default=None)
    reviewed_at: datetime | None = stamp()
