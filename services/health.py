"""Whether the service can do its work, and what is down if not."""

from sqlmodel.ext.asyncio.session import AsyncSession

from services import jobs, migrations

WORKER_SILENT_SECONDS = 30


async def troubles(session: AsyncSession) -> list[str]:
    """Name what is down: a pending migration, a worker that shows no life."""
    if await migrations.pending(session):
        return ["migration"]
    age = await jobs.heartbeat_age(session)
    alive = age is not None and age < WORKER_SILENT_SECONDS
    return [] if alive else ["worker"]
