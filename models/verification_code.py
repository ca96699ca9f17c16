"""Codes and links that prove a contact; only their keyed hashes are kept."""

import uuid
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, TimestampTZ, enum_type, one_of, stamp


class Channel(StrEnum):
    """How a person is reached."""

    EMAIL = "email"
    PHONE = "phone"


class Purpose(StrEnum):
    """What the code opens; a code for one purpose is worth nothing for another."""

    VERIFICATION = "verification"
    CLAIM = "claim"
    CONTACT_CHANGE = "contact_change"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a purpose
    INVITATION = "invitation"


class VerificationCode(Table, table=True):
    """One code sent to one address, good for a few tries and a few minutes."""

    __tablename__ = "verification_code"
    __table_args__ = (
        one_of("purpose", Purpose),
        one_of("channel", Channel),
        sa.CheckConstraint("tries_left >= 0", name="tries_left_not_negative"),
        sa.CheckConstraint(
            "(purpose = 'invitation') = (clinic_id IS NOT NULL)",
            name="clinic_of_invitation",
        ),
        sa.Index("ix_verification_code_user_id_purpose", "user_id", "purpose"),
    )

    user_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    purpose: Purpose = Field(sa_type=enum_type(Purpose))
    channel: Channel = Field(sa_type=enum_type(Channel))
    address: str = Field(max_length=254)
    code_hash: str = Field(max_length=64)
    tries_left: int = Field(default=5)
    expires_at: datetime = Field(sa_type=TimestampTZ, nullable=False)
    used_at: datetime | None = stamp()
    burnt_at: datetime | None = stamp()
    clinic_id: uuid.UUID | None = Field(
        default=None, foreign_key="clinic_profile.id", ondelete="RESTRICT", index=True
    )
