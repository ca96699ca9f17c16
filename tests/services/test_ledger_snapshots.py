"""Snapshots: a balance is the same with and without them, late commits included."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import uuid7
from services import clock, jobs, ledger, ledger_snapshots, postings
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import in_transaction
from services.ledger import Account, Move, Posting
from services.worker import DEFINED_IN

HOUR = 3600.0


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_snapshots, "MANY", 3)


async def entries(session: AsyncSession, account: Account, *amounts: int) -> None:
    for amount in amounts:
        moves = [Move(postings.BANK, account, amount)]
        posting = Posting(f"{uuid7()}", "test", "test", None, None, moves)
        await ledger.post(session, SYSTEM, posting)


async def snapshots(session: AsyncSession, account: Account) -> list[int]:
    rows = await session.scalars(
        sa.text(
            "SELECT s.sum_kopecks FROM ledger_snapshot s JOIN ledger_account a"
            " ON a.id = s.account_id WHERE a.code = :code ORDER BY s.up_to"
        ),
        {"code": account.code},
    )
    return list(rows.all())


async def test_a_busy_account_gets_one_and_its_balance_stays(
    session: AsyncSession,
) -> None:
    doctor, idle = postings.doctor(uuid7()), postings.doctor(uuid7())
    await entries(session, doctor, 10, 20, 30)
    await entries(session, idle, 10, 20)
    await clock.shift(session, 2 * HOUR)
    await ledger_snapshots.take(session)
    assert await snapshots(session, doctor) == [60]
    assert await snapshots(session, idle) == []
    assert await ledger.balance(session, doctor) == 60
    await entries(session, doctor, 5)
    assert await ledger.balance(session, doctor) == 65


async def test_each_builds_on_the_one_before(session: AsyncSession) -> None:
    doctor = postings.doctor(uuid7())
    for night, total in ((2, 30), (4, 60), (6, 90)):
        await entries(session, doctor, 10, 10, 10)
        await clock.shift(session, night * HOUR)
        await ledger_snapshots.take(session)
        # Once more in the same night: nothing is new.
        await ledger_snapshots.take(session)
        assert (await snapshots(session, doctor))[-1] == total
        assert await ledger.balance(session, doctor) == total
    assert await snapshots(session, doctor) == [30, 60, 90]


async def test_the_last_hour_is_left_for_the_next_night(session: AsyncSession) -> None:
    doctor = postings.doctor(uuid7())
    await entries(session, doctor, 1, 2, 4)
    await clock.shift(session, HOUR - 60)
    await entries(session, doctor, 8, 16, 32)
    await ledger_snapshots.take(session)
    assert await snapshots(session, doctor) == []
    await clock.shift(session, HOUR + 60)
    await ledger_snapshots.take(session)
    assert await snapshots(session, doctor) == [7]
    assert await ledger.balance(session, doctor) == 63


async def test_wallets_and_visits_need_none(session: AsyncSession) -> None:
    wallet, owed = postings.wallet(uuid7()), postings.receivable(uuid7())
    for account in (wallet, owed):
        await entries(session, account, 1, 2, 3)
    await clock.shift(session, 2 * HOUR)
    await ledger_snapshots.take(session)
    assert await snapshots(session, wallet) + await snapshots(session, owed) == []


async def test_an_entry_committed_after_the_snapshot_is_not_lost(
    sessions: Sessions,
) -> None:
    """It is dated before the snapshot was taken, and after its cut."""
    doctor = postings.doctor(uuid7())
    async with sessions() as session:
        await entries(session, doctor, 1, 2, 4)
        await session.commit()
    async with sessions() as late:
        await entries(late, doctor, 8, 16, 32, 64)
        async with sessions() as session:
            await clock.shift(session, HOUR - 1)
            assert await ledger_snapshots.take(session) == 0
            await session.commit()
        async with sessions() as session:
            # As if the first three were of long ago, and four waited for their commit.
            await session.execute(sa.text("SET LOCAL session_replication_role=replica"))
            await session.execute(
                sa.text(
                    "UPDATE ledger_entry SET created_at = created_at - interval '1 day'"
                )
            )
            await session.commit()
        async with sessions() as session:
            assert await ledger_snapshots.take(session) == 2
            assert await snapshots(session, doctor) == [7]
            assert await ledger.balance(session, doctor) == 7
            await session.commit()
        await late.commit()
    async with sessions() as session:
        assert await ledger.balance(session, doctor) == 127
        assert await ledger.balance(session, postings.BANK) == 127
        await clock.shift(session, 2 * HOUR)
        await ledger_snapshots.take(session)
        assert await snapshots(session, doctor) == [7, 127]
        assert await ledger.balance(session, doctor) == 127


async def test_the_worker_takes_them_every_night(sessions: Sessions) -> None:
    doctor = postings.doctor(uuid7())

    async def work(session: AsyncSession) -> None:
        await clock.shift(session, -2 * HOUR)
        await entries(session, doctor, 1, 2, 4)

    await in_transaction(sessions, work)
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await ledger_snapshots.take_periodically(cast(Any, context), 0)
    async with sessions() as session:
        assert await snapshots(session, doctor) == [7]
    assert ledger_snapshots in DEFINED_IN
    assert "ledger.snapshot" in jobs.queue.tasks
