"""Telegram: whose chat is whose, what was handled, and where a dialogue stands."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, TimestampTZ, enum_type, one_of, stamp
from models.role_grant import Role


class LinkState(StrEnum):
    """Where the linking of an account with a chat stands."""

    OFFERED = "offered"
    CLAIMED = "claimed"
    LINKED = "linked"
    ENDED = "ended"


class TelegramLink(Table, table=True):
    """One account and one private chat, from the deep link to the end.

    Offered: a code is out. Claimed: a chat has shown the code, the app has yet to say
    yes. Linked: both belong together. A chat is linked to one account at a time.
    """

    __tablename__ = "telegram_link"
    __table_args__ = (
        one_of("state", LinkState),
        sa.UniqueConstraint("code_hash"),
        sa.Index(
            "uq_telegram_link_open",
            "user_id",
            unique=True,
            postgresql_where=sa.text("state IN ('offered', 'claimed')"),
        ),
        sa.Index(
            "uq_telegram_link_user",
            "user_id",
            unique=True,
            postgresql_where=sa.text("state = 'linked'"),
        ),
        sa.Index(
            "uq_telegram_link_chat",
            "chat_id",
            unique=True,
            postgresql_where=sa.text("state = 'linked'"),
        ),
        sa.CheckConstraint(
            "state IN ('offered', 'ended') OR chat_id IS NOT NULL", name="chat_known"
        ),
        sa.CheckConstraint(
            "(state = 'ended') = (ended_at IS NOT NULL)", name="ended_stamp"
        ),
    )

    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    state: LinkState = Field(
        default=LinkState.OFFERED, sa_type=enum_type(LinkState), nullable=False
    )
    code_hash: str = Field(max_length=64)
    expires_at: datetime = Field(sa_type=TimestampTZ, nullable=False)
    chat_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    chat_name: str | None = Field(default=None, max_length=200)
    claimed_at: datetime | None = stamp()
    linked_at: datetime | None = stamp()
    ended_at: datetime | None = stamp()
    end_reason: str | None = Field(default=None, max_length=40)


class TelegramUpdate(Table, table=True):
    """An update that was handled; Telegram may send each of them again."""

    __tablename__ = "telegram_update"
    __table_args__ = (
        sa.UniqueConstraint("update_id"),
        sa.Index("ix_telegram_update_created_at", "created_at"),
    )

    update_id: int = Field(sa_type=sa.BigInteger)


class TelegramDialog(Table, table=True):
    """What the bot has asked this person last, so that an answer survives a restart."""

    __tablename__ = "telegram_dialog"
    __table_args__ = (
        sa.UniqueConstraint("user_id"),
        sa.CheckConstraint(
            "kind IN ('complete', 'decline', 'cancel', 'flag', 'chat')",
            name="kind_known",
        ),
    )

    user_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    kind: str = Field(max_length=20)
    step: str = Field(max_length=20)
    booking_id: uuid.UUID = Field(
        foreign_key="booking.id", ondelete="RESTRICT", index=True
    )
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)


class TalkLink(Table, table=True):
    """A link from a message to a small page of ours: opened once, good for minutes.

    Opening it makes a page session of its own, bound to one call and one person.
    """

    __tablename__ = "talk_link"
    __table_args__ = (
        sa.UniqueConstraint("token_hash"),
        sa.UniqueConstraint("page_hash"),
        sa.CheckConstraint("role IN ('patient', 'doctor')", name="role_known"),
        sa.CheckConstraint(
            "(page_hash IS NULL) = (opened_at IS NULL)", name="opened_whole"
        ),
        sa.Index("ix_talk_link_expires_at", "expires_at"),
    )

    token_hash: str = Field(max_length=64)
    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    user_id: uuid.UUID = Field(
        foreign_key="app_user.id", ondelete="RESTRICT", index=True
    )
    role: Role = Field(sa_type=enum_type(Role))
    expires_at: datetime = Field(sa_type=TimestampTZ, nullable=False)
    opened_at: datetime | None = stamp()
    page_hash: str | None = Field(default=None, max_length=64)
    page_expires_at: datetime | None = stamp()
