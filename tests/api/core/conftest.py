"""The API with one more route, and somebody who calls it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException

from api.deps import CurrentUser, SessionDep
from api.routing import router
from models import Address, User
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import api_alone, signed_in

Work = Callable[[AsyncSession], Awaitable[None]]
from tests.api.core.probe import Body, Probe


@pytest_asyncio.fixture(loop_scope="session")
async def user(sessions: Sessions) -> User:
    async with transaction(sessions) as session:
        return await factories.patient(session)


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest_asyncio.fixture(loop_scope="session")
async def app(
    settings: Settings, database_url: str, probe: Probe
) -> AsyncIterator[FastAPI]:
    """The API with one more route, on a pool of two connections."""
    made = api_alone(
        settings, database_url, pool_size=2, max_overflow=0, pool_timeout=0.5
    )
    routes = router("/v1/probe", "Probe")

    @routes.post("", status_code=201)
    async def act(body: Body, session: SessionDep, caller: CurrentUser) -> Body:
        probe.calls += 1
        session.add(Address(user_id=caller.user_id, text=body.text))
        await session.flush()
        if probe.work is not None:
            await probe.work(session)
        return body

    @routes.post("/empty", status_code=204)
    async def empty(session: SessionDep, caller: CurrentUser) -> None:
        probe.calls += 1

    @routes.get("/http")
    async def http() -> None:
        raise HTTPException(418)

    made.include_router(routes)
    yield made
    await made.state.engine.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def headers(sessions: Sessions, user: User) -> dict[str, str]:
    return await signed_in(sessions, user)
