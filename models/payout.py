"""What doctors and clinics earn by tariffs, and the registers that pay them."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, TimestampTZ, enum_type, one_of, stamp


class Tariff(Table, table=True):
    """One version of a share: basis points of the price plus a fixed sum in kopecks.

    The line for a doctor beats the line for a clinic, which beats the line for all;
    the newest that was valid at completion counts.
    """

    __tablename__ = "tariff"
    __table_args__ = (
        sa.CheckConstraint("share_points BETWEEN 0 AND 10000", name="share_range"),
        sa.CheckConstraint("fixed_kopecks >= 0", name="fixed_not_negative"),
        sa.CheckConstraint(
            "doctor_id IS NULL OR clinic_id IS NULL", name="for_one_of_them"
        ),
        sa.Index("ix_tariff_valid_from", "valid_from"),
    )

    doctor_id: uuid.UUID | None = Field(
        default=None, foreign_key="app_user.id", ondelete="RESTRICT"
    )
    clinic_id: uuid.UUID | None = Field(
        default=None, foreign_key="clinic_profile.id", ondelete="RESTRICT"
    )
    share_points: int
    fixed_kopecks: int = Field(default=0, sa_type=sa.BigInteger)
    valid_from: datetime = Field(sa_type=TimestampTZ, nullable=False)
    created_by: uuid.UUID


class PayoutStatus(StrEnum):
    """Where a register stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    EXPORTED = "exported"
    PAID = "paid"
    REVERSED = "reversed"
    DISCARDED = "discarded"


S = PayoutStatus
EDGES: Mapping[PayoutStatus, frozenset[PayoutStatus]] = {
    S.DRAFT: frozenset({S.APPROVED, S.DISCARDED}),
    S.APPROVED: frozenset({S.EXPORTED, S.DISCARDED}),
    S.EXPORTED: frozenset({S.PAID, S.DISCARDED}),
    S.PAID: frozenset({S.REVERSED}),
    S.REVERSED: frozenset(),
    S.DISCARDED: frozenset(),
}


class Payout(Table, table=True):
    """One register: what is paid to whom for all that was earned up to a moment."""

    __tablename__ = "payout"
    __table_args__ = (
        one_of("status", PayoutStatus),
        sa.CheckConstraint("total_kopecks > 0", name="total_positive"),
        sa.CheckConstraint("approved_by <> made_by", name="four_eyes"),
        sa.CheckConstraint(
            "status IN ('draft', 'discarded') OR approved_by IS NOT NULL",
            name="approved_before_exported",
        ),
        # One register at a time: two open ones could pay the same earnings.
        sa.Index(
            "uq_payout_open",
            sa.text("(true)"),
            unique=True,
            postgresql_where=sa.text("status IN ('draft', 'approved', 'exported')"),
        ),
        sa.Index("ix_payout_created_at", "created_at"),
    )

    number: int = Field(
        default=None,
        sa_column=sa.Column(
            sa.BigInteger,
            server_default=sa.text("nextval('payout_number_seq')"),
            unique=True,
            nullable=False,
        ),
    )
    status: PayoutStatus = Field(
        default=PayoutStatus.DRAFT, sa_type=enum_type(PayoutStatus)
    )
    earned_until: datetime = Field(sa_type=TimestampTZ, nullable=False)
    total_kopecks: int = Field(sa_type=sa.BigInteger)
    made_by: uuid.UUID
    approved_by: uuid.UUID | None = Field(default=None)
    approved_at: datetime | None = stamp()
    exported_at: datetime | None = stamp()
    paid_at: datetime | None = stamp()
    document: str | None = Field(default=None, max_length=200)
    ended_at: datetime | None = stamp()
    version: int = Field(default=1)

    @property
    def label(self) -> str:
        """The number that people say: «R-12»."""
        return f"R-{self.number}"


class PayoutLine(Table, table=True):
    """What one payee gets; a debt is netted before and has no line."""

    __tablename__ = "payout_line"
    __table_args__ = (
        sa.UniqueConstraint("payout_id", "account_id"),
        sa.CheckConstraint("amount_kopecks > 0", name="amount_positive"),
    )

    payout_id: uuid.UUID = Field(foreign_key="payout.id", ondelete="RESTRICT")
    account_id: uuid.UUID = Field(
        foreign_key="ledger_account.id", ondelete="RESTRICT", index=True
    )
    amount_kopecks: int = Field(sa_type=sa.BigInteger)
