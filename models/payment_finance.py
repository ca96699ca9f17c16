"""What finance may see of payments, of the provider's answers and of receipts.

Database views without the bodies that were sent and without the payer's own addresses.
"""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import TimestampTZ, enum_type
from models.booking import Status
from models.booking_finance import ViewBase
from models.payment import OPEN, PaymentMethod, PaymentStatus, Surplus
from models.receipt import ReceiptKind, ReceiptStatus


class PaymentFinance(ViewBase):
    """One line of payment_finance_v: an attempt, its call's number, a masked payer."""

    __tablename__ = "payment_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[uuid.UUID]
    booking_number: Mapped[int] = mapped_column(sa.BigInteger)
    booking_status: Mapped[Status] = mapped_column(enum_type(Status))
    method: Mapped[PaymentMethod] = mapped_column(enum_type(PaymentMethod))
    status: Mapped[PaymentStatus] = mapped_column(enum_type(PaymentStatus))
    amount_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    captured_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    refunded_or_reserved_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    returned_or_reserved_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    superseded_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    surplus: Mapped[Surplus | None] = mapped_column(enum_type(Surplus))
    provider_id: Mapped[str | None] = mapped_column(sa.String(36))
    method_title: Mapped[str | None] = mapped_column(sa.String(100))
    fee_kopecks: Mapped[int | None] = mapped_column(sa.BigInteger)
    failure_code: Mapped[str | None] = mapped_column(sa.String(60))
    failure_parameter: Mapped[str | None] = mapped_column(sa.String(100))
    cancel_party: Mapped[str | None] = mapped_column(sa.String(60))
    cancel_reason: Mapped[str | None] = mapped_column(sa.String(60))
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
    key_used_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    expires_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    succeeded_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    ended_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    tries: Mapped[int] = mapped_column(sa.Integer)
    next_look_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    payer_contact: Mapped[str | None] = mapped_column(sa.Text)

    @property
    def booking_label(self) -> str:
        """The call's number as people say it."""
        return f"B-{self.booking_number}"

    @property
    def left_kopecks(self) -> int:
        """What of the payment has neither gone back nor is reserved for it."""
        return self.captured_kopecks - self.refunded_or_reserved_kopecks

    @property
    def is_open(self) -> bool:
        """The provider has not said its last word."""
        return self.status in OPEN


class ProviderEventFinance(ViewBase):
    """One line of provider_event_finance_v: an answer or a notice of the provider."""

    __tablename__ = "provider_event_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID | None]
    refund_id: Mapped[uuid.UUID | None]
    source: Mapped[str] = mapped_column(sa.String(20))
    outcome: Mapped[str] = mapped_column(sa.String(20))
    status: Mapped[str | None] = mapped_column(sa.String(40))
    code: Mapped[str | None] = mapped_column(sa.String(60))
    data: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)


class ReceiptFinance(ViewBase):
    """One line of receipt_finance_v: a receipt and how far its registration came."""

    __tablename__ = "receipt_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[uuid.UUID]
    payment_id: Mapped[uuid.UUID]
    refund_id: Mapped[uuid.UUID | None]
    kind: Mapped[ReceiptKind] = mapped_column(enum_type(ReceiptKind))
    status: Mapped[ReceiptStatus] = mapped_column(enum_type(ReceiptStatus))
    amount_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    provider_id: Mapped[str | None] = mapped_column(sa.String(40))
    failure_code: Mapped[str | None] = mapped_column(sa.String(60))
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
    key_used_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    tries: Mapped[int] = mapped_column(sa.Integer)
    next_look_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    ended_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
