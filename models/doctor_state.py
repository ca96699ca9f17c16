"""Where doctors are and whether they work: the part that changes all day."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, point_rules, stamp


class DoctorState(Table, table=True):
    """A doctor's duty and last known position."""

    __tablename__ = "doctor_state"
    __table_args__ = (
        *point_rules(),
        sa.CheckConstraint("duty_by IN ('hand', 'plan')", name="duty_by_known"),
        sa.Index(
            "ix_doctor_state_point",
            # A degree of longitude counts for its length at Moscow.
            sa.text("point(longitude * 0.5627, latitude)"),
            postgresql_using="gist",
            postgresql_where=sa.text("latitude IS NOT NULL"),
        ),
    )

    doctor_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", unique=True
    )
    on_duty: bool = Field(default=False)
    duty_by: str = Field(default="hand", max_length=4)
    duty_changed_at: datetime | None = stamp()
    latitude: float | None = Field(default=None)
    longitude: float | None = Field(default=None)
    accuracy_m: float | None = Field(default=None)
    position_at: datetime | None = stamp()
