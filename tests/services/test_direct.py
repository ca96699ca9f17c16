"""Statements past the unit of work stand and fall with everything around them."""

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import direct


class Stop(Exception):
    """Something that goes wrong."""


ADD = "INSERT INTO line VALUES (%(n)s) RETURNING n"


@pytest.fixture
async def lines(session: AsyncSession) -> AsyncSession:
    await session.execute(sa.text("CREATE TEMP TABLE line (n int) ON COMMIT DROP"))
    return session


async def written(session: AsyncSession) -> list[int]:
    rows = await direct.fetch_all(session, "SELECT n FROM line ORDER BY n", {})
    return [row.n for row in rows]


async def undone(session: AsyncSession, number: int) -> None:
    async with session.begin_nested():
        await direct.fetch_one(session, ADD, {"n": number})
        raise Stop


async def test_a_savepoint_takes_them_back(lines: AsyncSession) -> None:
    await direct.fetch_one(lines, ADD, {"n": 1})
    with pytest.raises(Stop):
        await undone(lines, 2)
    assert await written(lines) == [1]


async def test_a_savepoint_within_another_takes_back_its_own(
    lines: AsyncSession,
) -> None:
    async with lines.begin_nested():
        await direct.fetch_one(lines, ADD, {"n": 1})
        with pytest.raises(Stop):
            await undone(lines, 2)
        await direct.fetch_one(lines, ADD, {"n": 3})
    await direct.fetch_one(lines, ADD, {"n": 4})
    assert await written(lines) == [1, 3, 4]
