"""Rows by the million: COPY, with indexes and foreign keys built once at the end.

Who loads in bulk goes past the verbs and their nets, so the data has to be asked
by `services.invariants` afterwards. Like every service it never commits.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlmodel.ext.asyncio.session import AsyncSession

INDEXES = """
SELECT c.relname, format('DROP INDEX %I', i.relname), pg_get_indexdef(x.indexrelid)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
WHERE c.relname = ANY(:tables) AND c.relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid)
ORDER BY c.relname, i.relname
"""
# Keys stay: the rows arrive in their order, and other tables lean on them.
CONSTRAINTS = """
SELECT c.relname, format('ALTER TABLE %I DROP CONSTRAINT %I', c.relname, k.conname),
       format('ALTER TABLE %I ADD CONSTRAINT %I %s', c.relname, k.conname,
              pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relname = ANY(:tables) AND c.relnamespace = 'public'::regnamespace
  AND k.contype IN ('f', 'u', 'x')
ORDER BY k.contype DESC, c.relname, k.conname
"""
LIMITS = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
MEMORY = "SET LOCAL maintenance_work_mem = '512MB'"
TAKE_NUMBERS = """
SELECT setval('booking_number_seq', nextval('booking_number_seq') + :count - 1)
       - :count + 1
"""

Told = Callable[[str], None]


async def _connection(session: AsyncSession) -> psycopg.AsyncConnection[Any]:
    raw = await (await session.connection()).get_raw_connection()
    return cast("psycopg.AsyncConnection[Any]", raw.driver_connection)


async def be_patient(session: AsyncSession) -> None:
    """Let this transaction take as long as it needs."""
    for limit in LIMITS:
        await session.execute(sa.text(limit))


def _command(table: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )


async def copy_lines(
    session: AsyncSession, table: str, columns: Sequence[str], lines: str
) -> None:
    """Copy rows that are already in COPY's text format, a line each."""
    cursor = (await _connection(session)).cursor()
    async with cursor.copy(_command(table, columns)) as copy:
        await copy.write(lines)


async def copy_rows(
    session: AsyncSession, table: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Copy rows given as mappings with the same keys; dictionaries become JSON."""
    if not rows:
        return
    cursor = (await _connection(session)).cursor()
    async with cursor.copy(_command(table, tuple(rows[0]))) as copy:
        for row in rows:
            await copy.write_row([_plain(value) for value in row.values()])


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return Jsonb(value) if isinstance(value, dict) else value


async def take_numbers(session: AsyncSession, count: int) -> int:
    """Reserve so many numbers of calls; give the first."""
    first: int = await session.scalar(sa.text(TAKE_NUMBERS), {"count": count})
    return first


@asynccontextmanager
async def unfettered(
    session: AsyncSession, *tables: str, told: Told = lambda _: None
) -> AsyncIterator[None]:
    """Let rows flow into tables without indexes, foreign keys and triggers.

    All come back before the end, which also checks every foreign key. Others wait
    meanwhile: this is for a service that is not running yet.
    """
    names = {"tables": list(tables)}
    constraints = (await session.execute(sa.text(CONSTRAINTS), names)).all()
    indexes = (await session.execute(sa.text(INDEXES), names)).all()
    await session.execute(sa.text(MEMORY))
    for table in tables:
        await _run(session, f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for _, drop, _ in reversed(constraints):
        await _run(session, drop)
    for _, drop, _ in indexes:
        await _run(session, drop)
    yield
    for table, _, make in [*indexes, *constraints]:
        told(table)
        await _run(session, make)
    for table in tables:
        await _run(session, f"ALTER TABLE {table} ENABLE TRIGGER USER")


async def _run(session: AsyncSession, statement: str) -> None:
    """Run a statement as it stands: definitions may hold colons and percents."""
    cursor = (await _connection(session)).cursor()
    await cursor.execute(statement.encode())


async def analyze(session: AsyncSession, *tables: str) -> None:
    """Let the planner know how many rows there are now."""
    for table in tables:
        await _run(session, f"ANALYZE {table}")
