"""Refunds: money on its way back, the rules that allow it, and who asked for it."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from models.base import Table, TimestampTZ, enum_type, one_of, stamp


class RefundStatus(StrEnum):
    """Where a refund stands; `unknown`: sent, and the provider's answer was lost."""

    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    SENDING = "sending"
    UNKNOWN = "unknown"
    PENDING_PROVIDER = "pending_provider"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"


class Destination(StrEnum):
    """Where the money goes: back to the means it came from, to the wallet, by hand."""

    ORIGINAL = "original"
    WALLET = "wallet"
    MANUAL = "manual"


class RefundOrigin(StrEnum):
    """What a refund comes from."""

    POLICY = "policy"
    CLAIM = "claim"
    STAFF = "staff"
    DOUBLE = "double"
    LATE = "late"
    WITHDRAWAL = "withdrawal"
    CABINET = "cabinet"


class RefundReason(StrEnum):
    """Why money is given back, by a code that finance may read."""

    CANCELLED = "cancelled"
    NOT_RENDERED = "not_rendered"
    POOR_SERVICE = "poor_service"
    WRONG_AMOUNT = "wrong_amount"
    DOUBLE_PAYMENT = "double_payment"
    LATE_PAYMENT = "late_payment"
    GOODWILL = "goodwill"
    WITHDRAWAL = "withdrawal"
    OTHER = "other"


class Refusal(StrEnum):
    """Why the second person rejects a refund; kept as its failure code."""

    NOT_DUE = "not_due"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_MEANS = "wrong_means"
    DUPLICATE = "duplicate"
    UNCLEAR = "unclear"
    OTHER = "other"


class Split(StrEnum):
    """Who gives a refund after completion: the doctor, the house, or both by share."""

    DOCTOR = "doctor"
    HOUSE = "house"
    PRO_RATA = "pro_rata"


class Rule(StrEnum):
    """How far a call had come when it ended: each has a tier in every policy."""

    NOT_OUR_PATIENT = "not_our_patient"
    NOT_DEPARTED = "not_departed"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


class Doubt(StrEnum):
    """Why a refund needs a second person."""

    OVER_LIMIT = "over_limit"
    OVER_DAY = "over_day"
    NOT_POLICY = "not_policy"
    OTHER_MEANS = "other_means"
    REPEATED = "repeated"


AWAITING, APPROVED = RefundStatus.AWAITING_APPROVAL, RefundStatus.APPROVED
SENDING, UNKNOWN = RefundStatus.SENDING, RefundStatus.UNKNOWN
PENDING = RefundStatus.PENDING_PROVIDER
FINAL = frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED, RefundStatus.REJECTED})
OPEN = frozenset({AWAITING, APPROVED, SENDING, UNKNOWN, PENDING})
ENDS = frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED})

EDGES: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    AWAITING: frozenset({APPROVED, RefundStatus.REJECTED}),
    # An approval is void once the refund is changed, so it waits again.
    APPROVED: frozenset({AWAITING, SENDING, RefundStatus.REJECTED}) | ENDS,
    SENDING: frozenset({UNKNOWN, PENDING}) | ENDS,
    UNKNOWN: frozenset({PENDING}) | ENDS,
    PENDING: ENDS,
    RefundStatus.SUCCEEDED: frozenset(),
    RefundStatus.FAILED: frozenset(),
    RefundStatus.REJECTED: frozenset(),
}


