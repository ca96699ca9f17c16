"""Contacts are proved by what really arrives, and nothing tells who else exists."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import AsyncClient
from sqlmodel import col, select

from models import (
    Notification,
    VerificationCode,
)
from services.database import Sessions
from services.edges import transaction
from tests.api.helpers import (
    PASSWORD,
    bearer,
    is_problem,
    registered,
    wrong_fields,
)
from tests.api.proofs import CODE, count_sent, last_secret, other


@pytest.mark.parametrize("channel", ["email", "phone"])
async def test_a_code_proves_a_contact_once(
    client: AsyncClient, sessions: Sessions, channel: str
) -> None:
    me = await registered(client)
    headers = bearer(me)
    sent = await client.post(CODE, json={"channel": channel}, headers=headers)
    assert sent.status_code == 202
    code = await last_secret(sessions, me["user"][channel])
    body = {"channel": channel, "code": code}
    answer = await client.post(f"{CODE}/confirm", json=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()[f"{channel}_verified"] is True
    again = await client.post(f"{CODE}/confirm", json=body, headers=headers)
    assert wrong_fields(again) == {"code"}
    kinds = await count_sent(sessions, "verification_code")
    await client.post(CODE, json={"channel": channel}, headers=headers)
    assert await count_sent(sessions, "verification_code") == kinds


async def test_five_wrong_codes_burn_the_right_one(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    headers = bearer(me)
    await client.post(CODE, json={"channel": "email"}, headers=headers)
    code = await last_secret(sessions, me["user"]["email"])
    wrong = {"channel": "email", "code": other(code)}
    for _ in range(5):
        answer = await client.post(f"{CODE}/confirm", json=wrong, headers=headers)
        assert wrong_fields(answer) == {"code"}
    right = {"channel": "email", "code": code}
    answer = await client.post(f"{CODE}/confirm", json=right, headers=headers)
    assert wrong_fields(answer) == {"code"}


async def test_a_code_is_worth_nothing_after_ten_minutes_or_for_another_use(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    headers = bearer(me)
    await client.post(CODE, json={"channel": "email"}, headers=headers)
    code = await last_secret(sessions, me["user"]["email"])
    crossed = await client.post(
        f"{CODE}/confirm", json={"channel": "phone", "code": code}, headers=headers
    )
    assert wrong_fields(crossed) == {"code"}
    crossed = await client.post(
        "/v1/me/email/confirm", json={"code": code}, headers=headers
    )
    assert wrong_fields(crossed) == {"code"}
    async with transaction(sessions) as session:
        row = (await session.exec(select(VerificationCode))).one()
        assert row.expires_at - row.created_at <= timedelta(minutes=10, seconds=1)
        assert code not in row.code_hash
        row.expires_at = row.created_at - timedelta(seconds=1)
    late = await client.post(
        f"{CODE}/confirm", json={"channel": "email", "code": code}, headers=headers
    )
    assert wrong_fields(late) == {"code"}


async def test_a_new_code_burns_the_one_before_and_codes_are_rationed(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    headers, email = bearer(me), me["user"]["email"]
    await client.post(CODE, json={"channel": "email"}, headers=headers)
    first = await last_secret(sessions, email)
    await client.post(CODE, json={"channel": "email"}, headers=headers)
    if await last_secret(sessions, email) != first:
        body = {"channel": "email", "code": first}
        answer = await client.post(f"{CODE}/confirm", json=body, headers=headers)
        assert wrong_fields(answer) == {"code"}
    await client.post(CODE, json={"channel": "email"}, headers=headers)
    spent = await client.post(CODE, json={"channel": "email"}, headers=headers)
    is_problem(spent, 429, "too_many_requests")
    assert int(spent.headers["retry-after"]) > 0


async def test_a_broken_limiter_lets_nobody_through(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    headers = bearer(me)
    async with transaction(sessions) as session:
        await session.execute(sa.text("ALTER TABLE rate_limit RENAME TO away"))
    try:
        sent = await client.post(CODE, json={"channel": "email"}, headers=headers)
        tried = await client.post(
            f"{CODE}/confirm",
            json={"channel": "email", "code": "123456"},
            headers=headers,
        )
    finally:
        async with transaction(sessions) as session:
            await session.execute(sa.text("ALTER TABLE away RENAME TO rate_limit"))
    assert (sent.status_code, tried.status_code) == (503, 503)
    assert await count_sent(sessions, "verification_code") == 0


NEXT = {"email": "next@example.org", "phone": "+79165550199"}


@pytest.mark.parametrize("channel", ["email", "phone"])
async def test_a_new_contact_is_proved_and_the_old_one_is_told(
    client: AsyncClient, sessions: Sessions, channel: str
) -> None:
    me = await registered(client)
    headers = bearer(me)
    body: dict[str, Any] = {channel: NEXT[channel], "current_password": "wrong one"}
    refused = await client.put(f"/v1/me/{channel}", json=body, headers=headers)
    assert wrong_fields(refused) == {"current_password"}
    body["current_password"] = PASSWORD
    asked = await client.put(f"/v1/me/{channel}", json=body, headers=headers)
    assert asked.status_code == 202
    code = await last_secret(sessions, NEXT[channel])
    wrong = {"code": other(code)}
    confirm = f"/v1/me/{channel}/confirm"
    assert wrong_fields(await client.post(confirm, json=wrong, headers=headers)) == {
        "code"
    }
    done = await client.post(confirm, json={"code": code}, headers=headers)
    assert done.json()[channel] == NEXT[channel]
    assert done.json()[f"{channel}_verified"] is True
    async with transaction(sessions) as session:
        told = select(Notification).where(col(Notification.kind) == "contact_changed")
        assert (await session.exec(told)).one().address == me["user"][channel]


@pytest.mark.parametrize("channel", ["email", "phone"])
async def test_a_wrong_password_spends_no_code_of_the_contacts_owner(
    client: AsyncClient, sessions: Sessions, channel: str
) -> None:
    owner, stranger = await registered(client), await registered(client)
    contact = owner["user"][channel]
    body = {channel: contact, "current_password": "a wrong password"}
    for _ in range(4):
        refused = await client.put(
            f"/v1/me/{channel}", json=body, headers=bearer(stranger)
        )
        assert wrong_fields(refused) == {"current_password"}
    for _ in range(3):
        sent = await client.post(CODE, json={"channel": channel}, headers=bearer(owner))
        assert sent.status_code == 202
    spent = await client.post(CODE, json={"channel": channel}, headers=bearer(owner))
    is_problem(spent, 429, "too_many_requests")


async def test_a_proven_contact_spends_no_codes(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    headers = bearer(me)
    await client.post(CODE, json={"channel": "email"}, headers=headers)
    body = {
        "channel": "email",
        "code": await last_secret(sessions, me["user"]["email"]),
    }
    await client.post(f"{CODE}/confirm", json=body, headers=headers)
    for _ in range(5):
        again = await client.post(CODE, json={"channel": "email"}, headers=headers)
        assert again.status_code == 202
    assert await count_sent(sessions, "verification_code") == 1


@pytest.mark.parametrize("channel", ["email", "phone"])
async def test_a_code_for_the_contact_before_proves_nothing(
    client: AsyncClient, sessions: Sessions, channel: str
) -> None:
    """Its bearer may read the old contact, which is the person's no more."""
    me = await registered(client)
    headers = bearer(me)
    await client.post(CODE, json={"channel": channel}, headers=headers)
    late = {"channel": channel}
    late["code"] = await last_secret(sessions, me["user"][channel])
    body = {channel: NEXT[channel], "current_password": PASSWORD}
    await client.put(f"/v1/me/{channel}", json=body, headers=headers)
    code = {"code": await last_secret(sessions, NEXT[channel])}
    moved = await client.post(f"/v1/me/{channel}/confirm", json=code, headers=headers)
    assert moved.json()[channel] == NEXT[channel]
    answer = await client.post(f"{CODE}/confirm", json=late, headers=headers)
    assert wrong_fields(answer) == {"code"}
    # The try is used up, so nothing is left to guess at.
    again = await client.post(f"{CODE}/confirm", json=late, headers=headers)
    assert wrong_fields(again) == {"code"}


@pytest.mark.parametrize("channel", ["email", "phone"])
async def test_a_taken_contact_shows_only_to_whoever_holds_it(
    client: AsyncClient, sessions: Sessions, channel: str
) -> None:
    taken = (await registered(client))["user"][channel]
    headers = bearer(await registered(client))
    body = {channel: taken, "current_password": PASSWORD}
    asked = await client.put(f"/v1/me/{channel}", json=body, headers=headers)
    assert (asked.status_code, asked.content) == (202, b"null")
    code = {"code": await last_secret(sessions, taken)}
    answer = await client.post(f"/v1/me/{channel}/confirm", json=code, headers=headers)
    is_problem(answer, 409, "account_exists")


async def test_the_same_contact_again_tells_nobody(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    headers, email = bearer(me), me["user"]["email"]
    body = {"email": email, "current_password": PASSWORD}
    await client.put("/v1/me/email", json=body, headers=headers)
    code = {"code": await last_secret(sessions, email)}
    done = await client.post("/v1/me/email/confirm", json=code, headers=headers)
    assert done.json()["email_verified"] is True
    assert await count_sent(sessions, "contact_changed") == 0
