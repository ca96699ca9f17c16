"""Sign in, refresh, sign out over HTTP."""

import asyncio
import statistics
import time

import pytest
from httpx import AsyncClient
from sqlmodel import col, select

from models import Role, RoleGrant, User
from services import passwords
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import (
    PASSWORD,
    bearer,
    is_problem,
    registered,
    signed_in,
)


@pytest.mark.parametrize("length", [8, 64, 128])
async def test_long_and_short_passwords_are_not_cut(
    client: AsyncClient, length: int
) -> None:
    password = ("ёЖ7-z" * 30)[:length]
    user = (await registered(client, password=password))["user"]
    for tried, status in ((password, 200), (password[:-1] + "?", 401)):
        answer = await client.post(
            "/v1/auth/login", json={"login": user["email"], "password": tried}
        )
        assert answer.status_code == status


async def test_a_password_is_the_same_in_both_spellings_of_unicode(
    client: AsyncClient,
) -> None:
    composed, apart = "пароль \u0439 \u00e9", "пароль \u0438\u0306 e\u0301"
    user = (await registered(client, password=composed))["user"]
    answer = await client.post(
        "/v1/auth/login", json={"login": user["email"], "password": apart}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "login",
    ["Login@Example.COM", " login@example.com ", "8 (926) 000-00-03", "+79260000003"],
)
async def test_sign_in_by_any_spelling_of_email_or_phone(
    client: AsyncClient, login: str
) -> None:
    await registered(client, email="login@example.com", phone="+79260000003")
    answer = await client.post(
        "/v1/auth/login", json={"login": login, "password": PASSWORD}
    )
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    me = await client.get("/v1/me", headers=bearer(answer.json()))
    assert me.json()["email"] == "login@example.com"


async def _blocked(client: AsyncClient, sessions: Sessions) -> str:
    user = (await registered(client))["user"]
    async with transaction(sessions) as session:
        row = (
            await session.exec(select(User).where(User.email == user["email"]))
        ).one()
        row.blocked_at = row.created_at
    return str(user["email"])


async def _staff(sessions: Sessions) -> str:
    async with transaction(sessions) as session:
        user = await factories.dispatcher(
            session, password_hash=await passwords.hash(PASSWORD)
        )
    return str(user.email)


