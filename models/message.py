"""The conversation of a call: messages in one row of numbers, and who has read how far."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, TimestampTZ, enum_type, one_of, stamp
from models.role_grant import Role


class MessageKind(StrEnum):
    """What a message carries."""

    TEXT = "text"
    IMAGE = "image"
    SYSTEM = "system"


class Message(Table, table=True):
    """One message; `seq` counts from 1 within the call and has no gaps.

    A system message has no sender and no text: `event` and `data` say what happened,
    the reader's language makes the words. `client_id` is the sender's own name for the
    message, so that one sent twice is kept once.
    """

    __tablename__ = "message"
    __table_args__ = (
        one_of("kind", MessageKind),
        sa.UniqueConstraint("booking_id", "seq"),
        sa.UniqueConstraint("booking_id", "sender_id", "client_id"),
        sa.Index("ix_message_sender_id_created_at", "sender_id", "created_at"),
        sa.Index("ix_message_created_at", "created_at"),
        sa.CheckConstraint("seq >= 1", name="seq_positive"),
        sa.CheckConstraint(
            "sender_role IN ('patient', 'doctor', 'dispatcher', 'system')",
            name="sender_role_known",
        ),
        sa.CheckConstraint(
            "(kind = 'system') = (sender_id IS NULL)"
            " AND (kind = 'system') = (sender_role = 'system')"
            " AND (kind = 'system') = (event IS NOT NULL)",
            name="system_whole",
        ),
        sa.CheckConstraint(
            "kind <> 'text' OR char_length(text) >= 1", name="text_not_empty"
        ),
        sa.CheckConstraint(
            "(kind = 'image') = (media_type IS NOT NULL)"
            " AND (kind = 'image') = (size_bytes IS NOT NULL)",
            name="image_whole",
        ),
        sa.CheckConstraint(
            "(hidden_at IS NULL) = (hidden_by IS NULL)", name="hidden_whole"
        ),
    )

    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    seq: int
    kind: MessageKind = Field(sa_type=enum_type(MessageKind))
    sender_id: uuid.UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="RESTRICT"
    )
    sender_role: Role = Field(sa_type=enum_type(Role))
    via: str = Field(max_length=10)
    text: str | None = Field(default=None, max_length=4000)
    client_id: str | None = Field(default=None, max_length=64)
    event: str | None = Field(default=None, max_length=40)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    file_name: str | None = Field(default=None, max_length=200)
    media_type: str | None = Field(default=None, max_length=60)
    size_bytes: int | None = Field(default=None)
    sha256: str | None = Field(default=None, max_length=64)
    storage_name: str | None = Field(default=None, max_length=80, unique=True)
    hidden_at: datetime | None = stamp()
    hidden_by: uuid.UUID | None = Field(default=None)


class MessageRead(Table, table=True):
    """How far one side of a conversation has read; all dispatchers are one side."""

    __tablename__ = "message_read"
    __table_args__ = (
        sa.UniqueConstraint(
            "booking_id", "role", "user_id", postgresql_nulls_not_distinct=True
        ),
        sa.CheckConstraint(
            "(role = 'dispatcher') = (user_id IS NULL)"
            " AND role IN ('patient', 'doctor', 'dispatcher')",
            name="side_known",
        ),
        sa.CheckConstraint("up_to_seq >= 0", name="up_to_seq_not_negative"),
    )

    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    role: Role = Field(sa_type=enum_type(Role))
    user_id: uuid.UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="RESTRICT"
    )
    up_to_seq: int


class ChatTicket(Table, table=True):
    """The right to open one socket once, within half a minute; only its hash is kept."""

    __tablename__ = "chat_ticket"
    __table_args__ = (
        sa.UniqueConstraint("token_hash"),
        sa.CheckConstraint("role IN ('patient', 'doctor')", name="role_known"),
        sa.Index("ix_chat_ticket_expires_at", "expires_at"),
    )

    token_hash: str = Field(max_length=64)
    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    role: Role = Field(sa_type=enum_type(Role))
    family_id: uuid.UUID
    expires_at: datetime = Field(sa_type=TimestampTZ, nullable=False)
    used_at: datetime | None = stamp()


class QuickReply(Table, table=True):
    """A sentence that dispatchers send often, kept ready in the order of `position`."""

    __tablename__ = "quick_reply"
    __table_args__ = (
        sa.UniqueConstraint("position"),
        sa.CheckConstraint("position BETWEEN 1 AND 99", name="position_range"),
        sa.CheckConstraint("char_length(text) >= 1", name="text_not_empty"),
    )

    position: int
    text: str = Field(max_length=500)
