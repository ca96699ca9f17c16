"""Payments, refunds and postings of a period as long tables, read a batch at a time.

They come from the views of finance and hold no name and nobody's words. The rows stay
on the server behind a cursor, so that any number of them needs the same memory.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
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
    """One column: its head, where it comes from, and what its codes are called."""

    head: str
    sql: str
    words: Mapping[str, str] | None = None


def _moment(name: str) -> str:
    moscow = f"timezone('Europe/Moscow', {name})"
    return f"to_char({moscow}, 'YYYY-MM-DD HH24:MI:SS')"


def _roubles(sql: str) -> str:
    """Roubles and kopecks of what is never below nothing, as a spreadsheet adds up."""
    return f"({sql}) / 100 || ',' || lpad(CAST(mod({sql}, 100) AS text), 2, '0')"


CALL = Column(Lazy("Call"), "'B-' || booking_number")
NUMBER = Column(Lazy("Number at the provider"), "provider_id")
PAYER = Column(Lazy("Payer"), "payer_contact")
METHOD = Column(Lazy("Way to pay"), "method", LABELS[PaymentMethod])
SUM = Column(Lazy("Sum, ₽"), _roubles("amount_kopecks"))

COLUMNS: Mapping[Part, Sequence[Column]] = {
    Part.PAYMENTS: (
        Column(Lazy("Paid on (Moscow)"), _moment("succeeded_at")),
        CALL,
        METHOD,
        Column(Lazy("Card or bank"), "method_title"),
        SUM,
        Column(Lazy("Fee, ₽"), _roubles("fee_kopecks")),
        Column(Lazy("Gone back, ₽"), _roubles("refunded_or_reserved_kopecks")),
        Column(Lazy("Paid too much"), "surplus", LABELS[Surplus]),
        PAYER,
        NUMBER,
        Column(Lazy("Our number"), "CAST(id AS text)"),
    ),
    Part.REFUNDS: (
        Column(Lazy("Given back on (Moscow)"), _moment("succeeded_at")),
        CALL,
        METHOD,
        Column(Lazy("Where to"), "destination", LABELS[Destination]),
        SUM,
        Column(Lazy("Comes from"), "origin", LABELS[RefundOrigin]),
        Column(Lazy("Reason"), "reason_code", LABELS[RefundReason]),
        Column(Lazy("Document"), "document"),
        PAYER,
        NUMBER,
        Column(Lazy("Our number"), "CAST(id AS text)"),
        Column(Lazy("Number of the payment"), "CAST(payment_id AS text)"),
    ),
    Part.ENTRIES: (
        Column(Lazy("Posted on (Moscow)"), _moment("created_at")),
        CALL,
        Column(Lazy("What happened"), "kind", HAPPENED),
        Column(Lazy("Ledger account"), "account_kind", LABELS[AccountKind]),
        Column(Lazy("Account code"), "code"),
        Column(Lazy("Debit, ₽"), _roubles("greatest(-amount_kopecks, 0)")),
        Column(Lazy("Credit, ₽"), _roubles("greatest(amount_kopecks, 0)")),
        Column(Lazy("Number of the posting"), "CAST(journal_id AS text)"),
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
) -> AsyncIterator[str]:
    """Give the table piece by piece; the session's transaction lasts as long.

    `begin` has been called and committed.
    """
    columns = COLUMNS[part]
    words = [_said(each) for each in columns]
    yield csv_export.MARK + csv_export.line([gettext(each.head) for each in columns])
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    await driver.execute(_PATIENT)
    async with driver.cursor(name="money_export") as cursor:
        values = {"since": period.since, "until": period.until}
        await cursor.execute(_query(part), values)
        while rows := await cursor.fetchmany(ROWS):
            yield csv_export.lines(_cells(row, words) for row in rows)


def _query(part: Part) -> str:
    columns = ", ".join(each.sql for each in COLUMNS[part])
    whole, posted = (
        _WITHIN.format(stamp=each) for each in ("succeeded_at", "created_at")
    )
    rest = _FROM[part].format(whole=whole, posted=posted)
    return f"SELECT {columns} FROM {rest}"  # noqa: S608 - constants of ours


def _said(column: Column) -> Mapping[str, str] | None:
    """The words of a column in the reader's language, looked up once."""
    if column.words is None:
        return None
    return {code: str(word) for code, word in column.words.items()}


def _cells(
    row: Sequence[Any], words: Sequence[Mapping[str, str] | None]
) -> Sequence[Any]:
    return [
        cell if known is None else known.get(cell, cell)
        for cell, known in zip(row, words, strict=True)
    ]
