"""Jobs: work that outlives its request, on the same PostgreSQL.

A job is enqueued in its caller's transaction: rolled back, it never was. Arguments
are ids only. A body runs in a transaction of its own and must bear being run twice.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import procrastinate
import sqlalchemy as sa
import structlog
from procrastinate import JobContext, PsycopgConnector
from procrastinate.jobs import Status
from sqlalchemy.engine import make_url
from sqlmodel.ext.asyncio.session import AsyncSession

from services import file_sweep, housekeeping
from services.database import Sessions
from services.edges import in_transaction

Body = Callable[..., Awaitable[None]]

# What follows up may wait behind what somebody waits for.
LATER = -10
STALLED_SECONDS = 30.0
ATTEMPTS = 5

log = structlog.get_logger(__name__)
queue = procrastinate.App(connector=PsycopgConnector())


def job(name: str, **options: Any) -> Callable[[Body], Body]:
    """Register `async def body(session, **ids)` under a name such as "noun.verb"."""

    def register(body: Body) -> Body:
        async def run(context: JobContext, /, **ids: Any) -> None:
            sessions: Sessions = context.additional_context["sessions"]
            await in_transaction(sessions, lambda session: body(session, **ids))

        task_options = {"retry": procrastinate.RetryStrategy(max_attempts=ATTEMPTS)}
        queue.task(name=name, pass_context=True, **(task_options | options))(run)
        return body

    return register


async def enqueue(session: AsyncSession, name: str, **ids: Any) -> None:
    """Add a job that exists exactly if the session's transaction commits."""
    await _defer(session, name, {}, ids)


async def enqueue_later(
    session: AsyncSession, name: str, wait: timedelta, **ids: Any
) -> None:
    """Add a job in the same way that runs once the wait is over, not sooner."""
    await _defer(session, name, {"schedule_in": {"seconds": wait.seconds}}, ids)


async def _defer(
    session: AsyncSession, name: str, how: Mapping[str, Any], ids: Mapping[str, Any]
) -> None:
    connection = await session.connection()
    raw = (await connection.get_raw_connection()).driver_connection
    deferrer = queue.configure_task(name, connection=raw, **how)
    await deferrer.defer_async(**{key: str(value) for key, value in ids.items()})


async def enqueue_missing(
    session: AsyncSession, name: str, field: str, ids: Sequence[uuid.UUID]
) -> int:
    """Enqueue a job for each id that none waits for yet; gives how many.

    A sweep that runs often would otherwise pile up jobs while they cannot be done.
    """
    waiting = sa.text(
        "SELECT args ->> :field FROM procrastinate_jobs"
        " WHERE task_name = :name AND status = 'todo'"
    )
    known = set(await session.scalars(waiting, {"name": name, "field": field}))
    missing = [each for each in ids if str(each) not in known]
    for each in missing:
        await enqueue(session, name, **{field: each})
    return len(missing)


@contextmanager
def connected(url: str) -> Iterator[procrastinate.App]:
    """Give the queue a pool of its own on the database of the URL.

    Swapped in place, because periodic tasks defer through the queue they were
    registered on.
    """
    plain = make_url(url).set(drivername="postgresql")
    connector = PsycopgConnector(
        conninfo=plain.render_as_string(hide_password=False),
        kwargs={"options": "-c search_path=public,jobs -c timezone=UTC"},
        min_size=1,
        max_size=6,
    )
    with queue.replace_connector(connector) as app:
        yield app


async def heartbeat_age(
    session: AsyncSession, worker_id: int | None = None
) -> float | None:
    """Seconds since a worker, or else any, last showed life; None if none ever did."""
    age = await session.scalar(
        sa.text(
            "SELECT extract(epoch FROM now() - max(last_heartbeat))"
            " FROM procrastinate_workers"
            " WHERE id = coalesce(CAST(:worker AS bigint), id)"
        ),
        {"worker": worker_id},
    )
    return None if age is None else float(age)


async def reap(app: procrastinate.App) -> int:
    """Revive the jobs of dead workers, and give up those that keep killing them."""
    stalled = await app.job_manager.get_stalled_jobs(
        seconds_since_heartbeat=STALLED_SECONDS
    )
    stalled = list(stalled)
    for found in stalled:
        if found.attempts >= ATTEMPTS:
            await app.job_manager.finish_job(
                found, status=Status.FAILED, delete_job=False
            )
            log.error("job given up", job_id=found.id, task=found.task_name)
        else:
            await app.job_manager.retry_job(found)
            log.warning("job revived", job_id=found.id, task=found.task_name)
    return len(stalled)


@queue.periodic(cron="* * * * *", periodic_id="reap")
@queue.task(name="jobs.reap", pass_context=True)
async def reap_periodically(context: JobContext, timestamp: int) -> None:
    """Look for jobs of dead workers every minute."""
    await reap(context.app)


@queue.periodic(cron="*/10 * * * *", periodic_id="tidy")
@queue.task(name="housekeeping.tidy", pass_context=True)
async def tidy_periodically(context: JobContext, timestamp: int) -> None:
    """Delete what has run out, every ten minutes."""
    sessions: Sessions = context.additional_context["sessions"]
    await in_transaction(sessions, housekeeping.tidy)


@queue.periodic(cron="5-59/10 * * * *", periodic_id="sweep")
@queue.task(name="files.sweep", pass_context=True)
async def sweep_periodically(context: JobContext, timestamp: int) -> None:
    """Delete files without a row, every ten minutes."""
    sessions: Sessions = context.additional_context["sessions"]
    await in_transaction(sessions, file_sweep.sweep)
