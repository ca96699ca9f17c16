"""Statements of accounts and journals, for finance; nothing here writes.

Sums read as people expect them: what an asset holds and what comes to it is positive.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.ledger import AccountKind, sign_of
from models.ledger_finance import LedgerAccountFinance, LedgerEntryFinance
from services import ledger, pages
from services.actor import Actor
from services.errors import NotFound
from services.ledger import Account
from services.pages import Page, Wanted
from services.permissions import Permission, demand

FOUND_AT_MOST = 50
LONGEST_NUMBER = 10


@dataclass(frozen=True)
class Held:
    """An account with what it holds now, in kopecks."""

    account: LedgerAccountFinance
    kopecks: int


@dataclass(frozen=True)
class Line:
    """One line of a statement; its entry knows what a guarded account held then."""

    entry: LedgerEntryFinance
    kopecks: int


@dataclass(frozen=True)
class Statement:
    """An account, what it holds now, and a page of its lines, newest first."""

    held: Held
    lines: Page[Line]


@dataclass(frozen=True)
class Leg:
    """One leg of a journal with its account; a credit is positive."""

    entry: LedgerEntryFinance
    account: LedgerAccountFinance


@dataclass(frozen=True)
class Days:
    """From which moment (included) until which (not included); None is open."""

    since: datetime | None = None
    until: datetime | None = None


async def house(session: AsyncSession, actor: Actor) -> list[Held]:
    """List the accounts of the house in the order of the chart."""
    query = sa.select(LedgerAccountFinance).where(
        LedgerAccountFinance.owner_id.is_(None)
    )
    found = await _held(session, actor, query)
    order = list(AccountKind)
    return sorted(found, key=lambda each: order.index(each.account.kind))


async def accounts(
    session: AsyncSession, actor: Actor, kind: AccountKind, wanted: Wanted
) -> Page[Held]:
    """List the accounts of one kind, newest first."""
    query = sa.select(LedgerAccountFinance).where(LedgerAccountFinance.kind == kind)
    query = pages.newest_first(query, LedgerAccountFinance, wanted)
    rows = await _held(session, actor, query)
    page = pages.cut([each.account for each in rows], wanted)
    return Page(rows[: len(page.items)], page.next)


async def found(session: AsyncSession, actor: Actor, words: str) -> list[Held]:
    """Find accounts by the number of a call, by the owner's id or by their code."""
    query = sa.select(LedgerAccountFinance).where(_meant(words.strip()))
    query = query.order_by(LedgerAccountFinance.code).limit(FOUND_AT_MOST)
    return await _held(session, actor, query)


async def statement(
    session: AsyncSession,
    actor: Actor,
    account_id: uuid.UUID,
    days: Days,
    wanted: Wanted,
) -> Statement:
    """Give the lines of an account, newest first; raises NotFound."""
    one = sa.select(LedgerAccountFinance).where(LedgerAccountFinance.id == account_id)
    accounts = await _held(session, actor, one)
    if not accounts:
        raise NotFound
    rows = await session.scalars(_entries(account_id, days, wanted))
    page = pages.cut(rows.all(), wanted)
    sign = sign_of(accounts[0].account.kind)
    lines = [Line(entry, sign * entry.amount_kopecks) for entry in page.items]
    return Statement(accounts[0], Page(lines, page.next))


async def journal(
    session: AsyncSession, actor: Actor, journal_id: uuid.UUID
) -> Sequence[Leg]:
    """Give all legs of a journal, debits first; raises NotFound."""
    legs = await _legs(session, actor, LedgerEntryFinance.journal_id == journal_id)
    if not legs:
        raise NotFound
    return legs


async def of_call(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> list[list[Leg]]:
    """Give the journals about a call with their legs, the oldest first."""
    legs = await _legs(session, actor, LedgerEntryFinance.booking_id == booking_id)
    by_journal: dict[uuid.UUID, list[Leg]] = {}
    for leg in legs:
        by_journal.setdefault(leg.entry.journal_id, []).append(leg)
    return sorted(by_journal.values(), key=_posted)


def _posted(legs: Sequence[Leg]) -> tuple[datetime, uuid.UUID]:
    return legs[0].entry.created_at, legs[0].entry.journal_id


async def _legs(session: AsyncSession, actor: Actor, which: Any) -> list[Leg]:
    demand(actor, Permission.LEDGER_READ)
    query = (
        sa.select(LedgerEntryFinance, LedgerAccountFinance)
        .join(
            LedgerAccountFinance,
            LedgerAccountFinance.id == LedgerEntryFinance.account_id,
        )
        .where(which)
        .order_by(LedgerEntryFinance.amount_kopecks, LedgerAccountFinance.code)
    )
    return [Leg(*row) for row in await session.execute(query)]


async def _held(session: AsyncSession, actor: Actor, query: Any) -> list[Held]:
    demand(actor, Permission.LEDGER_READ)
    rows = (await session.scalars(query)).all()
    wanted = {row.id: Account(row.kind, row.owner_id) for row in rows}
    sums = await ledger.balances(session, list(wanted.values()))
    return [Held(row, sums[wanted[row.id]]) for row in rows]


def _meant(words: str) -> Any:
    number = words.upper().removeprefix("B-")
    if number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER:
        return LedgerAccountFinance.booking_number == int(number)
    try:
        return LedgerAccountFinance.owner_id == uuid.UUID(words)
    except ValueError:
        return LedgerAccountFinance.code == words.lower()


def _entries(account_id: uuid.UUID, days: Days, wanted: Wanted) -> Any:
    entry = LedgerEntryFinance
    query = sa.select(entry).where(entry.account_id == account_id)
    if days.since is not None:
        query = query.where(entry.created_at >= days.since)
    if days.until is not None:
        query = query.where(entry.created_at < days.until)
    return pages.newest_first(query, entry, wanted)
