"""One account's entries as its owner reads them, newest first."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, LedgerAccount, LedgerEntry, LedgerJournal
from models.ledger import sign_of
from services import pages
from services.ledger import Account
from services.pages import Page, Wanted


@dataclass(frozen=True)
class AccountLine:
    """One entry: what happened, with which call, how much, what was there after it.

    Amounts are kopecks, positive when the account's owner has more afterwards. What
    was there after it is known for wallets alone.
    """

    id: uuid.UUID
    created_at: datetime
    kind: str
    amount_kopecks: int
    balance_after_kopecks: int | None
    booking_id: uuid.UUID | None
    booking_number: str | None


async def lines(
    session: AsyncSession, account: Account, wanted: Wanted
) -> Page[AccountLine]:
    """Give one page of an account's entries."""
    ordered = pages.newest_first(_query(account), LedgerEntry, wanted)
    rows = (await session.execute(ordered)).all()
    page = pages.cut([row[0] for row in rows], wanted)
    sign = sign_of(account.kind)
    return Page([_line(sign, *row) for row in rows[: len(page.items)]], page.next)


async def every_line(session: AsyncSession, account: Account) -> list[AccountLine]:
    """Give all of an account's entries, oldest first."""
    query = _query(account)
    ordered = query.order_by(col(LedgerEntry.created_at), col(LedgerEntry.id))
    sign = sign_of(account.kind)
    return [_line(sign, *row) for row in await session.execute(ordered)]


def _query(account: Account) -> Any:
    return (
        sa.select(LedgerEntry, LedgerJournal, col(Booking.number))
        .join(LedgerAccount, col(LedgerAccount.id) == col(LedgerEntry.account_id))
        .join(LedgerJournal, col(LedgerJournal.id) == col(LedgerEntry.journal_id))
        .outerjoin(Booking, col(Booking.id) == col(LedgerJournal.booking_id))
        .where(col(LedgerAccount.code) == account.code)
    )


def _line(
    sign: int, entry: LedgerEntry, journal: LedgerJournal, number: int | None
) -> AccountLine:
    return AccountLine(
        entry.id,
        entry.created_at,
        journal.kind,
        entry.amount_kopecks * sign,
        entry.balance_after_kopecks,
        journal.booking_id,
        None if number is None else f"B-{number}",
    )
