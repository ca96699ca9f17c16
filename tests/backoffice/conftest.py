"""Browsers of the four staff roles, and a dispatcher before a conversation."""

from collections.abc import AsyncIterator

import pytest_asyncio
from fastapi import FastAPI

from models import Role
from services.database import Sessions
from tests.backoffice.browser import Browser, signed_in
from tests.backoffice.talk_desk import Talk, at_talk


@pytest_asyncio.fixture(loop_scope="session")
async def admin(app: FastAPI, sessions: Sessions) -> Browser:
    return await signed_in(app, sessions, Role.ADMIN)


@pytest_asyncio.fixture(loop_scope="session")
async def dispatcher(app: FastAPI, sessions: Sessions) -> Browser:
    return await signed_in(app, sessions, Role.DISPATCHER)


@pytest_asyncio.fixture(loop_scope="session")
async def curator(app: FastAPI, sessions: Sessions) -> Browser:
    return await signed_in(app, sessions, Role.CURATOR)


@pytest_asyncio.fixture(loop_scope="session")
async def finance(app: FastAPI, sessions: Sessions) -> Browser:
    return await signed_in(app, sessions, Role.FINANCE)


@pytest_asyncio.fixture(loop_scope="session")
async def talk(app: FastAPI, sessions: Sessions) -> AsyncIterator[Talk]:
    async with at_talk(app, sessions) as made:
        yield made
