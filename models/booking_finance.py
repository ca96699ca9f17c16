"""What finance may see of a booking: a database view, so that nothing else is read."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from models.base import TimestampTZ, enum_type
from models.booking import Status
from models.booking_words import CallType, CancelReason


class ViewBase(DeclarativeBase):
    """Views have metadata of their own: migrations must not take them for tables."""

    metadata = sa.MetaData()


class BookingFinance(ViewBase):
    """One line of booking_finance_v: times, statuses, codes, the quoted price."""

    __tablename__ = "booking_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.BigInteger)
    status: Mapped[Status] = mapped_column(enum_type(Status))
    call_type: Mapped[CallType] = mapped_column(enum_type(CallType))
    price_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    cancel_reason_code: Mapped[CancelReason | None] = mapped_column(
        enum_type(CancelReason)
    )
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
    wanted_from: Mapped[datetime | None] = mapped_column(TimestampTZ)
    wanted_to: Mapped[datetime | None] = mapped_column(TimestampTZ)
    completed_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    cancelled_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    payer_contact: Mapped[str | None] = mapped_column(sa.Text)

    @property
    def label(self) -> str:
        """The number that people say: «B-1042»."""
        return f"B-{self.number}"
