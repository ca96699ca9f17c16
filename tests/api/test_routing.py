"""One attempt is one transaction: commits, retries, outages, repeated keys."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import psycopg
import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException

from api import problems
from api.deps import CurrentUser, SessionDep
from api.routing import router
from models import Address, IdempotencyRecord, User
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.errors import Conflict, TooManyBookings
from tests import factories
from tests.api.helpers import api_alone, is_problem, key, signed_in, wrong_fields

Work = Callable[[AsyncSession], Awaitable[None]]


class Body(BaseModel):
    text: str


class Probe:
    """An endpoint that does what a test tells it to do."""

    def __init__(self) -> None:
        self.calls = 0
        self.work: Work | None = None


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


async def saved(sessions: Sessions) -> list[str]:
    async with transaction(sessions) as session:
        return list((await session.exec(select(Address.text))).all())


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


async def post(
    client: AsyncClient, headers: dict[str, str], text: str = "Арбат"
) -> Any:
    return await client.post("/v1/probe", json={"text": text}, headers=headers)


@pytest_asyncio.fixture(loop_scope="session")
async def headers(sessions: Sessions, user: User) -> dict[str, str]:
    return await signed_in(sessions, user)


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


async def test_the_same_key_gives_the_first_answer(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str], probe: Probe
) -> None:
    once = headers | key()
    first, second = await post(client, once), await post(client, once)
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["content-type"] == "application/json"
    assert probe.calls == 1
    assert await saved(sessions) == ["Арбат"]


async def test_an_empty_answer_is_replayed_too(
    client: AsyncClient, headers: dict[str, str], probe: Probe
) -> None:
    once = headers | key()
    for _ in range(2):
        answer = await client.post("/v1/probe/empty", headers=once)
        assert (answer.status_code, answer.content) == (204, b"")
    assert probe.calls == 1


async def test_a_key_with_another_body_or_query_is_refused(
    client: AsyncClient, headers: dict[str, str]
) -> None:
    once = headers | key()
    await post(client, once)
    is_problem(await post(client, once, "Тверская"), 422, "idempotency_key_reused")
    answer = await client.post("/v1/probe?x=1", json={"text": "Арбат"}, headers=once)
    is_problem(answer, 422, "idempotency_key_reused")


async def test_keys_belong_to_one_user_and_path(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str], probe: Probe
) -> None:
    async with transaction(sessions) as session:
        other = await factories.patient(session)
    shared = key()
    assert (await post(client, headers | shared)).status_code == 201
    theirs = (await signed_in(sessions, other)) | shared
    answer = await post(client, theirs, "Тверская")
    assert (answer.status_code, answer.json()) == (201, {"text": "Тверская"})
    empty = await client.post("/v1/probe/empty", headers=headers | shared)
    assert empty.status_code == 204
    assert probe.calls == 3


async def test_refusals_are_not_kept(
    client: AsyncClient, headers: dict[str, str], probe: Probe
) -> None:
    once = headers | key()
    probe.work = failing(1, Conflict())
    is_problem(await post(client, once), 409, "conflict")
    assert (await post(client, once)).status_code == 201


async def test_of_parallel_twins_one_works(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str], probe: Probe
) -> None:
    once, started, release = headers | key(), asyncio.Event(), asyncio.Event()

    async def work(session: AsyncSession) -> None:
        started.set()
        await release.wait()

    probe.work = work
    first = asyncio.create_task(post(client, once))
    await started.wait()
    is_problem(await post(client, once), 409, "idempotency_in_progress")
    release.set()
    assert (await first).status_code == 201
    assert (await post(client, once)).headers["idempotency-replayed"] == "true"
    assert await saved(sessions) == ["Арбат"]


async def test_a_twin_that_committed_unseen_is_found_by_the_next_attempt(
    client: AsyncClient,
    sessions: Sessions,
    headers: dict[str, str],
    probe: Probe,
    user: User,
) -> None:
    """The lookup may have read before the twin's commit; its record stops us."""
    once = headers | key()

    async def twin_commits(session: AsyncSession) -> None:
        probe.work = None
        attempt = {"text": "Арбат"}
        async with transaction(sessions) as other:
            other.add(
                IdempotencyRecord(
                    user_id=user.id,
                    method="POST",
                    path="/v1/probe",
                    key=once["idempotency-key"],
                    request_hash=hash_of[0],
                    status_code=201,
                    body='{"text":"of the twin"}',
                )
            )
        assert attempt

    probe_once = headers | key()
    await post(client, probe_once)
    async with transaction(sessions) as session:
        hash_of = list(
            (await session.exec(select(IdempotencyRecord.request_hash))).all()
        )
    probe.work = twin_commits
    answer = await post(client, once)
    assert answer.json() == {"text": "of the twin"}
    assert answer.headers["idempotency-replayed"] == "true"
    assert await saved(sessions) == ["Арбат"]


async def test_after_a_day_a_key_is_fresh_again(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str], probe: Probe
) -> None:
    once = headers | key()
    await post(client, once)
    async with transaction(sessions) as session:
        await session.execute(
            sa.update(IdempotencyRecord).values(
                created_at=sa.text("app_now() - interval '25 hours'")
            )
        )
    again = await post(client, once, "Тверская")
    assert (again.status_code, again.json()) == (201, {"text": "Тверская"})
    assert probe.calls == 2
    third = await post(client, once, "Тверская")
    assert third.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("bad", ["", "x" * 65, "a b", "ключ", "a/b", "a\tb"])
async def test_bad_keys_are_refused(
    client: AsyncClient, headers: dict[str, str], probe: Probe, bad: str
) -> None:
    raw = [*headers.items(), ("idempotency-key", bad.encode())]
    answer = await client.post("/v1/probe", json={"text": "x"}, headers=raw)  # type: ignore[arg-type]
    assert wrong_fields(answer) == {"Idempotency-Key"}
    assert probe.calls == 0


async def test_a_key_gives_no_way_around_the_token(
    client: AsyncClient, headers: dict[str, str], sessions: Sessions, user: User
) -> None:
    once = headers | key()
    await post(client, once)
    async with transaction(sessions) as session:
        (await session.get_one(User, user.id)).blocked_at = user.created_at
    is_problem(await post(client, once), 401, "unauthenticated")
    bare = {"idempotency-key": once["idempotency-key"]}
    is_problem(await post(client, bare), 401, "unauthenticated")


async def test_raised_http_errors_are_problems_too(client: AsyncClient) -> None:
    is_problem(await client.get("/v1/probe/http"), 400, "bad_request")


def test_errors_of_an_endpoint_are_declared() -> None:
    declared = problems.problems(401, 409)
    assert {401, 409, 404, 413, 422, 500, 503} == set(declared)


async def test_the_record_is_kept_in_the_same_transaction(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str]
) -> None:
    await post(client, headers | key())
    async with transaction(sessions) as session:
        record = (await session.exec(select(IdempotencyRecord))).one()
        xmins = await session.execute(
            sa.text(
                "SELECT (SELECT xmin::text FROM idempotency_record),"
                " (SELECT xmin::text FROM address)"
            )
        )
        first, second = xmins.one()
    assert record.status_code == 201
    assert first == second
    assert col(IdempotencyRecord.key) is not None
