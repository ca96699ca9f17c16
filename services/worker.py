"""The worker process: runs jobs, and ends itself rather than live as a zombie."""

import asyncio
import os

import structlog

from services import jobs
from services.config import Settings
from services.database import Sessions, make_engine, make_sessions
from services.edges import transaction

WATCH_SECONDS = 10
SILENT_SECONDS = 60

log = structlog.get_logger(__name__)


async def run_worker(url: str, settings: Settings) -> None:
    """Work until told to stop; the supervisor starts a fresh one after an exit."""
    engine = make_engine(url, settings, pool_size=5, max_overflow=5)
    sessions = make_sessions(engine)
    watch = asyncio.create_task(_watch(sessions))
    try:
        with jobs.connected(url) as app:
            async with app.open_async():
                await app.run_worker_async(
                    concurrency=4,
                    additional_context={"sessions": sessions},
                    delete_jobs="successful",
                    shutdown_graceful_timeout=10,
                )
    finally:
        watch.cancel()
        await engine.dispose()


async def _watch(sessions: Sessions) -> None:
    # After a long outage the library's worker may live on without taking jobs;
    # its heartbeat stops then, which is the only trustworthy sign of life.
    loop = asyncio.get_running_loop()
    last_good = loop.time()
    while loop.time() - last_good < SILENT_SECONDS:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            async with transaction(sessions) as session:
                age = await jobs.heartbeat_age(session)
        except Exception:  # noqa: BLE001 - any failure only means: not seen alive
            age = None
        if age is not None and age < SILENT_SECONDS / 2:
            last_good = loop.time()
    log.error("worker silent, exiting", seconds=SILENT_SECONDS)
    os._exit(1)
