"""What finance may see of withdrawals: a database view with a masked contact."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import TimestampTZ, enum_type
from models.booking_finance import ViewBase
from models.withdrawal import WithdrawalStatus


class WithdrawalFinance(ViewBase):
    """One line of withdrawal_finance_v: the sums, the state, who saw to it."""

    __tablename__ = "withdrawal_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    amount_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    manual_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    status: Mapped[WithdrawalStatus] = mapped_column(enum_type(WithdrawalStatus))
    prepared_by: Mapped[uuid.UUID | None]
    approved_by: Mapped[uuid.UUID | None]
    approved_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    document: Mapped[str | None] = mapped_column(sa.String(200))
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
    ended_at: Mapped[datetime | None] = mapped_column(TimestampTZ)
    version: Mapped[int] = mapped_column(sa.Integer)
    payer_contact: Mapped[str | None] = mapped_column(sa.Text)
