"""One's own card and password over HTTP."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlmodel import select

from models import RateLimit, User
from services import passwords
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import (
    PASSWORD,
    bearer,
    registered,
    signed_in,
    wrong_fields,
)

NEXT = "another horse battery"


async def test_the_card_is_ones_own(client: AsyncClient) -> None:
    pair = await registered(client)
    answer = await client.get("/v1/me", headers=bearer(pair))
    assert answer.json() == pair["user"]


async def test_absent_fields_of_a_card_stay(client: AsyncClient) -> None:
    pair = await registered(client, middle_name="Ильинична")
    changed = await client.patch(
        "/v1/me", json={"first_name": "Ольга"}, headers=bearer(pair)
    )
    expected = pair["user"] | {"first_name": "Ольга"}
    assert changed.json() == expected
    emptied = await client.patch(
        "/v1/me", json={"middle_name": None}, headers=bearer(pair)
    )
    assert emptied.json() == expected | {"middle_name": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "admin"},
        {"roles": ["admin"]},
        {"email": "other@example.com"},
        {"phone_verified": True},
        {"first_name": None},
        {"first_name": ""},
        {"locale": "de"},
        {"locale": None},
        {"id": "x"},
    ],
    ids=str,
)
async def test_the_rest_of_a_card_is_not_ones_own_to_change(
    client: AsyncClient, changes: dict[str, Any]
) -> None:
    pair = await registered(client)
    answer = await client.patch("/v1/me", json=changes, headers=bearer(pair))
    assert wrong_fields(answer) == set(changes)
    me = await client.get("/v1/me", headers=bearer(pair))
    assert me.json() == pair["user"]


async def test_errors_come_in_the_language_asked_for_or_ones_own(
    client: AsyncClient,
) -> None:
    pair = await registered(client)
    await client.patch("/v1/me", json={"locale": "ru"}, headers=bearer(pair))
    for accepted, expected in (
        ("en-GB,en;q=0.9,ru;q=0.5", "This field is not known."),
        ("ru-RU", "Такого поля нет."),
        ("de", "Такого поля нет."),
        ("ru;q=x, en;q=0.1", "This field is not known."),
    ):
        headers = bearer(pair) | {"accept-language": accepted}
        answer = await client.patch("/v1/me", json={"role": "admin"}, headers=headers)
        assert answer.json()["errors"][0]["message"] == expected, accepted


async def test_a_new_password_ends_all_other_sessions(
    client: AsyncClient, sessions: Sessions
) -> None:
    here = await registered(client)
    login = {"login": here["user"]["email"], "password": PASSWORD}
    there = (await client.post("/v1/auth/login", json=login)).json()
    body = {"current_password": PASSWORD, "new_password": NEXT}
    answer = await client.put("/v1/me/password", json=body, headers=bearer(here))
    assert (answer.status_code, answer.text) == (204, "")
    assert (await client.get("/v1/me", headers=bearer(here))).status_code == 200
    assert (await client.get("/v1/me", headers=bearer(there))).status_code == 401
    refresh = {"refresh_token": there["refresh_token"]}
    assert (await client.post("/v1/auth/refresh", json=refresh)).status_code == 401
    assert (await client.post("/v1/auth/login", json=login)).status_code == 401
    login["password"] = NEXT
    assert (await client.post("/v1/auth/login", json=login)).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong password", NEXT, "current_password"),
        (PASSWORD, PASSWORD, "new_password"),
        (PASSWORD, "password123", "new_password"),
        (PASSWORD, "short", "new_password"),
        (PASSWORD, "x" * 200, "new_password"),
    ],
)
async def test_a_password_is_changed_with_the_present_one_only(
    client: AsyncClient, current: str, new: str, field: str
) -> None:
    pair = await registered(client)
    body = {"current_password": current, "new_password": new}
    answer = await client.put("/v1/me/password", json=body, headers=bearer(pair))
    assert wrong_fields(answer) == {field}


async def test_tries_at_the_present_password_are_limited(
    client: AsyncClient, sessions: Sessions
) -> None:
    pair = await registered(client)
    body = {"current_password": "wrong password", "new_password": NEXT}
    codes = [
        (
            await client.put("/v1/me/password", json=body, headers=bearer(pair))
        ).status_code
        for _ in range(12)
    ]
    assert codes == [422] * 10 + [429] * 2


async def test_a_new_password_settles_a_one_time_one(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        user = await factories.doctor(
            session,
            password_hash=await passwords.hash(PASSWORD),
            must_change_password=True,
        )
    headers = await signed_in(sessions, user)
    body = {"current_password": PASSWORD, "new_password": NEXT}
    answer = await client.put("/v1/me/password", json=body, headers=headers)
    assert answer.status_code == 204
    async with transaction(sessions) as session:
        assert not (await session.get_one(User, user.id)).must_change_password


async def test_limits_are_forgiven_by_the_right_password(
    client: AsyncClient, sessions: Sessions
) -> None:
    pair = await registered(client)
    login = {"login": pair["user"]["email"], "password": PASSWORD}
    for _ in range(15):
        assert (await client.post("/v1/auth/login", json=login)).status_code == 200
    async with transaction(sessions) as session:
        buckets = (await session.exec(select(RateLimit.bucket))).all()
    assert not [each for each in buckets if "account" in each]
