"""Counters of the rate limits, shared by every process through the database."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, TimestampTZ


class RateLimit(Table, table=True):
    """How often one bucket (a limit's name and its subject) was hit in a window."""

    __tablename__ = "rate_limit"
    __table_args__ = (
        sa.UniqueConstraint("bucket", "window_starts_at"),
        {"prefixes": ["UNLOGGED"]},
    )

    bucket: str = Field(max_length=200)
    window_starts_at: datetime = Field(sa_type=TimestampTZ, nullable=False, index=True)
    hits: int = Field(default=0)