class Refund(Table, table=True):
    """One refund of one payment; its id is the key under which the provider makes it.

    The policy that was applied is kept with its numbers. `approval_hash` binds the
    approval to amount, payee and destination; whoever asked never approves.
    """

    __tablename__ = "refund"
    __table_args__ = (
        one_of("status", RefundStatus),
        one_of("destination", Destination),
        one_of("origin", RefundOrigin),
        one_of("reason_code", RefundReason),
        one_of("split", Split, nullable=True),
        sa.CheckConstraint("amount_kopecks > 0", name="amount_positive"),
        sa.CheckConstraint("approved_by <> requested_by", name="four_eyes"),
        sa.CheckConstraint(
            "NOT needs_approval OR approved_by IS NOT NULL"
            " OR status IN ('awaiting_approval', 'rejected')",
            name="approved_before_sent",
        ),
        sa.CheckConstraint(
            "(approved_by IS NULL) = (approval_hash IS NULL)", name="approval_bound"
        ),
        sa.CheckConstraint(
            "policy_percent BETWEEN 0 AND 100", name="policy_percent_range"
        ),
        sa.CheckConstraint(
            "doctor_kopecks >= 0 AND doctor_kopecks <= amount_kopecks",
            name="doctor_part_range",
        ),
        sa.CheckConstraint(
            "(status = 'succeeded') = (succeeded_at IS NOT NULL)",
            name="succeeded_stamp",
        ),
        sa.Index("ix_refund_booking_id", "booking_id"),
        sa.Index("ix_refund_created_at", "created_at"),
        sa.Index("ix_refund_status_created_at", "status", "created_at"),
        sa.Index(
            "ix_refund_succeeded_at",
            "succeeded_at",
            postgresql_where=sa.text("succeeded_at IS NOT NULL"),
        ),
        sa.Index("ix_refund_withdrawal_id", "withdrawal_id"),
        sa.Index(
            "uq_refund_open",
            "payment_id",
            unique=True,
            postgresql_where=sa.text(
                "status IN ('awaiting_approval', 'approved', 'sending', 'unknown',"
                " 'pending_provider')"
            ),
        ),
        sa.Index(
            "ix_refund_due",
            "next_look_at",
            postgresql_where=sa.text(
                "status IN ('approved', 'sending', 'unknown', 'pending_provider')"
            ),
        ),
    )

    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    payment_id: uuid.UUID = Field(foreign_key="payment.id", ondelete="RESTRICT")
    claim_id: uuid.UUID | None = Field(
        default=None, foreign_key="refund_claim.id", ondelete="RESTRICT"
    )
    withdrawal_id: uuid.UUID | None = Field(
        default=None, foreign_key="withdrawal.id", ondelete="RESTRICT"
    )
    origin: RefundOrigin = Field(sa_type=enum_type(RefundOrigin))
    destination: Destination = Field(sa_type=enum_type(Destination))
    status: RefundStatus = Field(sa_type=enum_type(RefundStatus))
    amount_kopecks: int = Field(sa_type=sa.BigInteger)
    reason_code: RefundReason = Field(sa_type=enum_type(RefundReason))
    # How a refund after completion is borne; the house gives what the doctor does not.
    split: Split | None = Field(default=None, sa_type=enum_type(Split))
    doctor_kopecks: int | None = Field(default=None, sa_type=sa.BigInteger)

    policy_version: int | None = Field(default=None)
    policy_rule: str | None = Field(default=None, max_length=40)
    policy_base_kopecks: int | None = Field(default=None, sa_type=sa.BigInteger)
    policy_percent: int | None = Field(default=None)
    policy_kopecks: int | None = Field(default=None, sa_type=sa.BigInteger)

    needs_approval: bool = Field(default=False)
    requested_by: uuid.UUID
    requested_as: str = Field(max_length=20)
    request_token: str | None = Field(default=None, max_length=64, unique=True)
    approved_by: uuid.UUID | None = Field(default=None)
    approved_at: datetime | None = stamp()
    approval_hash: str | None = Field(default=None, max_length=64)
    approval_expires_at: datetime | None = stamp()
    rejected_by: uuid.UUID | None = Field(default=None)

    request_body: str | None = Field(default=None, sa_type=sa.Text)
    key_used_at: datetime | None = stamp()
    provider_id: str | None = Field(default=None, max_length=36, unique=True)
    document: str | None = Field(default=None, max_length=200)
    failure_code: str | None = Field(default=None, max_length=60)
    cancel_party: str | None = Field(default=None, max_length=60)
    succeeded_at: datetime | None = stamp()
    ended_at: datetime | None = stamp()
    followed_at: datetime | None = stamp()
    tries: int = Field(default=0)
    next_look_at: datetime | None = stamp()
    version: int = Field(default=1)

    @property
    def is_open(self) -> bool:
        """The refund has not ended."""
        return self.status in OPEN


class RefundPolicy(Table, table=True):
    """One version of the rules; `tiers` are caps by the state at cancellation."""

    __tablename__ = "refund_policy"

    version: int = Field(unique=True)
    valid_from: datetime = Field(sa_type=TimestampTZ, nullable=False)
    tiers: list[dict[str, Any]] = Field(sa_type=JSONB, nullable=False)
    created_by: uuid.UUID


class ClaimStatus(StrEnum):
    """Whether finance has decided."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class RefundClaim(Table, table=True):
    """Somebody wants money back and finance decides; the words stay with the call."""

    __tablename__ = "refund_claim"
    __table_args__ = (
        one_of("status", ClaimStatus),
        one_of("reason_code", RefundReason),
        sa.CheckConstraint(
            "(status = 'open') = (decided_at IS NULL)", name="decided_stamp"
        ),
        sa.Index(
            "uq_refund_claim_open",
            "booking_id",
            unique=True,
            postgresql_where=sa.text("status = 'open'"),
        ),
        sa.Index("ix_refund_claim_status_created_at", "status", "created_at"),
    )

    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    opened_by: uuid.UUID
    opened_as: str = Field(max_length=20)
    reason_code: RefundReason = Field(sa_type=enum_type(RefundReason))
    comment: str | None = Field(default=None, max_length=1000)
    status: ClaimStatus = Field(
        default=ClaimStatus.OPEN, sa_type=enum_type(ClaimStatus)
    )
    decided_by: uuid.UUID | None = Field(default=None)
    decided_at: datetime | None = stamp()
    version: int = Field(default=1)
