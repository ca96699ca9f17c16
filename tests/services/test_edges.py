"""Where transactions begin and end: retries, outages, and the fast lane."""

import uuid

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from services import direct, idempotency
from services.database import Sessions
from services.edges import in_transaction, is_outage, is_rivalry, transaction
from services.errors import Conflict, Unavailable
from services.idempotency import Attempt


def wrapped(state: str) -> DBAPIError:
    cause = psycopg.errors.lookup(state)("x")
    made = DBAPIError.instance("SELECT", {}, cause, psycopg.Error)  # type: ignore[arg-type]
    assert isinstance(made, DBAPIError)
    return made


@pytest.mark.parametrize(
    ("error", "rivalry", "outage"),
    [
        (wrapped("40P01"), True, True),
        (psycopg.errors.SerializationFailure(), True, True),
        (wrapped("57014"), False, True),
        (psycopg.errors.LockNotAvailable(), False, True),
        (psycopg.OperationalError(), False, True),
        (psycopg.errors.ConnectionFailure(), False, True),
        (wrapped("23505"), False, False),
        (psycopg.errors.InsufficientPrivilege(), False, False),
        (sa.exc.TimeoutError(), False, True),
        (ConnectionResetError(), False, True),
        (Conflict(), False, False),
        (ValueError(), False, False),
    ],
    ids=repr,
)
def test_what_is_worth_another_try(
    error: Exception, rivalry: bool, outage: bool
) -> None:
    assert (is_rivalry(error), is_outage(error)) == (rivalry, outage)


def test_a_connection_known_to_be_lost_is_an_outage() -> None:
    lost = wrapped("23505")
    lost.connection_invalidated = True
    assert is_outage(lost)


@pytest.mark.parametrize("losses", [0, 1, 2])
async def test_rivals_start_anew_twice(sessions: Sessions, losses: int) -> None:
    tries: list[AsyncSession] = []

    async def work(session: AsyncSession) -> int:
        tries.append(session)
        if len(tries) <= losses:
            raise wrapped("40001")
        return 5

    assert await in_transaction(sessions, work) == 5
    assert len({id(each) for each in tries}) == losses + 1


@pytest.mark.parametrize(
    ("error", "seen"),
    [(wrapped("40P01"), Unavailable), (Conflict(), Conflict), (KeyError(), KeyError)],
    ids=["rival", "refusal", "unforeseen"],
)
async def test_what_lasts_is_told(
    sessions: Sessions, error: Exception, seen: type[Exception]
) -> None:
    async def work(session: AsyncSession) -> None:
        raise error

    with pytest.raises(seen):
        await in_transaction(sessions, work)


async def test_direct_statements_stand_in_the_same_transaction(
    sessions: Sessions,
) -> None:
    async with transaction(sessions) as session:
        await session.execute(sa.text("CREATE TEMP TABLE t (n int) ON COMMIT DROP"))
        for number in range(3):
            sql = "INSERT INTO t VALUES (%(n)s) RETURNING n"
            row = await direct.fetch_one(session, sql, {"n": number})
            assert row is not None
            assert row.n == number
        rows = await direct.fetch_all(session, "SELECT n FROM t ORDER BY n", {})
        assert [row.n for row in rows] == [0, 1, 2]
        assert (
            await direct.fetch_one(session, "SELECT n FROM t WHERE n > 5", {}) is None
        )
        await session.commit()
        pid = await direct.fetch_one(session, "SELECT pg_backend_pid() AS pid", {})
        assert pid is not None


async def test_a_direct_statement_that_takes_too_long_leaves_the_connection(
    sessions: Sessions,
) -> None:
    async def work() -> None:
        async with transaction(sessions) as session:
            await session.execute(sa.text("SET LOCAL statement_timeout = 20"))
            await direct.fetch_one(session, "SELECT pg_sleep(5)", {})

    with pytest.raises(psycopg.errors.QueryCanceled):
        await work()


async def test_a_lost_connection_under_a_direct_statement_is_an_outage(
    sessions: Sessions,
) -> None:
    async def work() -> None:
        async with transaction(sessions) as session:
            row = await direct.fetch_one(session, "SELECT pg_backend_pid() AS pid", {})
            assert row is not None
            async with transaction(sessions) as other:
                await direct.fetch_one(
                    other, "SELECT pg_terminate_backend(%(pid)s)", {"pid": row.pid}
                )
            await direct.fetch_one(session, "SELECT 1", {})

    with pytest.raises(DBAPIError) as lost:
        await work()
    assert is_outage(lost.value)
    assert lost.value.connection_invalidated


async def test_the_first_answer_to_a_key_stays(session: AsyncSession) -> None:
    attempt = Attempt(uuid.uuid4(), "POST", "/v1/x", "k", "h" * 64)
    assert await idempotency.keep(session, attempt, 201, "one")
    assert not await idempotency.keep(session, attempt, 201, "two")
    other = Attempt(attempt.user_id, "POST", "/v1/x", "k2", "h" * 64)
    assert attempt.lock != other.lock
    assert -(2**63) <= attempt.lock < 2**63
