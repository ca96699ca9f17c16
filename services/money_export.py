"""Payments, refunds and postings of a period as long tables, read a batch at a time.

They come from the views of finance and hold no name and nobody's words. The rows stay
on the server behind a cursor, so that any number of them needs the same memory.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.ledger import AccountKind
from models.payment import PaymentMethod, Surplus
from models.refund import Destination, RefundOrigin, RefundReason
from services import audit, csv_export
from services.actor import Actor
from services.i18n import Lazy, gettext
from services.ledger_words import HAPPENED
from services.money_days import Period
from services.permissions import Permission, demand
from services.words import LABELS

ROWS = 1000
Show = Callable[[Any], Any]
# A slow reader keeps the transaction waiting between two batches.
_PATIENT = """
SELECT set_config('idle_in_transaction_session_timeout', '60s', true),
       set_config('cursor_tuple_fraction', '1', true)
"""


class Part(StrEnum):
    """What may be exported."""

    PAYMENTS = "payments"
    REFUNDS = "refunds"
    ENTRIES = "entries"


@dataclass(frozen=True)
class Column:
    """One column: its head, where it comes from, and what its codes are called.

    `ours` is made by our SQL of a moment, a sum or an id, so that no spreadsheet takes
    it for a formula; whatever else stands in a cell is disarmed.
    """

    head: str
    sql: str
    words: Mapping[str, str] | None = None
    ours: bool = False


def _moment(head: str, name: str) -> Column:
    moscow = f"timezone('Europe/Moscow', {name})"
    return Column(head, f"to_char({moscow}, 'YYYY-MM-DD HH24:MI:SS')", ours=True)


def _roubles(head: str, sql: str) -> Column:
    """Roubles and kopecks of what is never below nothing, as a spreadsheet adds up."""
    kopecks = f"lpad(CAST(mod({sql}, 100) AS text), 2, '0')"
    return Column(head, f"({sql}) / 100 || ',' || {kopecks}", ours=True)


def _id(head: str, name: str) -> Column:
    return Column(head, f"CAST({name} AS text)", ours=True)


CALL = Column(Lazy("Call"), "'B-' || booking_number", ours=True)
NUMBER = Column(Lazy("Number at the provider"), "provider_id")
PAYER = Column(Lazy("Payer"), "payer_contact")
METHOD = Column(Lazy("Way to pay"), "method", LABELS[PaymentMethod])
SUM = _roubles(Lazy("Sum, ₽"), "amount_kopecks")

COLUMNS: Mapping[Part, Sequence[Column]] = {
    Part.PAYMENTS: (
        _moment(Lazy("Paid on (Moscow)"), "succeeded_at"),
        CALL,
        METHOD,
        Column(Lazy("Card or bank"), "method_title"),
        SUM,
        _roubles(Lazy("Fee, ₽"), "fee_kopecks"),
        _roubles(Lazy("Gone back, ₽"), "refunded_or_reserved_kopecks"),
        Column(Lazy("Paid too much"), "surplus", LABELS[Surplus]),
        PAYER,
        NUMBER,
        _id(Lazy("Our number"), "id"),
    ),
    Part.REFUNDS: (
        _moment(Lazy("Given back on (Moscow)"), "succeeded_at"),
        CALL,
        METHOD,
        Column(Lazy("Where to"), "destination", LABELS[Destination]),
        SUM,
        Column(Lazy("Comes from"), "origin", LABELS[RefundOrigin]),
        Column(Lazy("Reason"), "reason_code", LABELS[RefundReason]),
        Column(Lazy("Document"), "document"),
        PAYER,
        NUMBER,
        _id(Lazy("Our number"), "id"),
        _id(Lazy("Number of the payment"), "payment_id"),
    ),
    Part.ENTRIES: (
        _moment(Lazy("Posted on (Moscow)"), "created_at"),
        CALL,
        Column(Lazy("What happened"), "kind", HAPPENED),
        Column(Lazy("Ledger account"), "account_kind", LABELS[AccountKind]),
        Column(Lazy("Account code"), "code"),
        _roubles(Lazy("Debit, ₽"), "greatest(-amount_kopecks, 0)"),
        _roubles(Lazy("Credit, ₽"), "greatest(amount_kopecks, 0)"),
        _id(Lazy("Number of the posting"), "journal_id"),
    ),
}
_FROM: Mapping[Part, str] = {
    Part.PAYMENTS: "payment_finance_v {whole} ORDER BY succeeded_at, id",
    Part.REFUNDS: "refund_finance_v {whole} ORDER BY succeeded_at, id",
    Part.ENTRIES: "(SELECT e.*, a.code, a.kind AS account_kind"
    " FROM ledger_entry_finance_v e JOIN ledger_account_finance_v a ON a.id = e.account_id) x"
    " {posted} ORDER BY created_at, id",
}
_WITHIN = "WHERE {stamp} >= %(since)s AND {stamp} < %(until)s"


async def begin(
    session: AsyncSession, actor: Actor, part: Part, period: Period
) -> None:
    """Check that the actor may have it, and keep that they did.

    The caller commits before the first line leaves the house.
    """
    needed = {Part.ENTRIES: Permission.LEDGER_READ}
    demand(actor, needed.get(part, Permission.PAYMENT_READ))
    days = {"first": period.first.isoformat(), "last": period.last.isoformat()}
    audit.record(session, actor, "money.exported", part.value, None, **days)
    await session.flush()


async def lines(
    session: AsyncSession, part: Part, period: Period
) -> AsyncGenerator[str, None]:
    """Give the table piece by piece; the session's transaction lasts as long.

    `begin` has been called and committed.
    """
    columns = COLUMNS[part]
    shown = [(place, _shown(each)) for place, each in enumerate(columns)]
    dressed = [(place, show) for place, show in shown if show is not None]
    yield csv_export.MARK + csv_export.line([gettext(each.head) for each in columns])
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    await driver.execute(_PATIENT)
    async with driver.cursor(name="money_export") as cursor:
        values = {"since": period.since, "until": period.until}
        await cursor.execute(_query(part), values)
        async with aclosing(_batches(cursor)) as batches:
            async for rows in batches:
                cells = (_cells(row, dressed) for row in rows)
                yield csv_export.lines_of_disarmed(cells)


async def _batches(cursor: Any) -> AsyncGenerator[Sequence[Sequence[Any]], None]:
    """Give rows a batch at a time; the server gathers the next meanwhile."""
    ahead = asyncio.create_task(cursor.fetchmany(ROWS))
    try:
        while rows := await ahead:
            ahead = asyncio.create_task(cursor.fetchmany(ROWS))
            # Let the task ask for its rows before these are worked on.
            await asyncio.sleep(0)
            yield rows
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


def _query(part: Part) -> str:
    # Named, because a name of the view after ORDER BY would mean the text shown.
    columns = ", ".join(f"{each.sql} AS c{n}" for n, each in enumerate(COLUMNS[part]))
    whole, posted = (
        _WITHIN.format(stamp=each) for each in ("succeeded_at", "created_at")
    )
    rest = _FROM[part].format(whole=whole, posted=posted)
    return f"SELECT {columns} FROM {rest}"  # noqa: S608 - constants of ours


def _shown(column: Column) -> Show | None:
    """How a cell is made fit to be shown; words are looked up once for all rows."""
    if column.words is None:
        return None if column.ours else csv_export.disarmed
    words = {code: str(word) for code, word in column.words.items()}
    return lambda cell: words.get(cell, cell)


def _cells(row: Sequence[Any], dressed: Sequence[tuple[int, Show]]) -> Sequence[Any]:
    cells = list(row)
    for place, show in dressed:
        cells[place] = show(cells[place])
    return cells
