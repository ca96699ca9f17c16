"""The real application behind a client that needs no socket."""

from collections.abc import AsyncIterator

import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.database import Sessions


@pytest_asyncio.fixture(loop_scope="session")
async def client(app: FastAPI, sessions: Sessions) -> AsyncIterator[AsyncClient]:
    """A client that speaks English; the tables are emptied afterwards."""
    async with AsyncClient(
        transport=ASGITransport(app),
        base_url="http://testserver",
        headers={"accept-language": "en"},
    ) as made:
        yield made
