"""An endpoint that does what a test tells it to do."""

from collections.abc import Awaitable, Callable
from typing import Any

from httpx import AsyncClient
from pydantic import BaseModel
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Address
from services.database import Sessions
from services.edges import transaction

Work = Callable[[AsyncSession], Awaitable[None]]


class Body(BaseModel):
    text: str


class Probe:
    """An endpoint that does what a test tells it to do."""

    def __init__(self) -> None:
        self.calls = 0
        self.work: Work | None = None


async def saved(sessions: Sessions) -> list[str]:
    async with transaction(sessions) as session:
        return list((await session.exec(select(Address.text))).all())


async def post(
    client: AsyncClient, headers: dict[str, str], text: str = "Арбат"
) -> Any:
    return await client.post("/v1/probe", json={"text": text}, headers=headers)
