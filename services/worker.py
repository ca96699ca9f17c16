"""The worker process: runs jobs, and ends itself rather than live as a zombie."""

import asyncio
import os
from collections.abc import Callable

import structlog
from procrastinate.worker import Worker

from services import (
    booking_notices,
    chat_digest,
    expiry,
    invariant_watch,
    jobs,
    ledger_snapshots,
    money_poll,
    notification_delivery,
    password_reset,
    payment_watch,
    planned_duty,
    receipt_sending,
    recon,
    recon_leftovers,
    refund_sending,
    retention,
    settlements,
    shop_check,
    sla_watch,
    sms_states,
    telegram_cleanup,
    webhook_handling,
)
from services.config import Settings
from services.database import Sessions, make_engine, make_sessions
from services.edges import transaction

LOOK_SECONDS = 10.0
SILENT_SECONDS = 60.0

# Jobs exist for the queue once the modules that define them are loaded.
DEFINED_IN = (
    booking_notices,
    chat_digest,
    expiry,
    invariant_watch,
    jobs,
    ledger_snapshots,
    money_poll,
    notification_delivery,
    password_reset,
    payment_watch,
    planned_duty,
    receipt_sending,
    recon,
    recon_leftovers,
    refund_sending,
    retention,
    settlements,
    shop_check,
    sla_watch,
    sms_states,
    telegram_cleanup,
    webhook_handling,
)

log = structlog.get_logger(__name__)


async def run_worker(url: str, settings: Settings) -> None:
    """Work until told to stop; the supervisor starts a fresh one after an exit."""
    engine = make_engine(url, settings, pool_size=5, max_overflow=5)
    sessions = make_sessions(engine)
    try:
        with jobs.connected(url) as app:
            async with app.open_async():
                worker = Worker(
                    app,
                    concurrency=4,
                    additional_context={"sessions": sessions},
                    delete_jobs="successful",
                    shutdown_graceful_timeout=10,
                )
                watcher = asyncio.create_task(watch(sessions, worker))
                try:
                    await worker.run()  # type: ignore[no-untyped-call]
                finally:
                    watcher.cancel()
    finally:
        await engine.dispose()


async def watch(
    sessions: Sessions, worker: Worker, end: Callable[[int], None] = os._exit
) -> None:
    """End the process once its own heartbeat has been missing for a while.

    After a long outage the library's worker may live on without taking jobs; its
    heartbeat stops then, which is the only trustworthy sign of life.
    """
    loop = asyncio.get_running_loop()
    last_good = loop.time()
    while loop.time() - last_good < SILENT_SECONDS:
        await asyncio.sleep(LOOK_SECONDS)
        if await _beats(sessions, worker):
            last_good = loop.time()
    log.error("worker silent, exiting", seconds=SILENT_SECONDS)
    end(1)


async def _beats(sessions: Sessions, worker: Worker) -> bool:
    try:
        async with transaction(sessions) as session:
            age = await jobs.heartbeat_age(session, worker.worker_id)
    except Exception:  # noqa: BLE001 - any failure only means: not seen alive
        return False
    return age is not None and age < SILENT_SECONDS / 2
