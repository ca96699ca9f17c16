"""Jobs live and die with their transaction, and survive a dead worker."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import jobs
from services.database import Sessions
from services.edges import transaction

ROOT = Path(__file__).resolve().parents[2]
ran: list[str] = []


@jobs.job("tests.remember")
async def remember(session: AsyncSession, word: str) -> None:
    await session.execute(sa.text("SELECT 1"))
    ran.append(word)


@jobs.job("tests.fail", retry=False)
async def fail(session: AsyncSession) -> None:
    raise RuntimeError("always")


async def waiting(sessions: Sessions) -> list[str]:
    async with transaction(sessions) as session:
        found = await session.execute(
            sa.text("SELECT task_name || ':' || status FROM procrastinate_jobs")
        )
        return list(found.scalars())


async def drain(database_url: str, sessions: Sessions) -> None:
    with jobs.connected(database_url) as app:
        async with app.open_async():
            await app.run_worker_async(
                wait=False,
                listen_notify=False,
                install_signal_handlers=False,
                additional_context={"sessions": sessions},
            )


async def test_a_job_of_a_rolled_back_transaction_never_was(sessions: Sessions) -> None:
    async def enqueue_and_fail() -> None:
        async with transaction(sessions) as session:
            await jobs.enqueue(session, "tests.remember", word="lost")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await enqueue_and_fail()
    assert await waiting(sessions) == []


async def test_a_job_of_a_committed_transaction_runs(
    database_url: str, sessions: Sessions
) -> None:
    ran.clear()
    async with transaction(sessions) as session:
        await jobs.enqueue(session, "tests.remember", word="kept")
    await drain(database_url, sessions)
    assert ran == ["kept"]


async def test_a_failing_job_stays_listed_and_does_not_stop_others(
    database_url: str, sessions: Sessions
) -> None:
    ran.clear()
    async with transaction(sessions) as session:
        await jobs.enqueue(session, "tests.fail")
        await jobs.enqueue(session, "tests.remember", word="after")
    await drain(database_url, sessions)
    assert ran == ["after"]
    assert "tests.fail:failed" in await waiting(sessions)


async def stall(sessions: Sessions, attempts: int) -> None:
    """Leave a job as a worker killed a minute ago leaves it."""
    async with transaction(sessions) as session:
        await jobs.enqueue(session, "tests.remember", word="revived")
        await session.execute(
            sa.text(
                "WITH w AS (INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - interval '1 minute') RETURNING id)"
                " UPDATE procrastinate_jobs SET status = 'doing',"
                " worker_id = (SELECT id FROM w), attempts = :attempts"
            ),
            {"attempts": attempts},
        )


@pytest.mark.parametrize(
    ("attempts", "status"), [(0, "todo"), (jobs.ATTEMPTS, "failed")]
)
async def test_the_reaper_revives_a_job_until_it_has_killed_too_often(
    database_url: str, sessions: Sessions, attempts: int, status: str
) -> None:
    await stall(sessions, attempts)
    with jobs.connected(database_url) as app:
        async with app.open_async():
            assert await jobs.reap(app) == 1
            assert await jobs.reap(app) == 0
    assert await waiting(sessions) == [f"tests.remember:{status}"]


async def test_the_periodic_tasks_run(database_url: str, sessions: Sessions) -> None:
    with jobs.connected(database_url) as app:
        async with app.open_async():
            await app.configure_task("jobs.reap").defer_async(timestamp=1)
            await app.configure_task("housekeeping.tidy").defer_async(timestamp=1)
            await app.configure_task("files.sweep").defer_async(timestamp=1)
            await app.run_worker_async(
                wait=False,
                listen_notify=False,
                install_signal_handlers=False,
                delete_jobs="never",
                additional_context={"sessions": sessions},
            )
    found = await waiting(sessions)
    assert "jobs.reap:succeeded" in found
    assert "housekeeping.tidy:succeeded" in found
    assert "files.sweep:succeeded" in found


async def test_a_worker_process_shows_its_heartbeat_and_may_be_killed(
    database_url: str, sessions: Sessions, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "TOT_PROFILE": "test",
        "TOT_DATA_DIR": str(tmp_path),
    }
    worker = subprocess.Popen(  # noqa: ASYNC220 - it lives beside this loop
        [sys.executable, "-m", "backoffice", "worker"], env=environment, cwd=ROOT
    )
    try:
        age = None
        for _ in range(150):
            async with transaction(sessions) as session:
                age = await jobs.heartbeat_age(session)
            if age is not None:
                break
            await asyncio.sleep(0.1)
        assert age is not None
        assert age < 30
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0


async def test_without_any_worker_there_is_no_heartbeat(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        assert await jobs.heartbeat_age(session) is None
