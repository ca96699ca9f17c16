"""Refresh tokens: hashed, rotated, and one family per sign-in."""

import uuid
from datetime import datetime

from sqlmodel import Field

from models.base import Table, TimestampTZ, stamp


class RefreshToken(Table, table=True):
    """One link of a sign-in's chain; using a link twice ends the whole family."""

    __tablename__ = "refresh_token"

    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    family_id: uuid.UUID = Field(index=True)
    token_hash: str = Field(max_length=64, unique=True)
    expires_at: datetime = Field(sa_type=TimestampTZ, nullable=False, index=True)
    used_at: datetime | None = stamp()
    revoked_at: datetime | None = stamp()
