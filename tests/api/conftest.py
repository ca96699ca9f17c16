"""The real application behind a client that needs no socket."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.config import Settings
from services.database import Sessions
from tests.api.helpers import api_alone
from tests.api.server import served
from tests.paying import HOOK, paid_through
from tests.yookassa_server import YooKassa


@pytest_asyncio.fixture(loop_scope="session")
async def client(app: FastAPI, sessions: Sessions) -> AsyncIterator[AsyncClient]:
    """A client that speaks English; the tables are emptied afterwards."""
    async with AsyncClient(
        transport=ASGITransport(app),
        base_url="http://testserver",
        headers={"accept-language": "en"},
    ) as made:
        yield made


@pytest.fixture
def till(app: FastAPI, provider: YooKassa, settings: Settings) -> Iterator[YooKassa]:
    """The application takes money through the local provider."""
    with paid_through(provider, settings, app):
        yield provider


@pytest.fixture
def heard(till: YooKassa, settings: Settings, database_url: str) -> Iterator[YooKassa]:
    """The provider's notices arrive at a served application of ours."""
    with (
        paid_through(till, settings) as told,
        served(api_alone(told, database_url)) as address,
    ):
        till.webhook(address + HOOK)
        yield till
        till.webhook("")
