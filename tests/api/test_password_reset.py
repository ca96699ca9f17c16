"""A forgotten password is set by a link that works once and tells nobody's name."""

import asyncio
import re
import statistics
import time
from datetime import timedelta
from typing import Any

from httpx import AsyncClient
from itsdangerous import URLSafeSerializer
from sqlmodel import select

from models import TotpSecret, User, VerificationCode
from models.role_grant import Role
from services import password_reset
from services.actor import SYSTEM_ID
from services.config import get_settings, use_settings
from services.database import Sessions
from services.edges import in_transaction, transaction
from tests import factories
from tests.api.helpers import (
    PASSWORD,
    bearer,
    is_problem,
    registered,
    wrong_fields,
)
from tests.api.proofs import (
    RESET,
    asked_link,
    count_sent,
    last_secret,
)

SALT = "tot link password_reset"


async def test_a_forgotten_password_is_set_once_by_the_link(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    token = await asked_link(client, sessions, me["user"]["email"])
    body = {"token": token, "new_password": "a wholly new passphrase"}
    weak = await client.post(f"{RESET}/confirm", json=body | {"new_password": "1" * 8})
    assert wrong_fields(weak) == {"new_password"}
    done = await client.post(f"{RESET}/confirm", json=body)
    assert done.status_code == 204
    gone = await client.get("/v1/me", headers=bearer(me))
    is_problem(gone, 401, "unauthenticated")
    again = await client.post(f"{RESET}/confirm", json=body)
    assert wrong_fields(again) == {"token"}
    login = {"login": me["user"]["email"], "password": "a wholly new passphrase"}
    assert (await client.post("/v1/auth/login", json=login)).status_code == 200
    assert await count_sent(sessions, "password_changed") == 1


async def test_only_the_last_link_works_and_only_for_half_an_hour(
    client: AsyncClient, sessions: Sessions
) -> None:
    email = (await registered(client))["user"]["email"]
    first = await asked_link(client, sessions, email)
    second = await asked_link(client, sessions, email)
    body = {"token": first, "new_password": "a wholly new passphrase"}
    assert wrong_fields(await client.post(f"{RESET}/confirm", json=body)) == {"token"}
    async with transaction(sessions) as session:
        for row in (await session.exec(select(VerificationCode))).all():
            assert row.expires_at - row.created_at <= timedelta(minutes=30, seconds=1)
            row.expires_at = row.created_at - timedelta(seconds=1)
    body["token"] = second
    assert wrong_fields(await client.post(f"{RESET}/confirm", json=body)) == {"token"}


async def test_a_forged_link_is_worth_nothing(
    client: AsyncClient, sessions: Sessions
) -> None:
    email = (await registered(client))["user"]["email"]
    token = await asked_link(client, sessions, email)
    ours = URLSafeSerializer(get_settings().secret_key, salt=SALT)
    row_id, _ = ours.loads(token)
    forged = (
        URLSafeSerializer("x" * 40, salt=SALT).dumps([row_id, "n"]),
        URLSafeSerializer(get_settings().secret_key, salt="else").dumps([row_id, "n"]),
        ours.dumps([row_id, "another nonce"]),
        ours.dumps(["no uuid", "n"]),
        ours.dumps(7),
        token[:-2],
    )
    for each in forged:
        body = {"token": each, "new_password": "a wholly new passphrase"}
        answer = await client.post(f"{RESET}/confirm", json=body)
        assert wrong_fields(answer) == {"token"}


async def test_a_link_of_the_previous_key_still_opens(
    client: AsyncClient, sessions: Sessions, settings: Any
) -> None:
    email = (await registered(client))["user"]["email"]
    token = await asked_link(client, sessions, email)
    change = {"secret_key": "n" * 40, "secret_key_previous": settings.secret_key}
    use_settings(settings.model_copy(update=change))
    try:
        await in_transaction(
            sessions,
            lambda s: password_reset.confirm(s, token, "a wholly new passphrase"),
        )
    finally:
        use_settings(settings)
    login = {"login": email, "password": "a wholly new passphrase"}
    assert (await client.post("/v1/auth/login", json=login)).status_code == 200


async def test_nobody_without_a_way_in_gets_a_link(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        made_by_phone = await factories.patient(session, email=None)
        blocked = await factories.patient(session, password_hash="x")
        blocked.blocked_at = blocked.created_at
        claimer = await factories.patient(session, password_hash="x", email=None)
        claimer.phone, claimer.claimed_phone = None, "+79265550106"
        by_sms = await factories.patient(session, password_hash="x", email=None)
    for user_id in (SYSTEM_ID, made_by_phone.id, blocked.id, claimer.id):
        async with transaction(sessions) as session:
            await password_reset.send(session, str(user_id))
    assert await count_sent(sessions, "password_reset") == 0
    await in_transaction(sessions, lambda s: password_reset.send(s, str(by_sms.id)))
    assert "token=" in await last_secret(sessions, str(by_sms.phone))


async def test_staff_choose_a_long_password_by_link_too(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        staff = await factories.person(session, Role.CURATOR, password_hash="x")
    token = await asked_link(client, sessions, str(staff.email))
    body = {"token": token, "new_password": "kumquat-31"}
    short = await client.post(f"{RESET}/confirm", json=body)
    assert wrong_fields(short) == {"new_password"}


async def test_reset_answers_alike_in_time_for_known_and_unknown(
    client: AsyncClient,
) -> None:
    known = [(await registered(client))["user"]["email"] for _ in range(15)]
    unknown = [f"nobody{each}@example.org" for each in range(15)]
    spent: dict[bool, list[float]] = {True: [], False: []}
    for pair in zip(known, unknown, strict=True):
        for login in pair:
            began = time.perf_counter()
            answer = await client.post(RESET, json={"login": login})
            spent[login in known].append(time.perf_counter() - began)
            assert (answer.status_code, answer.content) == (202, b"null")
            assert not re.search("set-cookie", str(answer.headers), re.IGNORECASE)
    medians = [statistics.median(each) for each in spent.values()]
    assert max(medians) < 1.5 * min(medians) + 0.002


async def test_links_are_rationed_for_any_login(client: AsyncClient) -> None:
    for _ in range(5):
        answer = await client.post(RESET, json={"login": "ghost@example.org"})
        assert answer.status_code == 202
    spent = await client.post(RESET, json={"login": " Ghost@example.org"})
    is_problem(spent, 429, "too_many_requests")


async def test_a_login_spelled_anew_brings_no_more_letters(
    client: AsyncClient,
) -> None:
    phone = (await registered(client))["user"]["phone"]
    ways = [phone, phone.replace("+7", "8"), f" {phone}", f"{phone[:4]}-{phone[4:]}"]
    answers = [await client.post(RESET, json={"login": way}) for way in ways * 2]
    assert [each.status_code for each in answers] == [202] * 5 + [429] * 3


async def test_a_contact_gets_three_letters_and_keeps_the_last_one(
    client: AsyncClient, sessions: Sessions
) -> None:
    """By e-mail and phone alike: what is sent is counted where it goes."""
    email = (await registered(client))["user"]["email"]
    tokens = [await asked_link(client, sessions, email) for _ in range(4)]
    assert await count_sent(sessions, "password_reset") == 3
    assert tokens[2] == tokens[3]
    body = {"token": tokens[2], "new_password": "a wholly new passphrase"}
    done = await client.post(f"{RESET}/confirm", json=body)
    assert done.status_code == 204


async def test_whoever_tried_in_vain_comes_in_by_a_new_password(
    client: AsyncClient, sessions: Sessions
) -> None:
    user = (await registered(client))["user"]
    for login in (user["email"], user["phone"]):
        body = {"login": login, "password": "a wrong password"}
        tried = [await client.post("/v1/auth/login", json=body) for _ in range(11)]
        is_problem(tried[-1], 429, "too_many_requests")
    token = await asked_link(client, sessions, user["email"])
    body = {"token": token, "new_password": "a wholly new passphrase"}
    await client.post(f"{RESET}/confirm", json=body)
    for login in (user["email"], user["phone"]):
        own = {"login": login, "password": body["new_password"]}
        assert (await client.post("/v1/auth/login", json=own)).status_code == 200


async def test_a_link_ends_with_the_password_or_contact_that_it_was_sent_for(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    email = me["user"]["email"]
    body = {"new_password": "a wholly new passphrase"}
    first = await asked_link(client, sessions, email)
    changed = {"current_password": PASSWORD, "new_password": "another long passphrase"}
    answer = await client.put("/v1/me/password", json=changed, headers=bearer(me))
    assert answer.status_code == 204
    late = await client.post(f"{RESET}/confirm", json=body | {"token": first})
    assert wrong_fields(late) == {"token"}
    second = await asked_link(client, sessions, email)
    async with transaction(sessions) as session:
        user = (await session.exec(select(User).where(User.email == email))).one()
        user.email = "moved@example.org"
    late = await client.post(f"{RESET}/confirm", json=body | {"token": second})
    assert wrong_fields(late) == {"token"}
    third = await asked_link(client, sessions, "moved@example.org")
    async with transaction(sessions) as session:
        user = await session.get_one(User, user.id)
        user.blocked_at = user.created_at
    late = await client.post(f"{RESET}/confirm", json=body | {"token": third})
    assert wrong_fields(late) == {"token"}


async def test_of_two_uses_at_once_one_wins(
    client: AsyncClient, sessions: Sessions
) -> None:
    token = await asked_link(
        client, sessions, (await registered(client))["user"]["email"]
    )
    answers = await asyncio.gather(
        *(
            client.post(
                f"{RESET}/confirm",
                json={"token": token, "new_password": f"a new passphrase {number}"},
            )
            for number in range(4)
        )
    )
    assert sorted(each.status_code for each in answers) == [204, 422, 422, 422]


async def test_a_proven_phone_goes_before_an_email_that_may_be_a_slip(
    sessions: Sessions,
) -> None:
    async with transaction(sessions) as session:
        user = await factories.patient(session, password_hash="x")
        user.phone_verified_at = user.created_at
        await password_reset.send(session, str(user.id))
    assert "token=" in await last_secret(sessions, str(user.phone))
    async with transaction(sessions) as session:
        user = await session.get_one(User, user.id)
        user.email_verified_at = user.created_at
        await password_reset.send(session, str(user.id))
    assert "token=" in await last_secret(sessions, str(user.email))


async def test_a_second_factor_outlives_a_reset(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        staff = await factories.person(session, Role.CURATOR, password_hash="x")
        session.add(TotpSecret(user_id=staff.id, sealed="s"))
    token = await asked_link(client, sessions, str(staff.email))
    body = {"token": token, "new_password": "a wholly new passphrase"}
    assert (await client.post(f"{RESET}/confirm", json=body)).status_code == 204
    async with transaction(sessions) as session:
        kept = (await session.exec(select(TotpSecret))).one()
        assert (kept.user_id, kept.sealed) == (staff.id, "s")
