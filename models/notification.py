"""What people are told, from the decision to tell them until it has arrived."""

import uuid
from datetime import datetime, time
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp


class NotificationChannel(StrEnum):
    """The way that a notification takes."""

    TELEGRAM = "telegram"
    SMS = "sms"
    EMAIL = "email"
    CONSOLE = "console"


class NotificationStatus(StrEnum):
    """Where a notification stands; dead ones wait for an operator.

    Replaced: the next channel took over. Dropped: the person lost the right to know,
    or knows it already.
    """

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    DEAD = "dead"
    REPLACED = "replaced"
    DROPPED = "dropped"


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
        sa.Index(
            "ix_notification_booking_id",
            "booking_id",
            postgresql_where=sa.text("booking_id IS NOT NULL"),
        ),
        sa.Index(
            "ix_notification_unconfirmed",
            "sent_at",
            postgresql_where=sa.text("status = 'sent' AND channel = 'sms'"),
        ),
        sa.Index("ix_notification_chain_id", "chain_id"),
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
    booking_id: uuid.UUID | None = Field(
        default=None, foreign_key="booking.id", ondelete="RESTRICT"
    )
    urgent: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    # The first row of a chain of channels; each row after it is one more try.
    chain_id: uuid.UUID | None = Field(default=None)
    provider_id: str | None = Field(default=None, max_length=80)
    delivered_at: datetime | None = stamp()


class NotificationPreference(Table, table=True):
    """Which channels a person wants for one kind of message, in order; none is silence."""

    __tablename__ = "notification_preference"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "kind"),
        sa.CheckConstraint(
            "channels <@ ARRAY['telegram', 'sms', 'email']", name="channels_known"
        ),
    )

    user_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    kind: str = Field(max_length=60)
    channels: list[str] = Field(sa_type=ARRAY(sa.Text()), nullable=False)


class QuietHours(Table, table=True):
    """When a person is not to be woken (Moscow time); equal ends mean never quiet."""

    __tablename__ = "quiet_hours"
    __table_args__ = (sa.UniqueConstraint("user_id"),)

    user_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    starts_at: time
    ends_at: time
