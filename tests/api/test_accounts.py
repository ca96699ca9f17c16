"""One's own card, password, medical facts and addresses over HTTP."""

from typing import Any

import pytest
import sqlalchemy as sa
from httpx import ASGITransport, AsyncClient
from sqlmodel import col, select

from models import AuditEvent, RateLimit, Role, User
from services import passwords
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import (
    PASSWORD,
    api_alone,
    bearer,
    is_problem,
    key,
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


FACTS: dict[str, Any] = {
    "birth_date": "1990-02-28",
    "sex": "female",
    "blood_type": "AB-",
    "insurance_number": "1234 567890",
    "allergies": "Пенициллин\nорехи",
    "chronic_conditions": "Астма",
    "emergency_contact": "Пётр, +7 916 123-45-67",
}


async def test_medical_facts_are_replaced_whole(
    client: AsyncClient, sessions: Sessions
) -> None:
    pair = await registered(client)
    headers = bearer(pair)
    empty = (await client.get("/v1/me/patient-profile", headers=headers)).json()
    assert empty == dict.fromkeys(FACTS)
    saved = await client.put("/v1/me/patient-profile", json=FACTS, headers=headers)
    assert saved.json() == FACTS
    fewer = {"sex": "female"}
    saved = await client.put("/v1/me/patient-profile", json=fewer, headers=headers)
    assert saved.json() == empty | fewer
    async with transaction(sessions) as session:
        query = select(AuditEvent).where(col(AuditEvent.action) == "profile.replaced")
        lines = (await session.exec(query)).all()
        assert "Астма" not in str([line.data for line in lines])
        assert "allergies" in lines[0].data["fields"]


@pytest.mark.parametrize(
    "facts",
    [
        {"birth_date": "1850-01-01"},
        {"birth_date": "3000-01-01"},
        {"birth_date": "yesterday"},
        {"sex": "other"},
        {"blood_type": "C+"},
        {"allergies": "x" * 2001},
        {"allergies": ""},
        {"user_id": "00000000-0000-0000-0000-000000000001"},
    ],
    ids=str,
)
async def test_bad_medical_facts_change_nothing(
    client: AsyncClient, facts: dict[str, Any]
) -> None:
    pair = await registered(client)
    await client.put("/v1/me/patient-profile", json=FACTS, headers=bearer(pair))
    answer = await client.put(
        "/v1/me/patient-profile", json=facts, headers=bearer(pair)
    )
    assert wrong_fields(answer) == set(facts)
    kept = await client.get("/v1/me/patient-profile", headers=bearer(pair))
    assert kept.json() == FACTS


async def test_who_was_made_without_a_profile_gets_one(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        user = await factories.person(session, Role.PATIENT)
    headers = await signed_in(sessions, user)
    empty = await client.get("/v1/me/patient-profile", headers=headers)
    assert empty.json() == dict.fromkeys(FACTS)
    saved = await client.put("/v1/me/patient-profile", json=FACTS, headers=headers)
    assert saved.json() == FACTS


DOOR: dict[str, Any] = {
    "label": "Дом",
    "text": "Тверская улица, 1",
    "entrance": "2",
    "floor": "5",
    "intercom": "55К",
    "flat": "55",
    "notes": "Собака не кусается",
    "latitude": 55.76,
    "longitude": 37.61,
}


async def test_addresses_come_and_go(client: AsyncClient) -> None:
    headers = bearer(await registered(client))
    made = await client.post("/v1/me/addresses", json=DOOR, headers=headers)
    assert made.status_code == 201
    home = made.json()
    assert {name: home[name] for name in DOOR} == DOOR
    place = f"/v1/me/addresses/{home['id']}"
    moved = await client.put(place, json={"text": "Арбат, 10"}, headers=headers)
    blank = dict.fromkeys(DOOR) | {"text": "Арбат, 10", "id": home["id"]}
    assert moved.json() == blank
    listed = await client.get("/v1/me/addresses", headers=headers)
    assert listed.json() == {"items": [moved.json()], "next_cursor": None}
    assert (await client.delete(place, headers=headers)).status_code == 204
    is_problem(await client.delete(place, headers=headers), 404, "not_found")


async def test_anothers_address_is_not_found(client: AsyncClient) -> None:
    mine, theirs = await registered(client), await registered(client)
    made = await client.post("/v1/me/addresses", json=DOOR, headers=bearer(theirs))
    place = f"/v1/me/addresses/{made.json()['id']}"
    for answer in (
        await client.put(place, json=DOOR, headers=bearer(mine)),
        await client.delete(place, headers=bearer(mine)),
    ):
        is_problem(answer, 404, "not_found")
    listed = await client.get("/v1/me/addresses", headers=bearer(mine))
    assert listed.json()["items"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"latitude": 91, "longitude": 0},
        {"latitude": 0, "longitude": -181},
        {"latitude": 55.7, "longitude": None},
        {"text": ""},
        {"text": "x" * 301},
        {"notes": "x\u2066y"},
        {"user_id": "00000000-0000-0000-0000-000000000001"},
        {"latitude": "NaN", "longitude": 5},
    ],
    ids=str,
)
async def test_bad_addresses_are_refused(
    client: AsyncClient, changes: dict[str, Any]
) -> None:
    headers = bearer(await registered(client))
    answer = await client.post("/v1/me/addresses", json=DOOR | changes, headers=headers)
    wrong_fields(answer)
    listed = await client.get("/v1/me/addresses", headers=headers)
    assert listed.json()["items"] == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_coordinates_that_are_no_numbers_are_refused(
    client: AsyncClient, number: str
) -> None:
    headers = bearer(await registered(client)) | {"content-type": "application/json"}
    body = f'{{"text": "Арбат", "latitude": {number}, "longitude": 37}}'
    answer = await client.post(
        "/v1/me/addresses", content=body.encode(), headers=headers
    )
    assert wrong_fields(answer) == {"latitude"}


