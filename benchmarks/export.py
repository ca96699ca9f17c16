"""Two hundred thousand payments and as many legs out of the console as a file."""

import time
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import psycopg

from benchmarks import data
from benchmarks.servers import Server
from benchmarks.table import Line
from benchmarks.wire import Wire, as_staff, demand
from services.actor import SYSTEM_ID

ROWS, TIMES, EVERY = 200_000, 3, 20
LIMIT_SECONDS, LIMIT_MB = 2.0, 50.0
FINANCE = "finance@demo.example"
# Three hundred days of payments by card, each with its journal of two legs; the
# triggers are asleep. Half as many journals make as many legs as there are payments.
LOAD = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL session_replication_role = replica",
    f"""
    CREATE TEMP TABLE planned ON COMMIT DROP AS
    SELECT n, gen_random_uuid() AS id, b.id AS booking_id, b.patient_id,
           app_now() - interval '300 days' * n / {ROWS} - interval '1 day' AS at
      FROM generate_series(1, {ROWS}) AS n
      JOIN (SELECT id, patient_id, row_number() OVER () AS place FROM booking) b
        ON b.place = n % (SELECT count(*) FROM booking) + 1
    """,
    """
    INSERT INTO payment (id, created_at, booking_id, payer_id, method, status,
                         amount_kopecks, captured_kopecks, refunded_or_reserved_kopecks,
                         returned_or_reserved_kopecks, request_body, provider_id,
                         method_title, fee_kopecks, succeeded_at, ended_at, tries)
    SELECT id, at, booking_id, patient_id, 'card', 'succeeded', 450000, 450000, 0, 0,
           '{}', left(md5(n::text), 36), 'Bank card *4477', 15750, at, at, 0 FROM planned
    """,
    f"""
    INSERT INTO ledger_journal (id, created_at, idem_key, request_hash, kind, ref_type,
                                ref_id, booking_id, actor_id, acting_as, via, made_in)
    SELECT id, at, 'payment:' || id || ':succeeded', md5(n::text), 'payment', 'payment',
           id, booking_id, '{SYSTEM_ID}', 'system', 'job', 1
      FROM planned WHERE n % 2 = 0
    """,
    """
    INSERT INTO ledger_entry (id, created_at, journal_id, account_id, amount_kopecks)
    SELECT gen_random_uuid(), at, p.id, a.id,
           CASE a.code WHEN 'suspense' THEN 450000 ELSE -450000 END
      FROM planned p CROSS JOIN ledger_account a
     WHERE n % 2 = 0 AND a.code IN ('suspense', 'psp_clearing')
    """,
)


def load(url: str) -> None:
    """Add the payments to a copy of the small database."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        with connection.transaction():
            for statement in LOAD:
                connection.execute(statement)
        connection.execute("VACUUM ANALYZE")


@dataclass
class Taken:
    """One download: how long it took, how many lines, how far the memory rose."""

    seconds: float
    lines: int
    megabytes: float


async def measure(app: Server) -> list[Line]:
    """Download both files, reading as fast as they come."""
    wire = await as_staff(app.port, FINANCE, data.PASSWORD)
    found = []
    for part in ("payments", "entries"):
        idle = app.memory()
        taken = [await _download(app, wire, part, idle) for _ in range(TIMES)]
        found.append(_line(part, taken))
    wire.close()
    return found


async def _download(app: Server, wire: Wire, part: str, idle: float) -> Taken:
    today = date.today()  # noqa: DTZ011 - a period of many days, to either side
    days = f"from={today - timedelta(days=320)}&to={today - timedelta(days=1)}"
    begun, lines, peak = time.perf_counter(), 0, idle
    await wire.begin("GET", f"/admin/money/export/{part}.csv?{days}", b"")
    demand(await wire.read_head(), 200)
    place = 0
    while chunk := await wire.chunk():
        lines += chunk.count(b"\n")
        place += 1
        if place % EVERY == 0:
            peak = max(peak, app.memory())
    return Taken(time.perf_counter() - begun, lines - 1, peak - idle)


def _line(part: str, taken: list[Taken]) -> Line:
    if min(each.lines for each in taken) < ROWS:
        raise RuntimeError(f"{taken[0].lines} lines only: nothing was measured")
    seconds = median(each.seconds for each in taken)
    most = max(each.megabytes for each in taken)
    return Line(
        f"export of {ROWS:,} {part}",
        f"{seconds:.2f} s, {most:.0f} MB over idle",
        f"≤ {LIMIT_SECONDS:.0f} s, {LIMIT_MB:.0f} MB",
        seconds <= LIMIT_SECONDS and most <= LIMIT_MB,
    )
