"""One attempt is one transaction: commits, retries, outages."""

import asyncio
import time

import psycopg
import pytest
import sqlalchemy as sa
from httpx import AsyncClient
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException

from api import problems
from services.database import Sessions
from services.edges import transaction
from services.errors import Conflict, TooManyBookings
from tests.api.core.probe import Probe, Work, post, saved
from tests.api.helpers import is_problem, key


def failing(times: int, error: Exception) -> Work:
    """Fail so many times and then work."""
    left = [error] * times

    async def work(session: AsyncSession) -> None:
        if left:
            raise left.pop()

    return work


def rivalry(state: str = "40P01") -> DBAPIError:
    cause = psycopg.errors.lookup(state)("rival")
    return DBAPIError.instance("SELECT", {}, cause, psycopg.Error)  # type: ignore[return-value,arg-type]


async def test_a_success_is_committed_before_the_answer(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str]
) -> None:
    answer = await post(client, headers)
    assert (answer.status_code, answer.json()) == (201, {"text": "Арбат"})
    assert await saved(sessions) == ["Арбат"]


@pytest.mark.parametrize("state", ["40P01", "40001"])
@pytest.mark.parametrize("losses", [1, 2])
async def test_the_loser_against_a_rival_starts_anew(
    client: AsyncClient,
    sessions: Sessions,
    headers: dict[str, str],
    probe: Probe,
    losses: int,
    state: str,
) -> None:
    probe.work = failing(losses, rivalry(state))
    assert (await post(client, headers | key())).status_code == 201
    assert probe.calls == losses + 1
    assert await saved(sessions) == ["Арбат"]


async def test_after_two_retries_the_service_is_unavailable(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str], probe: Probe
) -> None:
    probe.work = failing(3, psycopg.errors.DeadlockDetected("raw"))
    answer = await post(client, headers)
    is_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert probe.calls == 3
    assert await saved(sessions) == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Conflict(), 409, "conflict"),
        (TooManyBookings(limit=10), 429, "too_many_bookings"),
        (HTTPException(403), 403, "forbidden"),
        (HTTPException(405), 405, "method_not_allowed"),
        (HTTPException(418), 400, "bad_request"),
        (
            OperationalError("SELECT", {}, psycopg.OperationalError()),
            503,
            "unavailable",
        ),
        (psycopg.InterfaceError(), 503, "unavailable"),
        (ConnectionRefusedError(), 503, "unavailable"),
        (sa.exc.TimeoutError(), 503, "unavailable"),
        (sa.exc.DataError("SELECT", {}, psycopg.DataError()), 422, "validation_error"),
        (
            sa.exc.StatementError("x", "SELECT", {}, ValueError()),
            422,
            "validation_error",
        ),
        (ZeroDivisionError("secret"), 500, "internal_error"),
        (
            sa.exc.IntegrityError(
                "INSERT secret", {}, psycopg.IntegrityError("secret")
            ),
            500,
            "internal_error",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
async def test_every_error_is_a_problem_and_leaves_nothing(
    client: AsyncClient,
    sessions: Sessions,
    headers: dict[str, str],
    probe: Probe,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
) -> None:
    probe.work = failing(1, error)
    answer = await post(client, headers | key())
    is_problem(answer, status, code)
    assert "secret" not in answer.text + caplog.text
    assert await saved(sessions) == []
    assert probe.calls == 1


async def test_a_commit_that_fails_is_no_success(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str], probe: Probe
) -> None:
    async def work(session: AsyncSession) -> None:
        await session.execute(
            sa.text(
                "CREATE TEMP TABLE net (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)"
                " ON COMMIT DROP"
            )
        )
        await session.execute(sa.text("INSERT INTO net VALUES (1), (1)"))

    probe.work = work
    is_problem(await post(client, headers | key()), 500, "internal_error")
    assert await saved(sessions) == []


async def test_an_unforeseen_error_gives_a_reference_only(
    client: AsyncClient, headers: dict[str, str], probe: Probe
) -> None:
    probe.work = failing(1, RuntimeError("SELECT password FROM app_user"))
    body = is_problem(await post(client, headers), 500, "internal_error")
    assert set(body) == {"type", "title", "status", "detail", "code", "reference"}
    assert body["reference"] in body["detail"]


async def test_a_spent_pool_is_503_soon_and_heals(
    client: AsyncClient, headers: dict[str, str], probe: Probe
) -> None:
    release, all_in = asyncio.Event(), asyncio.Event()

    async def work(session: AsyncSession) -> None:
        if probe.calls == 2:
            all_in.set()
        await release.wait()

    probe.work = work
    holders = [asyncio.create_task(post(client, headers)) for _ in range(2)]
    await all_in.wait()
    start = time.perf_counter()
    is_problem(await post(client, headers), 503, "unavailable")
    assert time.perf_counter() - start < 2
    release.set()
    assert [answer.status_code for answer in await asyncio.gather(*holders)] == [
        201
    ] * 2
    assert (await post(client, headers)).status_code == 201


async def test_connections_that_died_are_replaced_after_one_503(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str], probe: Probe
) -> None:
    backends: list[int] = []

    async def work(session: AsyncSession) -> None:
        backends.append(await session.scalar(sa.text("SELECT pg_backend_pid()")) or 0)
        await session.execute(sa.text("SELECT pg_sleep(0.1)"))

    probe.work = work
    both = await asyncio.gather(post(client, headers), post(client, headers))
    assert [answer.status_code for answer in both] == [201] * 2
    async with transaction(sessions) as session:
        await session.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM unnest(:pids) AS pid"),
            {"pids": backends},
        )
    assert len(set(backends)) == 2
    probe.work = None
    codes = [(await post(client, headers)).status_code for _ in range(4)]
    assert codes == [503, 201, 201, 201]


async def test_raised_http_errors_are_problems_too(client: AsyncClient) -> None:
    is_problem(await client.get("/v1/probe/http"), 400, "bad_request")


def test_errors_of_an_endpoint_are_declared() -> None:
    declared = problems.problems(401, 409)
    assert {401, 409, 404, 413, 422, 500, 503} == set(declared)
