"""Rate limits, shared by all processes through the database."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient

from services import passwords
from services.config import Settings, use_settings
from services.database import Sessions
from tests.api.helpers import (
    PASSWORD,
    api_alone,
    bearer,
    is_problem,
    registered,
    registration,
)

WRONG = {"login": "somebody@example.com", "password": "wrong password"}


@pytest.fixture
def strict(settings: Settings) -> Iterator[Settings]:
    """Limits for addresses as in production."""
    made = settings.model_copy(update={"address_limit_factor": 1})
    use_settings(made)
    yield made
    use_settings(settings)


@pytest_asyncio.fixture(loop_scope="session")
async def twins(
    strict: Settings, database_url: str, sessions: Sessions
) -> AsyncIterator[list[AsyncClient]]:
    """Two applications on one database, reached from different addresses."""
    apps = [api_alone(strict, database_url) for _ in range(2)]
    clients = [
        AsyncClient(
            transport=ASGITransport(app, client=(f"198.51.100.{number}", 5)),
            base_url="http://testserver",
        )
        for number, app in enumerate(apps)
    ]
    yield clients
    for client, app in zip(clients, apps, strict=True):
        await client.aclose()
        await app.state.engine.dispose()


async def test_of_1000_tries_at_most_10_reach_the_hasher(
    twins: list[AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = 0
    real = passwords._verify

    def count(password: str, password_hash: str | None) -> bool:
        nonlocal hashed
        hashed += 1
        return real(password, password_hash)

    monkeypatch.setattr(passwords, "_verify", count)
    email = (await registered(twins[0]))["user"]["email"]
    codes: list[int] = []

    async def attack(client: AsyncClient, tries: int) -> None:
        for _ in range(tries):
            body = WRONG | {"login": email}
            codes.append((await client.post("/v1/auth/login", json=body)).status_code)

    await asyncio.gather(*(attack(twins[each % 2], 125) for each in range(8)))
    assert hashed == 10
    assert (codes.count(401), codes.count(429)) == (10, 990)


async def test_the_refusal_says_when_to_come_back(twins: list[AsyncClient]) -> None:
    for _ in range(10):
        answer = await twins[0].post("/v1/auth/login", json=WRONG)
        is_problem(answer, 401, "invalid_credentials")
    answer = await twins[1].post("/v1/auth/login", json=WRONG)
    is_problem(answer, 429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 600


async def tries(client: AsyncClient, logins: list[str]) -> list[int]:
    """Try a wrong password at each login in turn; give the statuses."""
    return [
        (await client.post("/v1/auth/login", json=WRONG | {"login": login})).status_code
        for login in logins
    ]


def spelled(login: str) -> list[str]:
    """Some ways to write one login."""
    if "@" in login:
        return [login, login.upper(), f" {login}", login.title()]
    return [login, login.replace("+7", "8"), f" {login[:5]}-{login[5:]} "]


async def test_spelling_a_login_anew_tells_nobody_who_has_it(
    twins: list[AsyncClient],
) -> None:
    user = (await registered(twins[0]))["user"]
    for number, (known, unknown) in enumerate(
        [(user["email"], "nobody@example.com"), (user["phone"], "+79260999999")]
    ):
        codes = [
            await tries(twins[number], (spelled(login) * 4)[:12])
            for login in (known, unknown)
        ]
        assert codes[0] == codes[1] == [401] * 10 + [429] * 2


async def test_two_logins_of_one_account_are_counted_as_those_of_two_people(
    twins: list[AsyncClient],
) -> None:
    user = (await registered(twins[0]))["user"]
    mine, nobodys = (
        [user["email"], user["phone"]],
        ["nobody@example.com", "+79260999999"],
    )
    for number, pair in enumerate((mine, nobodys)):
        assert await tries(twins[number], pair * 10) == [401] * 20
        assert await tries(twins[number], pair) == [429] * 2


async def test_the_right_password_forgives_the_tries_at_both_logins(
    twins: list[AsyncClient],
) -> None:
    user = (await registered(twins[0]))["user"]
    assert await tries(twins[0], [user["email"], user["phone"]] * 9) == [401] * 18
    own = {"login": user["email"], "password": PASSWORD}
    assert (await twins[1].post("/v1/auth/login", json=own)).status_code == 200
    assert await tries(twins[1], [user["email"], user["phone"]] * 9) == [401] * 18


async def test_many_accounts_from_one_address_are_limited(
    twins: list[AsyncClient],
) -> None:
    codes = [
        (
            await twins[0].post(
                "/v1/auth/login",
                json=WRONG | {"login": f"user{number}@example.com"},
                headers={"x-forwarded-for": f"203.0.113.{number}"},
            )
        ).status_code
        for number in range(33)
    ]
    assert codes == [401] * 30 + [429] * 3
    other = await twins[1].post("/v1/auth/login", json=WRONG)
    assert other.status_code == 401


async def test_registrations_from_one_address_are_limited(
    twins: list[AsyncClient],
) -> None:
    codes = [
        (await twins[0].post("/v1/auth/register", json=registration())).status_code
        for _ in range(12)
    ]
    assert codes == [201] * 10 + [429] * 2


async def test_refreshes_from_one_address_are_limited(twins: list[AsyncClient]) -> None:
    body = {"refresh_token": "x"}
    codes = [
        (await twins[0].post("/v1/auth/refresh", json=body)).status_code
        for _ in range(122)
    ]
    assert codes == [401] * 120 + [429] * 2


async def test_a_trusted_proxy_may_say_who_calls(
    strict: Settings, database_url: str, sessions: Sessions
) -> None:
    behind = strict.model_copy(update={"trusted_proxies": [ip_network("10.0.0.0/8")]})
    app = api_alone(behind, database_url)
    transport = ASGITransport(app, client=("10.1.2.3", 5))
    async with AsyncClient(transport=transport, base_url="http://testserver") as client:
        codes = [
            (
                await client.post(
                    "/v1/auth/login",
                    json=WRONG | {"login": f"user{number}@example.com"},
                    headers={"x-forwarded-for": f"spoof, 203.0.113.{number}, 10.9.9.9"},
                )
            ).status_code
            for number in range(33)
        ]
    await app.state.engine.dispose()
    assert codes == [401] * 33


async def test_ones_own_password_forgives_nobody_elses_tries(
    twins: list[AsyncClient],
) -> None:
    victim, attacker = (
        (await registered(twins[0]))["user"],
        (await registered(twins[0]))["user"],
    )
    for _ in range(10):
        await twins[0].post("/v1/auth/login", json=WRONG | {"login": victim["email"]})
    own = {"login": attacker["email"], "password": "correct horse battery"}
    assert (await twins[1].post("/v1/auth/login", json=own)).status_code == 200
    tried = await twins[1].post(
        "/v1/auth/login", json=WRONG | {"login": victim["email"]}
    )
    assert tried.status_code == 429


async def test_bad_tokens_do_not_use_up_anybodys_limit(
    twins: list[AsyncClient],
) -> None:
    for _ in range(50):
        answer = await twins[0].get("/v1/me", headers=bearer("x"))
        assert answer.status_code == 401
