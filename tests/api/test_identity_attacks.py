"""Attacks on who somebody is, by the numbers of the checklist.

A9 to A12 stand with the sessions, A15 with the second factor, A13 and A14 with the
bot in `telegram/`; here only that no door of it is open where no bot is set up.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import AsyncClient, Response
from sqlmodel import col, select

from models import Notification, Role, RoleGrant, User, VerificationCode
from services import roles, staff
from services.config import Settings, use_settings
from services.database import Sessions
from services.edges import transaction
from services.errors import Forbidden
from services.people import NewPerson
from services.roles import LastAdmin
from tests import factories
from tests.api.helpers import (
    PASSWORD,
    bearer,
    is_problem,
    registered,
    registration,
    wrong_fields,
)
from tests.api.proofs import CODE, RESET, asked_link, count_sent, last_secret, other

REGISTER, LOGIN = "/v1/auth/register", "/v1/auth/login"


@pytest.fixture
def strict(settings: Settings) -> Iterator[None]:
    """Limits for addresses as in production."""
    use_settings(settings.model_copy(update={"address_limit_factor": 1}))
    yield
    use_settings(settings)


OWNED: list[dict[str, Any]] = [
    {"role": "admin"},
    {"role": "doctor"},
    {"role": "system"},
    {"roles": ["admin"]},
    {"is_verified": True},
    {"phone_verified": True},
    {"id": "00000000-0000-0000-0000-000000000001"},
    {"balance": 1},
    {"claimed_phone": "+79990000000"},
    {"merged_into": "00000000-0000-0000-0000-000000000001"},
]


@pytest.mark.parametrize("extra", OWNED, ids=str)
async def test_a1_nobody_registers_as_more_than_a_patient(
    client: AsyncClient, sessions: Sessions, extra: dict[str, Any]
) -> None:
    answer = await client.post(REGISTER, json=registration(**extra))
    assert wrong_fields(answer) == set(extra)
    assert (await registered(client))["user"]["roles"] == ["patient"]
    async with transaction(sessions) as session:
        held = (await session.exec(select(RoleGrant.role))).all()
        assert held == [Role.PATIENT]


@pytest.mark.parametrize("extra", OWNED, ids=str)
async def test_a2_a_card_gives_no_rights(
    client: AsyncClient, extra: dict[str, Any]
) -> None:
    me = await registered(client)
    body = {"first_name": "Ольга"} | extra
    answer = await client.patch("/v1/me", json=body, headers=bearer(me))
    assert wrong_fields(answer) == set(extra)
    card = (await client.get("/v1/me", headers=bearer(me))).json()
    assert card == me["user"]


async def test_a3_only_an_admin_makes_staff_and_the_last_one_stays(
    sessions: Sessions,
) -> None:
    person = NewPerson(first_name="Злой", last_name="Гость", email="guest@example.org")
    async with transaction(sessions) as session:
        for role in set(Role) - {Role.ADMIN, Role.SYSTEM}:
            actor = factories.as_staff(await factories.person(session, role), role)
            with pytest.raises(Forbidden):
                await staff.create_staff(session, actor, person, Role.ADMIN, "так надо")
            with pytest.raises(Forbidden):
                await roles.grant(session, actor, actor.user_id, Role.ADMIN, "себе")
        first = await factories.person(session, Role.ADMIN, password_hash="x")
        second = await factories.person(session, Role.ADMIN, password_hash=None)
        by_second = factories.as_staff(second, Role.ADMIN)
        with pytest.raises(LastAdmin):
            await roles.revoke(session, by_second, first.id, Role.ADMIN, "прочь")
        with pytest.raises(Forbidden):
            await roles.revoke(session, by_second, second.id, Role.ADMIN, "себя")


async def test_a4_one_password_tried_at_many_accounts_is_stopped(
    client: AsyncClient, strict: None
) -> None:
    spray = [
        await client.post(
            LOGIN, json={"login": f"victim{number}@example.org", "password": "x"}
        )
        for number in range(35)
    ]
    assert [each.status_code for each in spray].count(401) == 30
    is_problem(spray[-1], 429, "too_many_requests")


async def test_a5_parallel_guesses_have_five_tries_together(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    headers, place = bearer(me), f"{CODE}/confirm"
    await client.post(CODE, json={"channel": "phone"}, headers=headers)
    code = await last_secret(sessions, me["user"]["phone"])
    guess = {"channel": "phone", "code": other(code)}
    answers = await asyncio.gather(
        *(client.post(place, json=guess, headers=headers) for _ in range(12))
    )
    assert {each.status_code for each in answers} == {422}
    async with transaction(sessions) as session:
        assert (await session.exec(select(VerificationCode.tries_left))).one() == 0
    right = {"channel": "phone", "code": code}
    late = await client.post(place, json=right, headers=headers)
    assert wrong_fields(late) == {"code"}


async def test_a5_the_right_code_in_parallel_is_taken_once(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    headers, place = bearer(me), f"{CODE}/confirm"
    await client.post(CODE, json={"channel": "email"}, headers=headers)
    code = await last_secret(sessions, me["user"]["email"])
    right = {"channel": "email", "code": code}
    answers = await asyncio.gather(
        *(client.post(place, json=right, headers=headers) for _ in range(4))
    )
    assert sorted(each.status_code for each in answers) == [200, 422, 422, 422]


async def test_a5_new_codes_buy_no_endless_tries(
    client: AsyncClient, sessions: Sessions
) -> None:
    """Twenty tries an hour, however many codes there are."""
    headers = bearer(await registered(client))
    guess = {"channel": "email", "code": "000000"}
    answers = [
        await client.post(f"{CODE}/confirm", json=guess, headers=headers)
        for _ in range(21)
    ]
    assert [each.status_code for each in answers] == [422] * 20 + [429]


async def test_a5_a_code_works_for_its_own_request_only(
    client: AsyncClient, sessions: Sessions
) -> None:
    mine, theirs = await registered(client), await registered(client)
    for each in (mine, theirs):
        await client.post(CODE, json={"channel": "email"}, headers=bearer(each))
    foreign = await last_secret(sessions, theirs["user"]["email"])
    own = await last_secret(sessions, mine["user"]["email"])
    if foreign != own:
        body = {"channel": "email", "code": foreign}
        answer = await client.post(f"{CODE}/confirm", json=body, headers=bearer(mine))
        assert wrong_fields(answer) == {"code"}


@pytest.mark.parametrize(
    "code", ["12345", "1234567", "١٢٣٤٥٦", " 12345", "12345a", 123456, None, ["1"]]
)
async def test_a5_what_is_no_code_costs_no_try(
    client: AsyncClient, sessions: Sessions, code: Any
) -> None:
    headers = bearer(await registered(client))
    await client.post(CODE, json={"channel": "email"}, headers=headers)
    body = {"channel": "email", "code": code}
    answer = await client.post(f"{CODE}/confirm", json=body, headers=headers)
    assert {each.split(".")[0] for each in wrong_fields(answer)} == {"code"}
    async with transaction(sessions) as session:
        assert (await session.exec(select(VerificationCode.tries_left))).one() == 5


async def test_a6_messages_are_rationed_by_number_person_and_address(
    client: AsyncClient, sessions: Sessions, strict: None
) -> None:
    """Spelling a number in another way makes it no other number."""
    ways = ("+79161112233", "8 916 111-22-33", "7(916)1112233", "+7 916 111 22 33")
    answers = []
    for way in ways:
        headers = bearer(await registered(client))
        body = {"phone": way, "current_password": PASSWORD}
        answers.append(await client.put("/v1/me/phone", json=body, headers=headers))
    assert [each.status_code for each in answers] == [202, 202, 202, 429]
    me = bearer(await registered(client))
    many = [
        await client.put(
            "/v1/me/phone",
            json={"phone": f"+7916222{number:04d}", "current_password": PASSWORD},
            headers=me,
        )
        for number in range(12)
    ]
    # Tries at the present password are limited as well, and sooner.
    assert [each.status_code for each in many].count(202) <= 10
    is_problem(many[-1], 429, "too_many_requests")
    assert await count_sent(sessions, "contact_change_code") <= 3 + 10


def medians(spent: dict[str, list[float]]) -> tuple[float, float]:
    found = sorted(median(each) for each in spent.values())
    return found[0], found[-1]


async def timed(spent: list[float], work: Any) -> Response:
    began = time.perf_counter()
    answer: Response = await work
    spent.append(time.perf_counter() - began)
    return answer


async def test_a7_sign_in_tells_nobody_who_exists(client: AsyncClient) -> None:
    known = [(await registered(client))["user"]["email"] for _ in range(12)]
    spent: dict[str, list[float]] = {"known": [], "unknown": []}
    bodies = set()
    for number, email in enumerate(known):
        for kind, login in (("known", email), ("unknown", f"no{number}@example.org")):
            body = {"login": login, "password": "a wrong password"}
            answer = await timed(spent[kind], client.post(LOGIN, json=body))
            is_problem(answer, 401, "invalid_credentials")
            bodies.add(answer.content)
    assert len(bodies) == 1
    least, most = medians(spent)
    assert most < 1.5 * least + 0.002


@pytest.mark.parametrize("channel", ["email", "phone"])
async def test_a7_a_taken_contact_looks_like_a_free_one(
    client: AsyncClient, channel: str
) -> None:
    spent: dict[str, list[float]] = {"taken": [], "free": []}
    answers = set()
    for number in range(9):
        taken = (await registered(client))["user"][channel]
        free = {"email": f"free{number}@example.org", "phone": f"+7916333{number:04d}"}
        for kind, contact in (("taken", taken), ("free", free[channel])):
            headers = bearer(await registered(client))
            body = {channel: contact, "current_password": PASSWORD}
            answer = await timed(
                spent[kind],
                client.put(f"/v1/me/{channel}", json=body, headers=headers),
            )
            shown = set(answer.headers) - {"content-length"}
            answers.add((answer.status_code, answer.content, tuple(sorted(shown))))
    assert len(answers) == 1
    least, most = medians(spent)
    assert most < 1.5 * least + 0.003


async def test_a7_a_link_of_nobody_looks_like_a_spent_one(
    client: AsyncClient, sessions: Sessions
) -> None:
    token = await asked_link(
        client, sessions, (await registered(client))["user"]["email"]
    )
    body = {"token": token, "new_password": "a wholly new passphrase"}
    await client.post(f"{RESET}/confirm", json=body)
    spent = await client.post(f"{RESET}/confirm", json=body)
    forged = await client.post(f"{RESET}/confirm", json=body | {"token": "x.y"})
    assert spent.status_code == forged.status_code == 422
    assert spent.json()["errors"] == forged.json()["errors"]


async def test_a8_hashing_is_small_queued_and_takes_no_endless_password(
    client: AsyncClient,
) -> None:
    real = Settings.model_fields
    cost = [real[f"argon2_{each}"].default for each in ("memory_kib", "time")]
    assert cost == [19_456, 2]
    body = registration(password="x1" * 65)
    assert wrong_fields(await client.post(REGISTER, json=body)) == {"password"}
    long = {"login": "a@example.org", "password": "x" * 1025}
    assert wrong_fields(await client.post(LOGIN, json=long)) == {"password"}


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("/webhooks/telegram", 404),
        ("/v1/telegram/webapp", 404),
        ("/v1/me/telegram-link", 503),
    ],
)
async def test_a13_a14_no_door_opens_where_no_bot_is_set_up(
    client: AsyncClient, place: str, status: int
) -> None:
    headers = bearer(await registered(client))
    answer = await client.post(place, json={"callback_query": {}}, headers=headers)
    assert answer.status_code == status


TWINS = [
    "аdmin@example.org",
    "ａdmin@example.org",
    "admİn@example.org",
    "ﬁrst@example.org",
    "admin@exаmple.org\u200b",
    "admin @example.org",
]


@pytest.mark.parametrize("email", TWINS)
async def test_a16_a_twin_of_an_address_is_no_address(
    client: AsyncClient, sessions: Sessions, email: str
) -> None:
    refused = await client.post(REGISTER, json=registration(email=email))
    assert wrong_fields(refused) == {"email"}
    headers = bearer(await registered(client))
    body = {"email": email, "current_password": PASSWORD}
    changed = await client.put("/v1/me/email", json=body, headers=headers)
    assert wrong_fields(changed) == {"email"}
    assert await count_sent(sessions, "contact_change_code") == 0


async def test_a16_letters_of_another_size_are_the_same_address(
    client: AsyncClient,
) -> None:
    await registered(client, email="Admin@Example.org")
    twin = await client.post(REGISTER, json=registration(email="aDMIN@eXAMPLE.ORG"))
    is_problem(twin, 409, "account_exists")


@pytest.mark.parametrize(
    "phone", ["+7916111223", "+7916111223\u200b3", "+79161112233;ext=5", "+1911"]
)
async def test_a17_an_odd_number_is_no_number(client: AsyncClient, phone: str) -> None:
    refused = await client.post(REGISTER, json=registration(phone=phone))
    assert wrong_fields(refused) == {"phone"}


async def test_a17_every_spelling_of_a_number_is_one_number(
    client: AsyncClient, sessions: Sessions
) -> None:
    await registered(client, phone="+79161112244")
    for twin in ("89161112244", "8 (916) 111-22-44", "٨٩١٦١١١٢٢٤٤", "+７9161112244"):
        answer = await client.post(REGISTER, json=registration(phone=twin))
        is_problem(answer, 409, "account_exists")
    async with transaction(sessions) as session:
        same = sa.select(sa.func.count()).where(col(User.phone) == "+79161112244")
        assert await session.scalar(same) == 1


@pytest.mark.parametrize(
    "name", ["Ан\u202eна", "Ан\u200bна", "А" * 10_240, "Ан\u0000на", "Ан\u2066на", " "]
)
async def test_a18_a_name_that_plays_tricks_is_refused(
    client: AsyncClient, name: str
) -> None:
    refused = await client.post(REGISTER, json=registration(first_name=name))
    is_problem(refused, 422, "validation_error")
    headers = bearer(await registered(client))
    changed = await client.patch("/v1/me", json={"last_name": name}, headers=headers)
    is_problem(changed, 422, "validation_error")


async def test_a_code_and_a_link_are_nowhere_to_be_read(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    email = me["user"]["email"]
    await client.post(CODE, json={"channel": "email"}, headers=bearer(me))
    code = await last_secret(sessions, email)
    token = await asked_link(client, sessions, email)
    async with transaction(sessions) as session:
        for table in ("verification_code", "notification", "audit_event"):
            rows = await session.scalars(sa.text(f"SELECT t::text FROM {table} t"))
            stored = " ".join(rows)
            assert token not in stored
            assert not re.search(rf"(?<!\w){code}(?!\w)", stored)
        assert (await session.exec(select(Notification))).first() is not None
