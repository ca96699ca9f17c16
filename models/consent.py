"""Consents that a person gave, each with the version of its text."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, stamp


class Consent(Table, table=True):
    """One consent (152-FZ: a document of its own, with version, time and purpose)."""

    __tablename__ = "consent"
    __table_args__ = (
        # Whoever withdraws and agrees anew leaves a row for each time.
        sa.Index(
            "uq_consent_live",
            "user_id",
            "kind",
            "version",
            unique=True,
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        ),
        sa.Index("ix_consent_user_id", "user_id"),
    )

    user_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    kind: str = Field(max_length=40)
    version: str = Field(max_length=40)
    text_hash: str | None = Field(default=None, max_length=64)
    client_address: str | None = Field(default=None, max_length=45)
    withdrawn_at: datetime | None = stamp()


class ConsentText(Table, table=True):
    """One published version of a consent; of each kind one version is current."""

    __tablename__ = "consent_text"
    __table_args__ = (
        sa.UniqueConstraint("kind", "version"),
        sa.Index(
            "uq_consent_text_current",
            "kind",
            unique=True,
            postgresql_where=sa.text("current"),
        ),
    )

    kind: str = Field(max_length=40)
    version: str = Field(max_length=40)
    text_ru: str = Field(max_length=50_000)
    text_en: str = Field(max_length=50_000)
    text_hash: str = Field(max_length=64)
    current: bool = Field(default=False)
