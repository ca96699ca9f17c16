"""How a doctor comes aboard: the states of an application and the ways between."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp
from models.role_grant import Role


class ApplicationStatus(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    MORE_INFO = "more_info"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"


class ApplicationVerb(StrEnum):
    """What can be done with an application."""

    EDIT = "edit"
    SUBMIT = "submit"
    WITHDRAW = "withdraw"
    ASK_MORE = "ask_more"
    APPROVE = "approve"
    REJECT = "reject"
    SUSPEND = "suspend"
    RESTORE = "restore"


_S = ApplicationStatus
OVER = frozenset({_S.REJECTED, _S.WITHDRAWN})
WAITING = frozenset({_S.SUBMITTED, _S.MORE_INFO})
# A verb: the states it starts from, and where it leads (None: stays).
APPLICATION_EDGES: Mapping[
    ApplicationVerb, tuple[frozenset[ApplicationStatus], ApplicationStatus | None]
] = {
    ApplicationVerb.EDIT: (frozenset({_S.DRAFT, _S.MORE_INFO}), None),
    ApplicationVerb.SUBMIT: (frozenset({_S.DRAFT, _S.MORE_INFO}), _S.SUBMITTED),
    ApplicationVerb.WITHDRAW: (
        frozenset({_S.DRAFT, _S.SUBMITTED, _S.MORE_INFO}),
        _S.WITHDRAWN,
    ),
    ApplicationVerb.ASK_MORE: (frozenset({_S.SUBMITTED}), _S.MORE_INFO),
    ApplicationVerb.APPROVE: (frozenset({_S.SUBMITTED}), _S.APPROVED),
    ApplicationVerb.REJECT: (WAITING, _S.REJECTED),
    ApplicationVerb.SUSPEND: (frozenset({_S.APPROVED}), _S.SUSPENDED),
    ApplicationVerb.RESTORE: (frozenset({_S.SUSPENDED}), _S.APPROVED),
}


class DoctorApplication(Table, table=True):
    """One person's wish to work as a doctor here.

    `facts` are what the applicant states; approval moves them to DoctorProfile
    and empties them, so that a fact stands in one place. `reason` is the last
    message of a curator to the applicant.
    """

    __tablename__ = "doctor_application"
    __table_args__ = (
        one_of("status", ApplicationStatus),
        sa.Index(
            "uq_doctor_application_live",
            "user_id",
            unique=True,
            postgresql_where=sa.text("status NOT IN ('rejected', 'withdrawn')"),
        ),
        sa.Index("ix_doctor_application_status_submitted_at", "status", "submitted_at"),
    )

    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    status: ApplicationStatus = Field(
        default=ApplicationStatus.DRAFT, sa_type=enum_type(ApplicationStatus)
    )
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    version: int = Field(default=1)
    submitted_at: datetime | None = stamp()
    decided_at: datetime | None = stamp()
    reason: str | None = Field(default=None, max_length=2000)


class ApplicationEvent(Table, table=True):
    """One step of an application; the database refuses to change or delete it."""

    __tablename__ = "application_event"
    __table_args__ = (
        sa.UniqueConstraint("application_id", "version"),
        one_of("from_status", ApplicationStatus, nullable=True),
        one_of("to_status", ApplicationStatus),
    )

    application_id: uuid.UUID = Field(
        foreign_key="doctor_application.id", ondelete="RESTRICT"
    )
    version: int
    event: str = Field(max_length=40)
    from_status: ApplicationStatus | None = Field(
        default=None, sa_type=enum_type(ApplicationStatus)
    )
    to_status: ApplicationStatus = Field(sa_type=enum_type(ApplicationStatus))
    actor_id: uuid.UUID
    acting_as: Role = Field(sa_type=enum_type(Role))
    via: str = Field(max_length=10)
    comment: str | None = Field(default=None, max_length=2000)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
