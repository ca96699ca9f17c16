"""Who has which call open right now."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, TimestampTZ


class Presence(Table, table=True):
    """A member of staff looks at a booking; forgotten 45 s after the last beat."""

    __tablename__ = "presence"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "booking_id"),
        {"prefixes": ["UNLOGGED"]},
    )

    user_id: uuid.UUID
    booking_id: uuid.UUID = Field(index=True)
    seen_at: datetime = Field(sa_type=TimestampTZ, nullable=False)
