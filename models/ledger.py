"""The double-entry ledger: accounts, journals and their entries, in kopecks.

An entry's amount is a credit when positive and a debit when negative, so that the
entries of one journal sum to nothing. What an account holds for its owner is the sum
of a liability or an income, and the negated sum of an asset or an expense.
"""

import uuid
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from models.base import NOW, Table, TimestampTZ, enum_type, one_of
from models.role_grant import Role


class AccountKind(StrEnum):
    """The chart of accounts; kinds with an owner have one account for each."""

    PSP_CLEARING = "psp_clearing"
    BANK = "bank"
    WALLET = "wallet"
    VISIT_PREPAID = "visit_prepaid"
    VISIT_RECEIVABLE = "visit_receivable"
    DOCTOR_PAYABLE = "doctor_payable"
    CLINIC_PAYABLE = "clinic_payable"
    REVENUE_SERVICE = "revenue_service"
    REVENUE_CANCELLATION = "revenue_cancellation"
    EXPENSE_PSP_FEE = "expense_psp_fee"
    EXPENSE_COMPENSATION = "expense_compensation"
    REFUND_IN_TRANSIT = "refund_in_transit"
    SUSPENSE = "suspense"


class Nature(StrEnum):
    """On which side of the books an account stands."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"


NATURE = {
    AccountKind.PSP_CLEARING: Nature.ASSET,
    AccountKind.BANK: Nature.ASSET,
    AccountKind.VISIT_RECEIVABLE: Nature.ASSET,
    AccountKind.REVENUE_SERVICE: Nature.INCOME,
    AccountKind.REVENUE_CANCELLATION: Nature.INCOME,
    AccountKind.EXPENSE_PSP_FEE: Nature.EXPENSE,
    AccountKind.EXPENSE_COMPENSATION: Nature.EXPENSE,
}
OWNED = frozenset(
    {
        AccountKind.WALLET,
        AccountKind.VISIT_PREPAID,
        AccountKind.VISIT_RECEIVABLE,
        AccountKind.DOCTOR_PAYABLE,
        AccountKind.CLINIC_PAYABLE,
    }
)
# Whose balance stands in the row, under a lock, and never falls below nothing.
GUARDED = frozenset({AccountKind.WALLET, AccountKind.VISIT_PREPAID})


def nature_of(kind: AccountKind) -> Nature:
    """Tell on which side of the books accounts of this kind stand."""
    return NATURE.get(kind, Nature.LIABILITY)


def sign_of(kind: AccountKind) -> int:
    """Give what an account's sum is multiplied by to read as people expect it."""
    return -1 if nature_of(kind) in {Nature.ASSET, Nature.EXPENSE} else 1


def _words(kinds: frozenset[AccountKind]) -> str:
    return "(" + ", ".join(sorted(f"'{kind.value}'" for kind in kinds)) + ")"


class LedgerAccount(Table, table=True):
    """One account. Only guarded ones keep a balance: others would queue for the row.

    `code` is the kind, and the owner's id after a colon where there is one.
    """

    __tablename__ = "ledger_account"
    __table_args__ = (
        one_of("kind", AccountKind),
        one_of("nature", Nature),
        sa.CheckConstraint("currency = 'RUB'", name="currency_known"),
        sa.CheckConstraint(
            f"guarded = (kind IN {_words(GUARDED)})", name="guarded_kinds"
        ),
        sa.CheckConstraint(
            f"(owner_id IS NOT NULL) = (kind IN {_words(OWNED)})", name="owned_kinds"
        ),
        sa.CheckConstraint(
            "code = kind || coalesce(':' || CAST(owner_id AS text), '')",
            name="code_tells_owner",
        ),
        sa.CheckConstraint(
            "guarded = (balance_kopecks IS NOT NULL)", name="guarded_has_balance"
        ),
        sa.CheckConstraint("balance_kopecks >= 0", name="balance_not_negative"),
        sa.CheckConstraint("version >= 0", name="version_not_negative"),
        sa.Index("ix_ledger_account_owner_id", "owner_id"),
        sa.Index("ix_ledger_account_kind", "kind", "created_at", "id"),
    )

    code: str = Field(max_length=80, unique=True)
    kind: AccountKind = Field(sa_type=enum_type(AccountKind))
    nature: Nature = Field(sa_type=enum_type(Nature))
    owner_id: uuid.UUID | None = Field(default=None)
    currency: str = Field(default="RUB", max_length=3)
    guarded: bool = Field(default=False)
    balance_kopecks: int | None = Field(default=None, sa_type=sa.BigInteger)
    version: int = Field(default=0, sa_type=sa.BigInteger)


class LedgerJournal(Table, table=True):
    """One posting: why it was made, for what, by whom; its key makes it happen once.

    `made_in` is the number of the transaction: nothing is added to a journal later.
    """

    __tablename__ = "ledger_journal"
    __table_args__ = (
        sa.Index("ix_ledger_journal_booking_id", "booking_id"),
        sa.Index("ix_ledger_journal_ref_id", "ref_id"),
        sa.Index("ix_ledger_journal_created_at", "created_at"),
    )

    idem_key: str = Field(max_length=120, unique=True)
    request_hash: str = Field(max_length=64)
    kind: str = Field(max_length=40)
    ref_type: str = Field(max_length=40)
    ref_id: uuid.UUID | None = Field(default=None)
    booking_id: uuid.UUID | None = Field(
        default=None, foreign_key="booking.id", ondelete="RESTRICT"
    )
    actor_id: uuid.UUID
    acting_as: Role = Field(sa_type=enum_type(Role))
    via: str = Field(max_length=10)
    made_in: int = Field(
        default=None,
        sa_column=sa.Column(
            sa.BigInteger,
            server_default=sa.text(
                "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
            ),
            nullable=False,
        ),
    )


class LedgerEntry(Table, table=True):
    """One leg of a journal. `balance_after` is known for guarded accounts only."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        sa.CheckConstraint("amount_kopecks <> 0", name="amount_not_zero"),
        sa.Index("ix_ledger_entry_account_id", "account_id", "created_at", "id"),
        sa.Index("ix_ledger_entry_journal_id", "journal_id"),
    )

    journal_id: uuid.UUID = Field(foreign_key="ledger_journal.id", ondelete="RESTRICT")
    account_id: uuid.UUID = Field(foreign_key="ledger_account.id", ondelete="RESTRICT")
    amount_kopecks: int = Field(sa_type=sa.BigInteger)
    balance_after_kopecks: int | None = Field(default=None, sa_type=sa.BigInteger)


class LedgerSnapshot(Table, table=True):
    """The sum of an unguarded account up to an entry, so that nobody adds up years."""

    __tablename__ = "ledger_snapshot"
    __table_args__ = (sa.UniqueConstraint("account_id", "up_to"),)

    account_id: uuid.UUID = Field(foreign_key="ledger_account.id", ondelete="RESTRICT")
    up_to: datetime = Field(
        sa_type=TimestampTZ, nullable=False, sa_column_kwargs={"server_default": NOW}
    )
    sum_kopecks: int = Field(sa_type=sa.BigInteger)
