"""Changes of a doctor's facts that a curator has to approve first."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp


class ChangeStatus(StrEnum):
    """Where a wished change stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class ProfileChange(Table, table=True):
    """What one doctor wants changed; one open wish at a time."""

    __tablename__ = "profile_change"
    __table_args__ = (
        one_of("status", ChangeStatus),
        sa.Index(
            "uq_profile_change_pending",
            "doctor_id",
            unique=True,
            postgresql_where=sa.text("status = 'pending'"),
        ),
    )

    doctor_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    status: ChangeStatus = Field(
        default=ChangeStatus.PENDING, sa_type=enum_type(ChangeStatus)
    )
    version: int = Field(default=1)
    reason: str | None = Field(default=None, max_length=1000)
    decided_by: uuid.UUID | None = Field(default=None)
    decided_at: datetime | None = stamp()
