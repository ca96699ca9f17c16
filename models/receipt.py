"""Fiscal receipts (54-FZ) and how far their registration has come."""

import uuid
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import Table, enum_type, one_of, stamp


class ReceiptKind(StrEnum):
    """Which payment or refund a receipt tells of.

    Payment and refund receipts travel with their request; a closing receipt settles
    the prepayment when the visit is over and is sent by itself.
    """

    PAYMENT = "payment"
    CLOSING = "closing"
    REFUND = "refund"


class ReceiptStatus(StrEnum):
    """How far the registration has come."""

    CREATED = "created"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    FAILED = "failed"


class Receipt(Table, table=True):
    """One receipt; its id is the provider's key where it is sent by itself."""

    __tablename__ = "receipt"
    __table_args__ = (
        one_of("kind", ReceiptKind),
        one_of("status", ReceiptStatus),
        sa.Index("ix_receipt_booking_id", "booking_id"),
        sa.Index(
            "uq_receipt_payment_id_kind",
            "payment_id",
            "kind",
            unique=True,
            postgresql_where=sa.text("kind <> 'refund'"),
        ),
        sa.Index(
            "uq_receipt_refund_id",
            "refund_id",
            unique=True,
            postgresql_where=sa.text("kind = 'refund'"),
        ),
        sa.Index("ix_receipt_status_created_at", "status", "created_at"),
        sa.Index(
            "ix_receipt_due",
            "next_look_at",
            postgresql_where=sa.text("status IN ('created', 'unknown', 'pending')"),
        ),
    )

    booking_id: uuid.UUID = Field(foreign_key="booking.id", ondelete="RESTRICT")
    payment_id: uuid.UUID = Field(foreign_key="payment.id", ondelete="RESTRICT")
    refund_id: uuid.UUID | None = Field(
        default=None, foreign_key="refund.id", ondelete="RESTRICT"
    )
    kind: ReceiptKind = Field(sa_type=enum_type(ReceiptKind))
    status: ReceiptStatus = Field(
        default=ReceiptStatus.CREATED, sa_type=enum_type(ReceiptStatus)
    )
    amount_kopecks: int = Field(sa_type=sa.BigInteger)
    request_body: str | None = Field(default=None, sa_type=sa.Text)
    key_used_at: datetime | None = stamp()
    provider_id: str | None = Field(default=None, max_length=40)
    failure_code: str | None = Field(default=None, max_length=60)
    tries: int = Field(default=0)
    next_look_at: datetime | None = stamp()
    ended_at: datetime | None = stamp()
