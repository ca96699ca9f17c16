"""What does not add up and waits for a person, and how far each check has come."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp


class IssueKind(StrEnum):
    """What is the matter."""

    INVARIANT = "invariant"
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    STATUS_DIFFERS = "status_differs"
    AMOUNT_DIFFERS = "amount_differs"
    QUARANTINED = "quarantined"
    REFUND_FAILED = "refund_failed"
    REFUND_UNKNOWN = "refund_unknown"
    PAYMENT_UNKNOWN = "payment_unknown"
    RECEIPT_FAILED = "receipt_failed"
    DAY_DIFFERS = "day_differs"
    SETTLEMENT_DIFFERS = "settlement_differs"
    INBOX_LEFT = "inbox_left"
    SHOP_DIFFERS = "shop_differs"


class ReconIssue(Table, table=True):
    """One finding; found again while it is open, it is the same finding."""

    __tablename__ = "recon_issue"
    __table_args__ = (
        one_of("kind", IssueKind),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolved_by IS NULL)", name="resolved_whole"
        ),
        sa.Index(
            "uq_recon_issue_open",
            "kind",
            "subject",
            unique=True,
            postgresql_where=sa.text("resolved_at IS NULL"),
        ),
        sa.Index("ix_recon_issue_created_at", "created_at"),
    )

    kind: IssueKind = Field(sa_type=enum_type(IssueKind))
    subject: str = Field(max_length=200)
    booking_id: uuid.UUID | None = Field(
        default=None, foreign_key="booking.id", ondelete="RESTRICT"
    )
    payment_id: uuid.UUID | None = Field(
        default=None, foreign_key="payment.id", ondelete="RESTRICT"
    )
    refund_id: uuid.UUID | None = Field(
        default=None, foreign_key="refund.id", ondelete="RESTRICT"
    )
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, nullable=False)
    due_at: datetime | None = stamp()
    taken_by: uuid.UUID | None = Field(default=None)
    seen_last_at: datetime | None = stamp()
    resolved_at: datetime | None = stamp()
    resolved_by: uuid.UUID | None = Field(default=None)
    resolution: str | None = Field(default=None, max_length=500)


class ReconMark(Table, table=True):
    """Up to which moment a check has compared everything."""

    __tablename__ = "recon_mark"

    name: str = Field(max_length=40, unique=True)
    reached: datetime | None = stamp()
    ran_at: datetime | None = stamp()
    found: int = Field(default=0)
