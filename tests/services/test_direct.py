"""Statements past the unit of work stand and fall with everything around them."""

import psycopg
import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import direct
from services.database import Sessions
from services.edges import is_outage


class Stop(Exception):
    """Something that goes wrong."""


PID = "SELECT pg_backend_pid() AS pid"
KILL = "SELECT pg_terminate_backend(%(pid)s)"
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


async def test_statements_that_go_together_run_in_order(lines: AsyncSession) -> None:
    rows = "SELECT count(*) AS count FROM line"
    asked: list[direct.Statement] = [(rows, {}), (ADD, {"n": 1}), (rows, {})]
    before, added, after = await direct.fetch_together(lines, asked)
    assert (before[0].count, added[0].n, after[0].count) == (0, 1, 1)


async def test_one_of_them_that_fails_fails_all(lines: AsyncSession) -> None:
    asked: list[direct.Statement] = [(ADD, {"n": 1}), ("SELECT 1 / 0", {}), (ADD, {})]
    with pytest.raises(psycopg.Error):
        async with lines.begin_nested():
            await direct.fetch_together(lines, asked)
    assert await written(lines) == []


@pytest.mark.parametrize("together", [False, True])
async def test_a_lost_server_is_an_outage(sessions: Sessions, together: bool) -> None:
    async def ask(session: AsyncSession) -> None:
        if together:
            await direct.fetch_together(session, [(PID, {}), (PID, {})])
        else:
            await direct.fetch_one(session, PID, {})

    async with sessions() as lost:
        row = await direct.fetch_one(lost, PID, {})
        assert row is not None
        async with sessions() as other:
            await direct.fetch_one(other, KILL, {"pid": row.pid})
        with pytest.raises(Exception) as failure:  # noqa: PT011 - of two libraries
            await ask(lost)
        assert is_outage(failure.value)


async def test_an_outage_that_leaves_the_connection_is_told_as_it_is(
    session: AsyncSession,
) -> None:
    late = "SELECT pg_sleep(1)"
    await session.execute(sa.text("SET LOCAL statement_timeout = 50"))
    with pytest.raises(psycopg.OperationalError):
        async with session.begin_nested():
            await direct.fetch_one(session, late, {})
    with pytest.raises(psycopg.OperationalError):
        async with session.begin_nested():
            await direct.fetch_together(session, [(late, {})])
