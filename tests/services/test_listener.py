"""Notifications reach every ear, and the connection heals by itself."""

import asyncio
import uuid

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services import listener, live
from services.database import Sessions
from services.edges import transaction
from services.listener import Listener
from services.live import Topic

pytestmark = pytest.mark.asyncio(loop_scope="session")
Heard = asyncio.Queue[tuple[Topic | None, uuid.UUID | None]]


async def test_what_is_committed_is_heard(
    engine: AsyncEngine, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "RETRY_SECONDS", 0.05)
    ears = Listener(engine.url)
    heard: Heard = asyncio.Queue()
    forget = ears.subscribe(lambda topic, row: heard.put_nowait((topic, row)))
    running = asyncio.create_task(ears.run())
    assert await asyncio.wait_for(heard.get(), 5) == (None, None)
    row = uuid.uuid4()
    async with transaction(sessions) as session:
        await session.execute(
            sa.text(f"SELECT pg_notify('{live.CHANNEL}', 'nonsense')")
        )
        await live.announce(session, Topic.CALL, row)
    assert await asyncio.wait_for(heard.get(), 5) == (Topic.CALL, row)
    async with transaction(sessions) as session:
        await session.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE query = 'LISTEN {live.CHANNEL}'"
                " AND datname = current_database()"
            )
        )
    assert await asyncio.wait_for(heard.get(), 5) == (None, None)
    forget()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
