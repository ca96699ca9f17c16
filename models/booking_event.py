"""The history of bookings: one row for each thing that happened."""

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, enum_type
from models.booking import Status
from models.role_grant import Role


class BookingEvent(Table, table=True):
    """One step: the verb, the statuses around it, who acted and the new version.

    `comment` is a person's free text; `data` holds facts such as the doctor.
    """

    __tablename__ = "booking_event"
    __table_args__ = (
        sa.UniqueConstraint("booking_id", "version"),
        sa.Index("ix_booking_event_created_at", "created_at"),
    )

    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    version: int
    event: str = Field(max_length=40)
    from_status: Status | None = Field(default=None, sa_type=enum_type(Status))
    to_status: Status = Field(sa_type=enum_type(Status))
    actor_id: uuid.UUID
    acting_as: Role = Field(sa_type=enum_type(Role))
    via: str = Field(max_length=10)
    comment: str | None = Field(default=None, max_length=2000)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