async def test_lists_come_in_pages_newest_first(client: AsyncClient) -> None:
    headers = bearer(await registered(client))
    for number in range(5):
        body = {"text": f"Улица, {number}"}
        await client.post("/v1/me/addresses", json=body, headers=headers)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = await client.get("/v1/me/addresses", params=query, headers=headers)
        seen += [each["text"] for each in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"Улица, {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"cursor": "x"},
        {"cursor": "эээ"},
        {"cursor": "MjAyNi0wMS0wMVQwMDowMDowMCB4"},
        {
            "cursor": "MjAyNi0wMS0wMVQwMDowMDowMCAwMTkwMDAwMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDA"
        },
        {"cursor": "x" * 201},
    ],
    ids=str,
)
async def test_bad_pages_are_refused(
    client: AsyncClient, query: dict[str, str]
) -> None:
    headers = bearer(await registered(client))
    answer = await client.get("/v1/me/addresses", params=query, headers=headers)
    assert wrong_fields(answer) == set(query)


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


async def test_an_idempotency_key_is_answered_once(client: AsyncClient) -> None:
    headers = bearer(await registered(client)) | key()
    first = await client.post("/v1/me/addresses", json=DOOR, headers=headers)
    again = await client.post("/v1/me/addresses", json=DOOR, headers=headers)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.json()) == (201, first.json())
    listed = await client.get("/v1/me/addresses", headers=headers)
    assert len(listed.json()["items"]) == 1


async def test_health_says_what_is_down(
    client: AsyncClient, sessions: Sessions
) -> None:
    live = await client.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "2")
    assert ready.json() == {"status": "down", "down": ["worker"]}
    async with transaction(sessions) as session:
        await session.execute(
            sa.text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
        )
    ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "down": []})


async def test_without_a_database_everything_is_503_soon(settings: Settings) -> None:
    app = api_alone(settings, "postgresql+psycopg://nobody@/x?host=/nowhere")
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://testserver") as client:
        ready = await client.get("/health/ready")
        assert ready.json() == {"status": "down", "down": ["database"]}
        assert (await client.get("/health/live")).status_code == 200
        login = {"login": "a@example.com", "password": "x"}
        answer = await client.post("/v1/auth/login", json=login)
        is_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "2"


async def test_only_listed_origins_may_read_answers(
    settings: Settings, database_url: str
) -> None:
    ours = "https://app.example.com"
    for origins, allowed in (([], None), ([ours], ours)):
        app = api_alone(
            settings.model_copy(update={"cors_origins": origins}), database_url
        )
        transport = ASGITransport(app)
        async with AsyncClient(
            transport=transport, base_url="http://testserver"
        ) as client:
            for origin in (ours, "https://evil.example"):
                answer = await client.get("/health/live", headers={"origin": origin})
                expected = allowed if origin == ours else None
                assert answer.headers.get("access-control-allow-origin") == expected
