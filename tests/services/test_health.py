"""What a probe of readiness is told."""

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services.health import troubles


async def beat(session: AsyncSession, age: str) -> None:
    await session.execute(
        sa.text(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - CAST(:age AS interval))"
        ),
        {"age": age},
    )


async def test_a_worker_that_never_was_or_went_silent_is_named(
    session: AsyncSession,
) -> None:
    assert await troubles(session) == ["worker"]
    await beat(session, "31 seconds")
    assert await troubles(session) == ["worker"]
    await beat(session, "1 second")
    assert await troubles(session) == []


async def test_an_old_schema_is_named_before_all_else(session: AsyncSession) -> None:
    await session.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    assert await troubles(session) == ["migration"]
