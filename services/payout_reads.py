"""Registers as finance reads them, and as a table for the bank or the payroll."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ClinicProfile, LedgerAccount, Payout, PayoutLine, User
from models.ledger import AccountKind
from models.payout import PayoutStatus
from services import csv_export
from services.actor import Actor
from services.errors import IllegalTransition, NotFound
from services.i18n import gettext
from services.permissions import Permission, demand

GOING_OUT = frozenset({PayoutStatus.EXPORTED, PayoutStatus.PAID, PayoutStatus.REVERSED})


@dataclass(frozen=True)
class Line:
    """One payee of a register: who it is and how many kopecks they get."""

    id: uuid.UUID
    kind: AccountKind
    payee: str
    tax_number: str | None
    amount_kopecks: int


@dataclass(frozen=True)
class Register:
    """A register with its lines, by the payees' names."""

    payout: Payout
    lines: Sequence[Line]


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
    return Register(payout, sorted(lines, key=lambda each: (each.payee, each.id)))


def _line(
    line: PayoutLine,
    account: LedgerAccount,
    doctor: User | None,
    clinic: ClinicProfile | None,
) -> Line:
    payee = clinic.name if clinic else doctor.full_name if doctor else ""
    tax_number = clinic.tax_number if clinic else None
    return Line(line.id, account.kind, payee, tax_number, line.amount_kopecks)


async def table(session: AsyncSession, actor: Actor, payout_id: uuid.UUID) -> str:
    """Give a register that goes out as CSV; one that is not approved has none."""
    found = await register(session, actor, payout_id)
    if found.payout.status not in GOING_OUT:
        raise IllegalTransition("This cannot be done with a register in this state.")
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
