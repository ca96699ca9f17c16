"""The real application behind a client that needs no socket."""

from collections.abc import AsyncIterator

import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from backoffice.app import create_app
from services.config import Settings
from services.database import Sessions


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app(settings: Settings, database_url: str) -> AsyncIterator[FastAPI]:
    """The whole application on the database of this worker."""
    made = create_app(settings, database_url)
    yield made
    await made.state.engine.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def client(app: FastAPI, sessions: Sessions) -> AsyncIterator[AsyncClient]:
    """A client that speaks English; the tables are emptied afterwards."""
    async with AsyncClient(
        transport=ASGITransport(app),
        base_url="http://testserver",
        headers={"accept-language": "en"},
    ) as made:
        yield made
