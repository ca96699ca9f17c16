"""Payments: one attempt to take the money of one visit, and what became of it."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp


class PaymentMethod(StrEnum):
    """How the patient pays."""

    CARD = "card"
    SBP = "sbp"
    WALLET = "wallet"


class PaymentStatus(StrEnum):
    """Where an attempt stands; `unknown`: the provider may have it or may not."""

    CREATED = "created"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    FAILED = "failed"


class Surplus(StrEnum):
    """Why money that came is given back at once, whole."""

    DOUBLE = "double"
    LATE = "late"


class PaymentState(StrEnum):
    """How the money of a call stands, in one word for patient and dispatcher."""

    UNPAID = "unpaid"
    PENDING = "pending"
    PAID = "paid"
    REFUND_PENDING = "refund_pending"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"


CREATED, UNKNOWN = PaymentStatus.CREATED, PaymentStatus.UNKNOWN
PENDING = PaymentStatus.PENDING
FINAL = frozenset(
    {PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED, PaymentStatus.FAILED}
)
OPEN = frozenset({CREATED, UNKNOWN, PENDING})

# Every change of an attempt's status. Nothing leads back, and nothing out of an end.
EDGES: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    CREATED: frozenset({UNKNOWN, PENDING}) | FINAL,
    UNKNOWN: frozenset({PENDING}) | FINAL,
    PENDING: frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED}),
    PaymentStatus.SUCCEEDED: frozenset(),
    PaymentStatus.CANCELED: frozenset(),
    PaymentStatus.FAILED: frozenset(),
}


class Payment(Table, table=True):
    """One attempt; its id is the key under which the provider creates it once.

    `request_body` is what is sent, to the byte. Of `captured_kopecks` the part that
    was given back or is reserved for it stands in `refunded_or_reserved_kopecks`, and
    of that what goes back to the original means in `returned_or_reserved_kopecks`: the
    rest went to the wallet and may still be withdrawn.
    """

    __tablename__ = "payment"
    __table_args__ = (
        one_of("method", PaymentMethod),
        one_of("status", PaymentStatus),
        one_of("surplus", Surplus, nullable=True),
        sa.CheckConstraint("amount_kopecks > 0", name="amount_positive"),
        sa.CheckConstraint(
            "captured_kopecks = CASE WHEN status = 'succeeded'"
            " THEN amount_kopecks ELSE 0 END",
            name="captured_when_succeeded",
        ),
        sa.CheckConstraint(
            "returned_or_reserved_kopecks >= 0"
            " AND returned_or_reserved_kopecks <= refunded_or_reserved_kopecks"
            " AND refunded_or_reserved_kopecks <= captured_kopecks",
            name="refunds_within_captured",
        ),
        sa.CheckConstraint(
            "(status = 'succeeded') = (succeeded_at IS NOT NULL)",
            name="succeeded_stamp",
        ),
        sa.CheckConstraint(
            "method = 'wallet' OR request_body IS NOT NULL", name="body_kept"
        ),
        sa.CheckConstraint(
            "surplus IS NULL OR status = 'succeeded'", name="surplus_succeeded"
        ),
        sa.Index("ix_payment_booking_id", "booking_id"),
        sa.Index("ix_payment_payer_id_created_at", "payer_id", "created_at"),
        sa.Index("ix_payment_created_at", "created_at"),
        sa.Index("ix_payment_status_created_at", "status", "created_at"),
        # Days are added up from this index alone.
        sa.Index(
            "ix_payment_succeeded_at",
            "succeeded_at",
            postgresql_include=["method", "amount_kopecks", "fee_kopecks"],
            postgresql_where=sa.text("succeeded_at IS NOT NULL"),
        ),
        sa.Index(
            "uq_payment_open",
            "booking_id",
            unique=True,
            postgresql_where=sa.text(
                "status IN ('created', 'unknown', 'pending') AND superseded_at IS NULL"
            ),
        ),
        sa.Index(
            "ix_payment_due",
            "next_look_at",
            postgresql_where=sa.text("status IN ('created', 'unknown', 'pending')"),
        ),
    )

    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    payer_id: uuid.UUID = Field(foreign_key="app_user.id", ondelete="RESTRICT")
    method: PaymentMethod = Field(sa_type=enum_type(PaymentMethod))
    status: PaymentStatus = Field(
        default=PaymentStatus.CREATED, sa_type=enum_type(PaymentStatus)
    )
    amount_kopecks: int = Field(sa_type=sa.BigInteger)
    captured_kopecks: int = Field(default=0, sa_type=sa.BigInteger)
    refunded_or_reserved_kopecks: int = Field(default=0, sa_type=sa.BigInteger)
    returned_or_reserved_kopecks: int = Field(default=0, sa_type=sa.BigInteger)
    superseded_at: datetime | None = stamp()
    surplus: Surplus | None = Field(default=None, sa_type=enum_type(Surplus))

    request_body: str | None = Field(default=None, sa_type=sa.Text)
    key_used_at: datetime | None = stamp()
    provider_id: str | None = Field(default=None, max_length=36, unique=True)
    confirmation_url: str | None = Field(default=None, max_length=2048)
    confirmation_data: str | None = Field(default=None, max_length=2048)
    return_url: str | None = Field(default=None, max_length=2048)
    expires_at: datetime | None = stamp()
    method_title: str | None = Field(default=None, max_length=100)
    fee_kopecks: int | None = Field(default=None, sa_type=sa.BigInteger)
    failure_code: str | None = Field(default=None, max_length=60)
    failure_parameter: str | None = Field(default=None, max_length=100)
    cancel_party: str | None = Field(default=None, max_length=60)
    cancel_reason: str | None = Field(default=None, max_length=60)
    succeeded_at: datetime | None = stamp()
    ended_at: datetime | None = stamp()
    tries: int = Field(default=0)
    next_look_at: datetime | None = stamp()

    @property
    def is_open(self) -> bool:
        """The provider has not said its last word."""
        return self.status in OPEN

    @property
    def is_payable(self) -> bool:
        """The patient may still go through with it; given up, they should not."""
        return self.status is PENDING and self.superseded_at is None


class ProviderEvent(Table, table=True):
    """One answer or notice of the provider, as it came; append-only."""

    __tablename__ = "provider_event"
    __table_args__ = (
        sa.Index("ix_provider_event_payment_id", "payment_id"),
        sa.Index("ix_provider_event_refund_id", "refund_id"),
    )

    payment_id: uuid.UUID | None = Field(
        default=None, foreign_key="payment.id", ondelete="RESTRICT"
    )
    refund_id: uuid.UUID | None = Field(
        default=None, foreign_key="refund.id", ondelete="RESTRICT"
    )
    source: str = Field(max_length=20)
    outcome: str = Field(max_length=20)
    status: str | None = Field(default=None, max_length=40)
    code: str | None = Field(default=None, max_length=60)
    data: str | None = Field(default=None, sa_type=sa.Text)


class InboxStatus(StrEnum):
    """What became of a notice of the provider."""

    NEW = "new"
    WAITING = "waiting"
    DONE = "done"
    QUARANTINED = "quarantined"


class WebhookInbox(Table, table=True):
    """A notice of the provider: a hint to look, stored before it is answered."""

    __tablename__ = "webhook_inbox"
    __table_args__ = (
        one_of("status", InboxStatus),
        sa.UniqueConstraint("event", "object_id", "body_hash"),
        sa.Index(
            "ix_webhook_inbox_due",
            "next_try_at",
            postgresql_where=sa.text("status IN ('new', 'waiting')"),
        ),
    )

    provider: str = Field(default="yookassa", max_length=20)
    event: str = Field(max_length=60)
    object_id: str = Field(max_length=60)
    body_hash: str = Field(max_length=64)
    body: str = Field(sa_type=sa.Text)
    status: InboxStatus = Field(default=InboxStatus.NEW, sa_type=enum_type(InboxStatus))
    note: str | None = Field(default=None, max_length=100)
    tries: int = Field(default=0)
    next_try_at: datetime | None = stamp()
    handled_at: datetime | None = stamp()
