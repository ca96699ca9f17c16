"""Console sessions live here; the cookie holds a random id only."""

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, TimestampTZ, stamp


class StaffSession(Table, table=True):
    """One signed-in browser of one member of staff, revocable at any moment.

    `by_provider`: an OpenID Connect provider said who it is, not a password of ours.
    `flashes` wait here for the next page: a cookie is too small and too public.
    """

    __tablename__ = "staff_session"

    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    token_hash: str = Field(max_length=64, unique=True)
    csrf_token: str = Field(max_length=64)
    auth_version: int
    client_address: str | None = Field(default=None, max_length=45)
    user_agent: str | None = Field(default=None, max_length=300)
    last_seen_at: datetime = Field(sa_type=TimestampTZ, nullable=False)
    expires_at: datetime = Field(sa_type=TimestampTZ, nullable=False)
    second_factor_at: datetime | None = stamp()
    reauthenticated_at: datetime | None = stamp()
    by_provider: bool = Field(
        default=False, sa_column_kwargs={"server_default": sa.false()}
    )
    ended_at: datetime | None = stamp()
    flashes: list[dict[str, Any]] = Field(
        default_factory=list,
        sa_column=sa.Column(JSONB, nullable=False, server_default="[]"),
    )
