"""The statement of an account with a million entries, a wallet's and the house's own."""

import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from statistics import median
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks.table import Line
from models.role_grant import Role
from services import clock, ledger_reads, ledger_snapshots
from services.actor import SYSTEM_ID, Actor, Via
from services.config import get_settings
from services.database import make_engine, make_sessions
from services.edges import transaction
from services.ledger_reads import Days
from services.pages import Cursor, Wanted

NAME, ENTRIES = "bench_statement_1000000", 1_000_000
TIMES, WARM, ROWS = 60, 10, 50
LIMIT_MS = 20.0
FINANCE = Actor(SYSTEM_ID, Role.FINANCE, Via.CONSOLE)
HOLDER = "01900000-0000-7000-8000-000000000001"
WALLET = f"wallet:{HOLDER}"
# Five years, a journal every 157 seconds; each third one takes what two have brought.
# Triggers are asleep, so the balances are worked out here.
LOAD = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL session_replication_role = replica",
    f"""
    INSERT INTO ledger_account (id, code, kind, nature, owner_id, currency, guarded,
                                balance_kopecks, version)
    VALUES (gen_random_uuid(), '{WALLET}', 'wallet', 'liability', '{HOLDER}', 'RUB',
            true, 0, {ENTRIES})
    """,
    f"""
    CREATE TEMP TABLE planned ON COMMIT DROP AS
    SELECT n, gen_random_uuid() AS id,
           app_now() - interval '157 seconds' * ({ENTRIES} - n) - interval '2 hours'
             AS at,
           CASE WHEN n % 3 = 0 THEN -150 ELSE 100 END AS amount
      FROM generate_series(1, {ENTRIES}) AS n
    """,
    f"""
    INSERT INTO ledger_journal (id, created_at, idem_key, request_hash, kind, ref_type,
                                actor_id, acting_as, via, made_in)
    SELECT id, at, 'payment:' || id || ':succeeded', md5(n::text), 'payment', 'payment',
           '{SYSTEM_ID}', 'system', 'job', 1 FROM planned ORDER BY n
    """,
    f"""
    INSERT INTO ledger_entry (id, created_at, journal_id, account_id, amount_kopecks,
                              balance_after_kopecks)
    SELECT gen_random_uuid(), at, p.id, a.id, amount, sum(amount) OVER (ORDER BY n)
      FROM planned p JOIN ledger_account a ON a.code = '{WALLET}'
    """,
    """
    INSERT INTO ledger_entry (id, created_at, journal_id, account_id, amount_kopecks)
    SELECT gen_random_uuid(), at, p.id, a.id, -amount
      FROM planned p JOIN ledger_account a ON a.code = 'psp_clearing' ORDER BY n
    """,
    f"""
    UPDATE ledger_account SET balance_kopecks = (SELECT sum(amount) FROM planned)
     WHERE code = '{WALLET}'
    """,
)
Look = Callable[[AsyncSession], Awaitable[Any]]


def load(url: str) -> None:
    """Fill an empty database with the two accounts and their journals."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        with connection.transaction():
            for statement in LOAD:
                connection.execute(statement)
        connection.execute("VACUUM ANALYZE")


async def measure(url: str) -> list[Line]:
    """Read a first page, a page of a day long ago, and the house's account."""
    engine = make_engine(url, get_settings())
    sessions = make_sessions(engine)
    try:
        async with transaction(sessions) as session:
            await ledger_snapshots.take(session)
        async with sessions() as session:
            wallet = await _id(session, WALLET)
            house = await _id(session, "psp_clearing")
            now = await clock.now(session)
            past = now - timedelta(days=900)
            deep = Wanted(ROWS, Cursor(past, uuid.UUID(int=0)))
            days = Days(past - timedelta(days=300), past)
            looks = {
                "a wallet": _look(wallet, Days(), Wanted(ROWS)),
                "a wallet, deep in some past days": _look(wallet, days, deep),
                "the house": _look(house, Days(), Wanted(ROWS)),
                "the house, deep in some past days": _look(house, days, deep),
            }
            return [
                _line(what, await _timed(session, look)) for what, look in looks.items()
            ]
    finally:
        await engine.dispose()


async def _id(session: AsyncSession, code: str) -> uuid.UUID:
    query = sa.text("SELECT id FROM ledger_account WHERE code = :code")
    found: uuid.UUID = await session.scalar(query, {"code": code})
    return found


def _look(account: uuid.UUID, days: Days, wanted: Wanted) -> Look:
    return lambda session: ledger_reads.statement(
        session, FINANCE, account, days, wanted
    )


async def _timed(session: AsyncSession, look: Look) -> float:
    """Give the median in milliseconds."""
    taken = []
    for _ in range(TIMES + WARM):
        session.expunge_all()
        begun = time.perf_counter()
        found = await look(session)
        taken.append((time.perf_counter() - begun) * 1000)
        if len(found.lines.items) < ROWS:
            raise RuntimeError("The statement is too short: nothing was measured")
    return median(taken[WARM:])


def _line(what: str, middle: float) -> Line:
    return Line(
        f"statement of {what}, {ENTRIES:,} entries",
        f"{middle:.1f} ms",
        f"≤ {LIMIT_MS:.0f} ms",
        middle <= LIMIT_MS,
    )
