"""The door for the provider's notices: who is heard, and what is answered."""

import json

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlmodel import col

from models import WebhookInbox
from models.payment import InboxStatus
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests.api.helpers import is_problem
from tests.paying import HOOK, paid_through, without_database
from tests.yookassa_server import YooKassa

SOMEBODY = "22e12f66-000f-5000-8000-18db351245c7"
NOTICE = {
    "type": "notification",
    "event": "payment.succeeded",
    "object": {"id": SOMEBODY, "status": "succeeded"},
}


async def stored(sessions: Sessions) -> list[WebhookInbox]:
    query = sa.select(WebhookInbox).order_by(col(WebhookInbox.created_at))
    async with transaction(sessions) as session:
        return list((await session.scalars(query)).all())


def from_address(app: FastAPI, address: str) -> AsyncClient:
    """A client whose packets come from this address."""
    transport = ASGITransport(app, client=(address, 443))
    return AsyncClient(transport=transport, base_url="http://testserver")


async def test_a_notice_is_answered_with_an_empty_200_once_stored(
    client: AsyncClient, sessions: Sessions, till: YooKassa
) -> None:
    for _ in range(2):
        answer = await client.post(HOOK, json=NOTICE)
        assert (answer.status_code, answer.content) == (200, b"")
    [row] = await stored(sessions)
    assert json.loads(row.body) == NOTICE
    assert till.journal() == []


@pytest.mark.parametrize(
    "place",
    [
        HOOK + "x",
        HOOK[:-1],
        HOOK.upper(),
        "/webhooks/yookassa/",
        "/webhooks/yookassa",
        "/webhooks/yookassa/%00",
        "/webhooks/yookassa/пароль",
        "/webhooks/other/a-path-that-nobody-guesses",
    ],
)
async def test_whoever_does_not_know_the_path_finds_nothing(
    client: AsyncClient, sessions: Sessions, till: YooKassa, place: str
) -> None:
    is_problem(await client.post(place, json=NOTICE), 404, "not_found")
    assert await stored(sessions) == []


async def test_without_a_secret_the_door_is_shut(
    client: AsyncClient, till: YooKassa, settings: Settings, app: FastAPI
) -> None:
    with paid_through(till, settings, app, yookassa_webhook_secret=""):
        for place in ("/webhooks/yookassa/", HOOK):
            is_problem(await client.post(place, json=NOTICE), 404, "not_found")


async def test_only_posts_are_taken(client: AsyncClient, till: YooKassa) -> None:
    is_problem(await client.get(HOOK), 405, "method_not_allowed")


@pytest.mark.parametrize("address", ["185.71.75.255", "8.8.8.8", "::1", "2a02:5181::1"])
async def test_a_stranger_is_forbidden_and_nothing_is_kept_or_fetched(
    app: FastAPI, sessions: Sessions, till: YooKassa, address: str
) -> None:
    async with from_address(app, address) as stranger:
        for body in (json.dumps(NOTICE), "nonsense", "x" * 70_000):
            answer = await stranger.post(HOOK, content=body)
            is_problem(answer, 403, "forbidden")
    assert await stored(sessions) == []
    assert till.journal() == []


@pytest.mark.parametrize("address", ["185.71.76.1", "77.75.156.35", "2a02:5180::1"])
async def test_the_providers_own_addresses_are_heard(
    app: FastAPI,
    sessions: Sessions,
    till: YooKassa,
    settings: Settings,
    address: str,
) -> None:
    official = settings.yookassa_webhook_networks
    with paid_through(till, settings, app, yookassa_webhook_networks=official):
        async with from_address(app, address) as provider:
            assert (await provider.post(HOOK, json=NOTICE)).status_code == 200
        async with from_address(app, "127.0.0.1") as loopback:
            is_problem(await loopback.post(HOOK, json=NOTICE), 403, "forbidden")
    assert len(await stored(sessions)) == 1


async def test_a_forwarded_address_is_believed_of_our_own_proxy_only(
    app: FastAPI, sessions: Sessions, till: YooKassa
) -> None:
    forged = {"x-forwarded-for": "185.71.76.1, 127.0.0.1", "x-real-ip": "127.0.0.1"}
    async with from_address(app, "8.8.8.8") as stranger:
        answer = await stranger.post(HOOK, json=NOTICE, headers=forged)
    is_problem(answer, 403, "forbidden")
    assert await stored(sessions) == []


async def test_a_large_body_is_refused(
    client: AsyncClient, sessions: Sessions, till: YooKassa
) -> None:
    for size in (65_537, 2_000_000):
        answer = await client.post(HOOK, content=b"x" * size)
        is_problem(answer, 413, "too_large")
    assert await stored(sessions) == []
    whole = json.dumps(NOTICE).encode().ljust(65_536)
    assert (await client.post(HOOK, content=whole)).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a": "\x00"}', b"[" * 60_000, b"\xff" * 100, b"null"]
)
async def test_nonsense_of_the_provider_is_kept_as_it_came(
    client: AsyncClient, sessions: Sessions, till: YooKassa, body: bytes
) -> None:
    answer = await client.post(
        HOOK, content=body, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.content) == (200, b"")
    [row] = await stored(sessions)
    assert row.status is InboxStatus.QUARANTINED
    assert till.journal() == []


async def test_while_the_database_is_away_the_provider_is_to_come_back(
    client: AsyncClient,
    sessions: Sessions,
    till: YooKassa,
    app: FastAPI,
) -> None:
    with without_database(app):
        is_problem(await client.post(HOOK, json=NOTICE), 503, "unavailable")
    assert await stored(sessions) == []
