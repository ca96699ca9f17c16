"""When doctors plan to work: every week, on single days, and never on holidays."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table

LONGEST_MINUTES = 1440


class Shift(Table, table=True):
    """One shift of every week, in Moscow time; it may run past midnight."""

    __tablename__ = "shift"
    __table_args__ = (
        sa.UniqueConstraint("doctor_id", "weekday", "starts_at"),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday_range"),
        sa.CheckConstraint("minutes BETWEEN 1 AND 1440", name="minutes_range"),
    )

    doctor_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    weekday: int = Field(description="0 is Monday")
    starts_at: dt.time
    minutes: int


class ShiftException(Table, table=True):
    """What holds on one day instead of the weekly plan; no hours is a day off."""

    __tablename__ = "shift_exception"
    __table_args__ = (
        sa.UniqueConstraint("doctor_id", "day"),
        sa.CheckConstraint("minutes BETWEEN 1 AND 1440", name="minutes_range"),
        sa.CheckConstraint(
            "(starts_at IS NULL) = (minutes IS NULL)", name="hours_whole"
        ),
    )

    doctor_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    day: dt.date
    starts_at: dt.time | None = Field(default=None)
    minutes: int | None = Field(default=None)
    comment: str | None = Field(default=None, max_length=200)


class Holiday(Table, table=True):
    """A day on which weekly plans rest."""

    __tablename__ = "holiday"

    day: dt.date = Field(unique=True)
    title: str = Field(max_length=100)
