"""The journal: who did or read what, when and through which surface."""

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, enum_type, one_of
from models.role_grant import Role


class AuditEvent(Table, table=True):
    """One line of the journal; the database refuses to change or delete it.

    `actor_id` has no foreign key: the system acts under the nil uuid, and a
    failed sign-in has no user at all.
    """

    __tablename__ = "audit_event"
    __table_args__ = (
        one_of("acting_as", Role, nullable=True),
        sa.Index("ix_audit_event_object_id_created_at", "object_id", "created_at"),
        sa.Index("ix_audit_event_actor_id_created_at", "actor_id", "created_at"),
        sa.Index("ix_audit_event_created_at", "created_at"),
    )

    actor_id: uuid.UUID
    acting_as: Role | None = Field(default=None, sa_type=enum_type(Role))
    via: str = Field(max_length=10)
    action: str = Field(max_length=80)
    object_type: str = Field(max_length=40)
    object_id: uuid.UUID | None = Field(default=None)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    request_id: str | None = Field(default=None, max_length=64)
