"""What finance may see of the ledger: accounts with a masked owner, legs with a number.

Database views without names of patients.
"""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from models.base import TimestampTZ, enum_type
from models.booking_finance import ViewBase
from models.ledger import AccountKind
from models.role_grant import Role


class LedgerAccountFinance(ViewBase):
    """One line of ledger_account_finance_v: an account and whose it is.

    A visit has the number of its call, a wallet or a visit the masked contact of the
    patient; a doctor or a clinic that is paid goes by name.
    """

    __tablename__ = "ledger_account_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(80))
    kind: Mapped[AccountKind] = mapped_column(enum_type(AccountKind))
    guarded: Mapped[bool]
    balance_kopecks: Mapped[int | None] = mapped_column(sa.BigInteger)
    owner_id: Mapped[uuid.UUID | None]
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
    booking_number: Mapped[int | None] = mapped_column(sa.BigInteger)
    payer_contact: Mapped[str | None] = mapped_column(sa.Text)
    doctor_name: Mapped[str | None] = mapped_column(sa.Text)
    clinic_name: Mapped[str | None] = mapped_column(sa.Text)

    @property
    def booking_label(self) -> str | None:
        """The call's number as people say it."""
        return None if self.booking_number is None else f"B-{self.booking_number}"


class LedgerEntryFinance(ViewBase):
    """One line of ledger_entry_finance_v: a leg with the journal that it is part of."""

    __tablename__ = "ledger_entry_finance_v"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID]
    amount_kopecks: Mapped[int] = mapped_column(sa.BigInteger)
    balance_after_kopecks: Mapped[int | None] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime] = mapped_column(TimestampTZ)
    journal_id: Mapped[uuid.UUID]
    idem_key: Mapped[str] = mapped_column(sa.String(120))
    kind: Mapped[str] = mapped_column(sa.String(40))
    ref_type: Mapped[str] = mapped_column(sa.String(40))
    ref_id: Mapped[uuid.UUID | None]
    booking_id: Mapped[uuid.UUID | None]
    booking_number: Mapped[int | None] = mapped_column(sa.BigInteger)
    acting_as: Mapped[Role] = mapped_column(enum_type(Role))
    via: Mapped[str] = mapped_column(sa.String(10))

    @property
    def booking_label(self) -> str | None:
        """The call's number as people say it."""
        return None if self.booking_number is None else f"B-{self.booking_number}"
