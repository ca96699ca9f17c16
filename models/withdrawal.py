"""Withdrawals: a patient takes money out of the wallet, and two of finance see to it."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp


class WithdrawalStatus(StrEnum):
    """Where a withdrawal stands."""

    REQUESTED = "requested"
    PREPARED = "prepared"
    APPROVED = "approved"
    DONE = "done"
    REJECTED = "rejected"


W = WithdrawalStatus
EDGES: Mapping[WithdrawalStatus, frozenset[WithdrawalStatus]] = {
    W.REQUESTED: frozenset({W.PREPARED, W.REJECTED}),
    W.PREPARED: frozenset({W.APPROVED, W.REJECTED}),
    W.APPROVED: frozenset({W.DONE}),
    W.DONE: frozenset(),
    W.REJECTED: frozenset(),
}


class Withdrawal(Table, table=True):
    """One request; the money left the wallet when it was made.

    `manual_kopecks` cannot go back by the payments it came from and is transferred by
    hand, with a document.
    """

    __tablename__ = "withdrawal"
    __table_args__ = (
        one_of("status", WithdrawalStatus),
        sa.CheckConstraint("amount_kopecks > 0", name="amount_positive"),
        sa.CheckConstraint(
            "manual_kopecks BETWEEN 0 AND amount_kopecks", name="manual_range"
        ),
        sa.CheckConstraint("approved_by <> prepared_by", name="four_eyes"),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'done') OR approved_by IS NOT NULL",
            name="approved_before_paid",
        ),
        sa.Index(
            "uq_withdrawal_open",
            "user_id",
            unique=True,
            postgresql_where=sa.text("status IN ('requested', 'prepared', 'approved')"),
        ),
        sa.Index("ix_withdrawal_status_created_at", "status", "created_at"),
    )

    user_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    amount_kopecks: int = Field(sa_type=sa.BigInteger)
    manual_kopecks: int = Field(default=0, sa_type=sa.BigInteger)
    status: WithdrawalStatus = Field(
        default=WithdrawalStatus.REQUESTED, sa_type=enum_type(WithdrawalStatus)
    )
    prepared_by: uuid.UUID | None = Field(default=None)
    approved_by: uuid.UUID | None = Field(default=None)
    approved_at: datetime | None = stamp()
    document: str | None = Field(default=None, max_length=200)
    ended_at: datetime | None = stamp()
    version: int = Field(default=1)
