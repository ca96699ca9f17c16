"""Repeated keys: answered once, whatever happens."""

import asyncio

import pytest
import sqlalchemy as sa
from httpx import AsyncClient
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import IdempotencyRecord, User
from services.database import Sessions
from services.edges import transaction
from services.errors import Conflict
from tests import factories
from tests.api.core.probe import Probe, Work, post, saved
from tests.api.helpers import is_problem, key, signed_in, wrong_fields


def failing(times: int, error: Exception) -> Work:
    """Fail so many times and then work."""
    left = [error] * times

    async def work(session: AsyncSession) -> None:
        if left:
            raise left.pop()

    return work


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
