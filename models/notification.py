"""What people are told, from the decision to tell them until it has arrived."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp


class NotificationChannel(StrEnum):
    """The way that a notification takes."""

    EMAIL = "email"
    SMS = "sms"
    CONSOLE = "console"


class NotificationStatus(StrEnum):
    """Where a notification stands; dead ones wait for an operator."""

    QUEUED = "queued"
    SENT = "sent"
    DEAD = "dead"


class Notification(Table, table=True):
    """One message to one person by one channel.

    `facts` fill the text and are never medical; `sealed` holds what only the
    receiver may read (a code, a link) and is erased once it was sent.
    """

    __tablename__ = "notification"
    __table_args__ = (
        one_of("channel", NotificationChannel),
        one_of("status", NotificationStatus),
        sa.CheckConstraint("locale IN ('ru', 'en')", name="locale_known"),
        sa.CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        sa.Index("ix_notification_user_id_created_at", "user_id", "created_at"),
        sa.Index(
            "ix_notification_unread",
            "user_id",
            postgresql_where=sa.text("channel = 'console' AND read_at IS NULL"),
        ),
        sa.Index(
            "ix_notification_waiting",
            "next_try_at",
            postgresql_where=sa.text("status = 'queued'"),
        ),
    )

    user_id: uuid.UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="RESTRICT"
    )
    channel: NotificationChannel = Field(sa_type=enum_type(NotificationChannel))
    address: str | None = Field(default=None, max_length=254)
    kind: str = Field(max_length=60)
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    sealed: str | None = Field(default=None, max_length=2000)
    locale: str = Field(default="ru", max_length=2)
    status: NotificationStatus = Field(
        default=NotificationStatus.QUEUED, sa_type=enum_type(NotificationStatus)
    )
    attempts: int = Field(default=0)
    next_try_at: datetime | None = stamp()
    last_error: str | None = Field(default=None, max_length=500)
    sent_at: datetime | None = stamp()
    read_at: datetime | None = stamp()
    dedup_key: str | None = Field(default=None, max_length=200, unique=True)
