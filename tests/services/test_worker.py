"""A real worker process: killed in the middle of a job, silent, told to stop."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from procrastinate.worker import Worker

from services import jobs, worker
from services.config import Settings
from services.database import Sessions, make_engine, make_sessions
from services.edges import transaction

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from services import jobs
from services.config import Settings
from services.worker import run_worker

@jobs.job("tests.slow")
async def slow(session, file):
    with Path(file).open("a") as trace:
        trace.write("began ")
    if not Path(file + ".quick").exists():
        await asyncio.sleep(60)
    with Path(file).open("a") as trace:
        trace.write("ended ")

url = os.environ["DATABASE_URL"]
asyncio.run(run_worker(url, Settings(secret_key="k" * 40)))
"""


@jobs.job("tests.slow")
async def slow(session: Any, file: str) -> None:
    """Known here by name only; the worker's process has the body."""


@pytest.fixture
def start(
    database_url: str, tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    environment = {**os.environ, "DATABASE_URL": database_url}
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=environment, cwd=ROOT
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.05)


async def test_a_job_whose_worker_was_killed_is_done_by_the_next_one(
    start: Callable[[], subprocess.Popen[bytes]],
    sessions: Sessions,
    database_url: str,
    tmp_path: Path,
) -> None:
    trace = tmp_path / "trace"
    async with transaction(sessions) as session:
        await jobs.enqueue(session, "tests.slow", file=trace)
    first = start()
    await until(trace.exists)
    first.send_signal(signal.SIGKILL)
    first.wait()
    (tmp_path / "trace.quick").touch()
    async with transaction(sessions) as session:
        # A minute goes by.
        await session.execute(
            sa.text(
                "UPDATE procrastinate_workers"
                " SET last_heartbeat = last_heartbeat - interval '1 minute'"
            )
        )
    with jobs.connected(database_url) as app:
        async with app.open_async():
            assert await jobs.reap(app) >= 1
    second = start()
    await until(lambda: "ended" in trace.read_text())
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0
    assert trace.read_text().split() == ["began", "began", "ended"]


async def test_a_worker_sees_its_own_heartbeat_and_not_a_neighbours(
    sessions: Sessions,
) -> None:
    async with transaction(sessions) as session:
        own = await session.scalar(
            sa.text(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES"
                " (now() - interval '5 minutes') RETURNING id"
            )
        )
        await session.execute(
            sa.text("INSERT INTO procrastinate_workers DEFAULT VALUES")
        )
        age = await jobs.heartbeat_age(session, own)
        anybody = await jobs.heartbeat_age(session)
    assert age is not None
    assert age > 200
    assert anybody is not None
    assert anybody < 10


async def watched(
    sessions: Sessions, worker_id: int | None, monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """Watch for a fraction of a second; gives the exit codes it asked for."""
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(worker, "SILENT_SECONDS", 0.6)
    codes: list[int] = []
    stand_in = cast("Worker", SimpleNamespace(worker_id=worker_id))
    try:
        async with asyncio.timeout(1.5):
            await worker.watch(sessions, stand_in, codes.append)
    except TimeoutError:
        pass
    return codes


async def test_a_silent_worker_ends_its_process(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await watched(sessions, 0, monkeypatch) == [1]


async def test_a_worker_without_a_database_ends_its_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = make_engine("postgresql+psycopg:///tot?host=/no/such/folder", settings)
    assert await watched(make_sessions(nowhere), 1, monkeypatch) == [1]
    await nowhere.dispose()


async def test_a_beating_worker_goes_on(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with transaction(sessions) as session:
        ahead = await session.scalar(
            sa.text(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES"
                " (now() + interval '1 hour') RETURNING id"
            )
        )
    assert await watched(sessions, ahead, monkeypatch) == []


async def test_a_worker_in_this_process_stops_when_it_is_cancelled(
    database_url: str, settings: Settings, sessions: Sessions
) -> None:
    running = asyncio.create_task(worker.run_worker(database_url, settings))
    deadline = time.monotonic() + 20
    age = None
    while age is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
        async with transaction(sessions) as session:
            age = await jobs.heartbeat_age(session)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_the_worker_knows_the_jobs_of_every_module() -> None:
    # As a decorator, or called where one body serves several jobs.
    marks = re.compile(
        r"^@(jobs\.)?(job|queue\.task)\(|^ +jobs\.queue\.task\(", re.MULTILINE
    )
    modules = {
        path.stem
        for path in Path(worker.__file__).parent.glob("*.py")
        if marks.search(path.read_text())
    }
    assert modules == {each.__name__.split(".")[-1] for each in worker.DEFINED_IN}
