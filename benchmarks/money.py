"""Paying from the wallet against the floor, and writers that share the house's books."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median

import psycopg
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks import by_hand
from benchmarks.table import Line
from models.base import uuid7
from models.payment import PaymentMethod
from models.role_grant import Role
from services import ledger, payment_opening, postings
from services.actor import SYSTEM, Actor, Via
from services.config import get_settings
from services.database import Sessions, make_engine, make_sessions
from services.edges import in_transaction
from services.payment_opening import Wish

CLIENTS, ROUNDS, EACH = 16, 4, 40
AT_LEAST, FASTER = 0.25, 1.5
PRICE = 450_000
FROM_THE_WALLET = Wish(PaymentMethod.WALLET)
COLUMNS = """
SELECT column_name FROM information_schema.columns
 WHERE table_name = 'booking' AND is_generated = 'NEVER'
"""
# Calls of so many patients who wait, copied; the triggers have nothing to say to a copy.
CALLS = """
INSERT INTO booking ({columns}) SELECT {values}
  FROM booking CROSS JOIN generate_series(1, :each)
 WHERE id IN (SELECT DISTINCT ON (patient_id) id FROM booking
               WHERE status = 'pending' ORDER BY patient_id LIMIT :patients)
RETURNING id, patient_id
"""
NEW = {"id": "gen_random_uuid()", "number": "nextval('booking_number_seq')"}
# Whoever waits for a row waits for the transaction that has it.
WAITING = """
SELECT count(*) FROM pg_locks
 WHERE NOT granted AND locktype IN ('transactionid', 'tuple')
"""
Act = Callable[["Call"], Awaitable[object]]


@dataclass(frozen=True)
class Call:
    """One call that is not paid yet."""

    id: uuid.UUID
    patient_id: uuid.UUID

    @property
    def patient(self) -> Actor:
        """Whose it is."""
        return Actor(self.patient_id, Role.PATIENT, Via.API)


async def measure(url: str) -> list[Line]:
    """Measure both on a throw-away database."""
    engine = make_engine(url, get_settings(), pool_size=CLIENTS)
    sessions = make_sessions(engine)
    try:
        calls = await _prepared(sessions)
        plain = url.replace("+psycopg", "")
        return [
            await _against_the_floor(sessions, plain, calls),
            await _side_by_side(sessions, plain, calls),
        ]
    finally:
        await engine.dispose()


async def _prepared(sessions: Sessions) -> list[list[Call]]:
    """Give each client a patient with a full wallet and unpaid calls."""
    need = (ROUNDS + 1) * EACH * 2
    values = {"patients": CLIENTS, "each": need}
    calls: dict[uuid.UUID, list[Call]] = {}

    async def work(session: AsyncSession) -> None:
        await session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        columns = (await session.scalars(sa.text(COLUMNS))).all()
        made = NEW | {"price_kopecks": str(PRICE)}
        chosen = ", ".join(made.get(each, each) for each in columns)
        copies = sa.text(CALLS.format(columns=", ".join(columns), values=chosen))
        for row in await session.execute(copies, values):
            calls.setdefault(row.patient_id, []).append(Call(row.id, row.patient_id))
        await session.execute(sa.text("SET LOCAL session_replication_role = origin"))
        for patient, own in calls.items():
            gift = postings.compensated(uuid7(), own[0].id, patient, PRICE * need)
            await ledger.post(session, SYSTEM, gift)

    await in_transaction(sessions, work)
    return list(calls.values())


async def _rate(acts: Sequence[Act], calls: Sequence[Sequence[Call]]) -> float:
    """Let each client work through its calls; give how many are done in a second."""

    async def client(act: Act, own: Sequence[Call]) -> None:
        for call in own:
            await act(call)

    begun = time.perf_counter()
    await asyncio.gather(*map(client, acts, calls))
    return sum(map(len, calls)) / (time.perf_counter() - begun)


async def _against_the_floor(
    sessions: Sessions, plain: str, calls: list[list[Call]]
) -> Line:
    """Measure in turns, so that a busy machine slows both alike."""

    async def ours(call: Call) -> object:
        return await in_transaction(
            sessions,
            lambda session: payment_opening.begin(
                session, call.patient, call.id, FROM_THE_WALLET
            ),
        )

    def floor(connection: psycopg.AsyncConnection) -> Act:
        return lambda call: by_hand.pay(connection, call.id, call.patient_id, PRICE)

    async with AsyncExitStack() as stack:
        floors = []
        for _ in range(CLIENTS):
            opened = await psycopg.AsyncConnection.connect(plain)
            floors.append(floor(await stack.enter_async_context(opened)))
        pairs = []
        for turn in range(ROUNDS + 1):
            first = [own[2 * turn * EACH :][:EACH] for own in calls]
            second = [own[(2 * turn + 1) * EACH :][:EACH] for own in calls]
            pairs.append(
                (await _rate([ours] * CLIENTS, first), await _rate(floors, second))
            )
    # The first turn warms caches and prepares statements.
    ratio = median(mine / theirs for mine, theirs in pairs[1:])
    mine, theirs = (median(each) for each in zip(*pairs[1:], strict=True))
    return Line(
        "wallet payment : written by hand",
        f"{ratio:.2f} ({mine:.0f}/s of {theirs:.0f}/s)",
        f"≥ {AT_LEAST}",
        ratio >= AT_LEAST,
    )


async def _side_by_side(
    sessions: Sessions, plain: str, calls: list[list[Call]]
) -> Line:
    """Post payments of different patients that all come through one house account."""

    async def post(call: Call) -> object:
        paid = postings.paid(uuid7(), call.id, postings.CLEARING, 0, 100)
        return await in_transaction(
            sessions, lambda session: ledger.post(session, SYSTEM, paid)
        )

    waits: list[int] = []
    done = asyncio.Event()

    async def watch() -> None:
        async with await psycopg.AsyncConnection.connect(
            plain, autocommit=True
        ) as connection:
            while not done.is_set():
                row = await (await connection.execute(WAITING)).fetchone()
                waits.append(row[0] if row else 0)
                await asyncio.sleep(0.002)

    pairs = []
    watcher = asyncio.create_task(watch())
    for _ in range(ROUNDS):
        alone = await _rate([post], [calls[0][: 4 * EACH]])
        together = await _rate([post] * CLIENTS, [own[: 2 * EACH] for own in calls])
        pairs.append((alone, together))
    done.set()
    await watcher
    alone, together = (median(each) for each in zip(*pairs, strict=True))
    faster = median(many / one for one, many in pairs)
    return Line(
        f"{CLIENTS} writers on one house account : 1 writer",
        f"x{faster:.1f} ({together:.0f}/s of {alone:.0f}/s), "
        f"{sum(waits)} waits in {len(waits)} looks",
        f"≥ x{FASTER}, no waits",
        faster >= FASTER and sum(waits) == 0,
    )
