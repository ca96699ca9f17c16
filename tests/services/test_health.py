"""When the service calls itself ready."""

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import health


async def beat(session: AsyncSession, seconds_ago: int) -> None:
    await session.execute(
        sa.text(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - make_interval(secs => :ago))"
        ),
        {"ago": seconds_ago},
    )


async def test_without_a_worker_it_is_not_ready(session: AsyncSession) -> None:
    assert await health.troubles(session) == ["worker"]


async def test_a_silent_worker_is_none(session: AsyncSession) -> None:
    await beat(session, 31)
    assert await health.troubles(session) == ["worker"]
    await beat(session, 29)
    assert await health.troubles(session) == []


async def test_a_pending_migration_comes_first(session: AsyncSession) -> None:
    await beat(session, 1)
    await session.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    assert await health.troubles(session) == ["migration"]
