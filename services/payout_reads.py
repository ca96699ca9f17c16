"""Registers as finance reads them, and as a table for the bank or the payroll."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    ClinicProfile,
    LedgerAccount,
    Payout,
    PayoutLine,
    User,
)
from models.ledger import AccountKind
from models.ledger_finance import LedgerAccountFinance
from models.payout import PayoutStatus
from services import csv_export, ledger, payouts, staff_names
from services.actor import Actor
from services.errors import Forbidden, IllegalTransition, NotFound
from services.i18n import gettext
from services.ledger import Account
from services.permissions import Permission, demand
from services.sensitive_reads import journal_read

MOST = 100
OPEN = frozenset({PayoutStatus.DRAFT, PayoutStatus.APPROVED, PayoutStatus.EXPORTED})
PAYABLE = (AccountKind.DOCTOR_PAYABLE, AccountKind.CLINIC_PAYABLE)
GOING_OUT = frozenset({PayoutStatus.EXPORTED, PayoutStatus.PAID, PayoutStatus.REVERSED})


@dataclass(frozen=True)
class Line:
    """One payee of a register: who it is and how many kopecks they get."""

    id: uuid.UUID
    account_id: uuid.UUID
    kind: AccountKind
    payee: str
    tax_number: str | None
    amount_kopecks: int


@dataclass(frozen=True)
class Register:
    """A register with its lines, by the payees' names, and names of staff.

    `obstacle` says why the actor may not decide on it; None if they may.
    """

    payout: Payout
    lines: Sequence[Line]
    names: Mapping[uuid.UUID, str]
    obstacle: Forbidden | None


@dataclass(frozen=True)
class Owed:
    """A doctor or a clinic that is owed so many kopecks, or owes them."""

    account: LedgerAccountFinance
    kopecks: int


@dataclass(frozen=True)
class Desk:
    """Registers, the newest first, and how everybody stands who is paid."""

    registers: Sequence[Payout]
    owed: Sequence[Owed]
    debts: Sequence[Owed]
    names: Mapping[uuid.UUID, str]

    @property
    def open(self) -> Payout | None:
        """The register that has to be finished before another one."""
        return next((each for each in self.registers if each.status in OPEN), None)


async def desk(session: AsyncSession, actor: Actor) -> Desk:
    """Show the last registers, and what is owed now, the largest sum first."""
    demand(actor, Permission.PAYOUT_MAKE)
    query = sa.select(Payout).order_by(col(Payout.id).desc()).limit(MOST)
    registers = (await session.scalars(query)).all()
    owing = await _standing(session)
    people = [who for each in registers for who in (each.made_by, each.approved_by)]
    return Desk(
        registers,
        [each for each in owing if each.kopecks > 0],
        [each for each in reversed(owing) if each.kopecks < 0],
        await staff_names.of(session, people),
    )


async def _standing(session: AsyncSession) -> Sequence[Owed]:
    """How everybody stands who is paid, the largest sum first."""
    query = sa.select(LedgerAccountFinance).where(
        LedgerAccountFinance.kind.in_(PAYABLE)
    )
    rows = (await session.scalars(query)).all()
    accounts = {each.id: Account(each.kind, each.owner_id) for each in rows}
    held = await ledger.balances(session, [*accounts.values()])
    owing = [Owed(each, held[accounts[each.id]]) for each in rows]
    return sorted(owing, key=lambda each: (-each.kopecks, each.account.id))


async def register(
    session: AsyncSession, actor: Actor, payout_id: uuid.UUID
) -> Register:
    """Show one register."""
    demand(actor, Permission.PAYOUT_MAKE)
    payout = await session.get(Payout, payout_id, populate_existing=True)
    if payout is None:
        raise NotFound
    query = (
        sa.select(PayoutLine, LedgerAccount, User, ClinicProfile)
        .join(LedgerAccount, col(LedgerAccount.id) == col(PayoutLine.account_id))
        .outerjoin(User, col(User.id) == col(LedgerAccount.owner_id))
        .outerjoin(ClinicProfile, col(ClinicProfile.id) == col(LedgerAccount.owner_id))
        .where(col(PayoutLine.payout_id) == payout_id)
    )
    lines = [_line(*row) for row in await session.execute(query)]
    return Register(
        payout,
        sorted(lines, key=lambda each: (each.payee, each.id)),
        await staff_names.of(session, [payout.made_by, payout.approved_by]),
        await payouts.obstacle(session, actor, payout),
    )


def _line(
    line: PayoutLine,
    account: LedgerAccount,
    doctor: User | None,
    clinic: ClinicProfile | None,
) -> Line:
    payee = clinic.name if clinic else doctor.full_name if doctor else ""
    tax_number = clinic.tax_number if clinic else None
    amount = line.amount_kopecks
    return Line(line.id, account.id, account.kind, payee, tax_number, amount)


async def table(session: AsyncSession, actor: Actor, payout_id: uuid.UUID) -> str:
    """Give a register that goes out as CSV; one that is not exported has none.

    That it was read is journalled.
    """
    found = await register(session, actor, payout_id)
    if found.payout.status not in GOING_OUT:
        raise IllegalTransition("This cannot be done with a register in this state.")
    await journal_read(session, actor, "payout", payout_id, "register")
    header = (
        gettext("Register"),
        gettext("Payee"),
        gettext("Tax number"),
        gettext("Line"),
        gettext("Amount, ₽"),
    )
    return csv_export.table(
        header,
        (
            (found.payout.label, each.payee, each.tax_number, each.id, _roubles(each))
            for each in found.lines
        ),
    )


def _roubles(line: Line) -> str:
    whole, rest = divmod(line.amount_kopecks, 100)
    return f"{whole},{rest:02d}"
