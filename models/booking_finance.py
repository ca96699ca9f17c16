"""What finance may see of a booking: a database view, so that nothing else is read."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from models.base import TimestampTZ, enum_type
from models.booking import Status
from models.booking_words import CallType, CancelReason, ExtraConsent
from models.payment import PaymentState


class ViewBase(DeclarativeBase):
    """Views have metadata of their own: migrations must not take them for tables."""

    metadata = sa.MetaData()


class BookingFinance(ViewBase):
    """One line of booking_finance_v: times, statuses, codes, sums."""

    __tablename__ = "booking_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger)
    status: Mapped[Status] = mapped_column(enum_type(Status))
    call_type: Mapped[CallType] = mapped_column(enum_type(CallType))
    price_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    extras_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    extra_consent: Mapped[ExtraConsent | None] = mapped_column(enum_type(ExtraConsent))
    cancel_reason_code: Mapped[CancelReason | None] = mapped_column(
        enum_type(CancelReason)
    )
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
    wanted_from: Mapped[datetime | None] = mapped_column(TimestampTZ)
    wanted_to: Mapped[datetime | None] = mapped_column(TimestampTZ)
    completed_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    cancelled_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    version: Mapped[int] = mapped_column(sa.Integer)
    payer_contact: Mapped[str | None] = mapped_column(sa.Text)
    total_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    captured_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    returned_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    in_flight_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    paid_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    payment_state: Mapped[PaymentState] = mapped_column(enum_type(PaymentState))

    @property
    def label(self) -> str:
        """The number that people say: «B-1042»."""
        return f"B-{self.number}"


class BookingEventFinance(ViewBase):
    """One line of booking_event_finance_v: a step of a call and when it was made."""

    __tablename__ = "booking_event_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    booking_id: Mapped[uuid.UUID]
    event: Mapped[str] = mapped_column(sa.String(40))
    to_status: Mapped[Status] = mapped_column(enum_type(Status))
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
