"""A doctor's turn at a booking: the plan, the facts and how it ended."""

import uuid
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlmodel import Field

from models.base import Table, TimestampTZ, enum_type, one_of, stamp


class Outcome(StrEnum):
    """How a turn ended; a running turn has none."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    UNASSIGNED = "unassigned"
    REASSIGNED = "reassigned"


# The turn that a booking shows: the running one, or the one it ended with.
# In brackets, so that it can stand beside other conditions.
SHOWN = "(outcome IS NULL OR outcome IN ('completed', 'cancelled'))"


class Assignment(Table, table=True):
    """One turn. `planned_window` is [planned start - travel, start + visit).

    The window is a plan and never moves with the facts. While `released_at` is
    empty two exclusions hold: no overlapping plans at two stops, and under way
    to or at one stop at a time.
    """

    __tablename__ = "assignment"
    __table_args__ = (
        one_of("outcome", Outcome, nullable=True),
        sa.CheckConstraint(
            "(outcome IS NULL) = (released_at IS NULL)", name="outcome_on_release"
        ),
        sa.CheckConstraint(
            "NOT isempty(planned_window) AND lower(planned_window) IS NOT NULL"
            " AND upper(planned_window) IS NOT NULL"
            " AND planned_start <@ planned_window",
            name="window_holds_start",
        ),
        sa.Index(
            "uq_assignment_shown",
            "booking_id",
            unique=True,
            postgresql_where=sa.text(SHOWN),
        ),
        sa.Index("ix_assignment_booking_id", "booking_id"),
        sa.Index("ix_assignment_doctor_id_planned_start", "doctor_id", "planned_start"),
        ExcludeConstraint(
            ("doctor_id", "="),
            ("stop_id", "<>"),
            ("planned_window", "&&"),
            using="gist",
            where=sa.text("released_at IS NULL"),
            name="ex_assignment_one_place",
        ),
        ExcludeConstraint(
            ("doctor_id", "="),
            ("stop_id", "<>"),
            using="gist",
            where=sa.text(
                "released_at IS NULL"
                " AND (departed_at IS NOT NULL OR started_at IS NOT NULL)"
            ),
            name="ex_assignment_under_way_once",
        ),
    )

    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    doctor_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    stop_id: uuid.UUID
    planned_start: datetime = Field(sa_type=TimestampTZ, nullable=False)
    planned_window: Range[datetime] = Field(
        sa_column=sa.Column(TSTZRANGE, nullable=False)
    )
    travel_minutes: int
    assigned_by: uuid.UUID
    assigned_at: datetime = Field(sa_type=TimestampTZ, nullable=False)
    accepted_at: datetime | None = stamp()
    departed_at: datetime | None = stamp()
    started_at: datetime | None = stamp()
    released_at: datetime | None = stamp()
    outcome: Outcome | None = Field(default=None, sa_type=enum_type(Outcome))
    outcome_reason: str | None = Field(default=None, max_length=1000)