async def test_unknown_blocked_staff_and_passwordless_are_refused_alike(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        by_phone = await factories.patient(session, email=None)
    logins = [
        "nobody@example.com",
        await _blocked(client, sessions),
        await _staff(sessions),
        str(by_phone.phone),
    ]
    bodies = set()
    for login in logins:
        answer = await client.post(
            "/v1/auth/login", json={"login": login, "password": PASSWORD}
        )
        is_problem(answer, 401, "invalid_credentials")
        bodies.add(answer.text)
    assert len(bodies) == 1


async def test_an_unknown_login_takes_as_long_as_a_known_one(
    client: AsyncClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every refusal hashes once: then only noise is left to measure."""
    known = (await registered(client))["user"]["email"]
    checked: list[str] = []
    real = passwords._verify

    def count(password: str, password_hash: str | None) -> bool:
        checked.append("known" if password_hash else "dummy")
        return real(password, password_hash)

    monkeypatch.setattr(passwords, "_verify", count)
    spent: dict[str, list[float]] = {known: [], "nobody@example.com": []}
    for _ in range(4):
        for login, times in spent.items():
            start = time.perf_counter()
            await client.post(
                "/v1/auth/login", json={"login": login, "password": "wrong password"}
            )
            times.append(time.perf_counter() - start)
    assert checked == ["known", "dummy"] * 4
    medians = [statistics.median(times) for times in spent.values()]
    assert max(medians) < 3 * min(medians)


async def test_a_refresh_token_works_once(client: AsyncClient) -> None:
    first = await registered(client)
    body = {"refresh_token": first["refresh_token"]}
    second = await client.post("/v1/auth/refresh", json=body)
    assert second.status_code == 200
    assert second.json()["refresh_token"] != first["refresh_token"]
    assert (
        await client.get("/v1/me", headers=bearer(second.json()))
    ).status_code == 200


async def test_a_reused_refresh_token_ends_the_whole_family(
    client: AsyncClient,
) -> None:
    first = await registered(client)
    body = {"refresh_token": first["refresh_token"]}
    second = (await client.post("/v1/auth/refresh", json=body)).json()
    is_problem(await client.post("/v1/auth/refresh", json=body), 401, "unauthenticated")
    for dead in (first, second):
        is_problem(
            await client.get("/v1/me", headers=bearer(dead)), 401, "unauthenticated"
        )
    body = {"refresh_token": second["refresh_token"]}
    assert (await client.post("/v1/auth/refresh", json=body)).status_code == 401


async def test_of_parallel_refreshes_one_wins(client: AsyncClient) -> None:
    body = {"refresh_token": (await registered(client))["refresh_token"]}
    answers = await asyncio.gather(
        *(client.post("/v1/auth/refresh", json=body) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5


async def test_an_access_token_is_no_refresh_token_and_vice_versa(
    client: AsyncClient,
) -> None:
    pair = await registered(client)
    crossed = await client.get("/v1/me", headers=bearer(pair["refresh_token"]))
    is_problem(crossed, 401, "unauthenticated")
    body = {"refresh_token": pair["access_token"][:200]}
    assert (await client.post("/v1/auth/refresh", json=body)).status_code == 401


async def test_logout_ends_this_sign_in_only(client: AsyncClient) -> None:
    here = await registered(client)
    there = await client.post(
        "/v1/auth/login", json={"login": here["user"]["email"], "password": PASSWORD}
    )
    assert (
        await client.post("/v1/auth/logout", headers=bearer(here))
    ).status_code == 204
    assert (await client.get("/v1/me", headers=bearer(here))).status_code == 401
    body = {"refresh_token": here["refresh_token"]}
    assert (await client.post("/v1/auth/refresh", json=body)).status_code == 401
    assert (await client.get("/v1/me", headers=bearer(there.json()))).status_code == 200


async def test_seed_hole_a_disabled_user_keeps_no_access(
    client: AsyncClient, sessions: Sessions
) -> None:
    pair = await registered(client)
    async with transaction(sessions) as session:
        user = (await session.exec(select(User))).one()
        user.blocked_at = user.created_at
    assert (await client.get("/v1/me", headers=bearer(pair))).status_code == 401
    body = {"refresh_token": pair["refresh_token"]}
    assert (await client.post("/v1/auth/refresh", json=body)).status_code == 401


async def test_a_lost_role_acts_on_the_next_request(
    client: AsyncClient, sessions: Sessions
) -> None:
    pair = await registered(client)
    async with transaction(sessions) as session:
        await factories.person(session, Role.DOCTOR)
        grant = (
            await session.exec(
                select(RoleGrant).where(col(RoleGrant.role) == "patient")
            )
        ).one()
        session.add(
            RoleGrant(user_id=grant.user_id, role=Role.DOCTOR, granted_by=grant.user_id)
        )
        grant.revoked_at = grant.created_at
    answer = await client.get("/v1/me/patient-profile", headers=bearer(pair))
    is_problem(answer, 403, "forbidden")
    assert (await client.get("/v1/me", headers=bearer(pair))).json()["roles"] == [
        "doctor"
    ]


async def test_a_new_auth_version_ends_old_tokens(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        user = await factories.patient(session)
    headers = await signed_in(sessions, user)
    assert (await client.get("/v1/me", headers=headers)).status_code == 200
    async with transaction(sessions) as session:
        (await session.get_one(User, user.id)).auth_version += 1
    assert (await client.get("/v1/me", headers=headers)).status_code == 401
