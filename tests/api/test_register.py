"""Registration over HTTP."""

import asyncio
import json
from typing import Any

import pytest
from httpx import AsyncClient
from sqlmodel import select

from models import Consent, PatientProfile, Role, RoleGrant, User
from services.database import Sessions
from services.edges import transaction
from tests.api.helpers import (
    PASSWORD,
    is_problem,
    registered,
    registration,
    wrong_fields,
)


async def test_registration_makes_a_patient_and_nothing_else(
    client: AsyncClient, sessions: Sessions
) -> None:
    answer = await registered(client, email="New@Example.com", phone="8 926 000-00-01")
    user = answer["user"]
    assert user["roles"] == ["patient"]
    assert (user["email"], user["phone"]) == ("new@example.com", "+79260000001")
    assert (user["email_verified"], user["locale"]) == (False, "en")
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 600)
    async with transaction(sessions) as session:
        assert (await session.exec(select(PatientProfile))).one()
        assert (await session.exec(select(RoleGrant))).one().role is Role.PATIENT
        consent = (await session.exec(select(Consent))).one()
        assert (consent.kind, consent.version) == ("personal_data", "1")
        kept = (await session.exec(select(User))).one().password_hash
        assert kept
        assert PASSWORD not in kept


SERVER_OWNED: list[dict[str, Any]] = [
    {"role": "admin"},
    {"roles": ["doctor"]},
    {"is_verified": True},
    {"email_verified": True},
    {"id": "00000000-0000-0000-0000-000000000001"},
    {"balance": 10_000},
    {"password_hash": "x"},
    {"created_at": "2020-01-01T00:00:00Z"},
]


@pytest.mark.parametrize("extra", SERVER_OWNED, ids=lambda each: next(iter(each)))
async def test_seed_hole_register_with_role_admin(
    client: AsyncClient, sessions: Sessions, extra: dict[str, Any]
) -> None:
    answer = await client.post("/v1/auth/register", json=registration(**extra))
    assert wrong_fields(answer) == set(extra)
    async with transaction(sessions) as session:
        assert (await session.exec(select(User))).all() == []


@pytest.mark.parametrize("same", ["email", "phone"])
async def test_a_taken_email_or_phone_is_a_conflict(
    client: AsyncClient, same: str
) -> None:
    first = registration(email="mine@example.com", phone="+79260000002")
    assert (await client.post("/v1/auth/register", json=first)).status_code == 201
    twin = {"email": "MINE@example.com", "phone": "8(926)000-00-02"}
    answer = await client.post(
        "/v1/auth/register", json=registration(**{same: twin[same]})
    )
    is_problem(answer, 409, "account_exists")


async def test_two_registrations_of_one_email_make_one_account(
    client: AsyncClient,
) -> None:
    bodies = [registration(email="race@example.com") for _ in range(5)]
    answers = await asyncio.gather(
        *(client.post("/v1/auth/register", json=body) for body in bodies)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


BAD: list[tuple[str, Any]] = [
    ("email", "аdmin@example.com"),
    ("email", "ａdmin@example.com"),
    ("email", "ﬁ@example.com"),
    ("email", "no at sign"),
    ("email", 5),
    ("phone", "+7916123456"),
    ("phone", "+79161234567 ext. 5"),
    ("phone", "+7916123\u200b4567"),
    ("phone", ["+79161234567"]),
    ("first_name", ""),
    ("first_name", "   "),
    ("first_name", "А" * 101),
    ("first_name", "А" * 10_000),
    ("first_name", "Ан\u202eна"),
    ("first_name", "Ан\u200bна"),
    ("first_name", "Ан\u0007на"),
    ("first_name", {"a": 1}),
    ("first_name", "\ud800"),
    ("password", "1234567"),
    ("password", "x1" * 65),
    ("password", "password1"),
    ("password", "Qwertyuiop"),
    ("password", "aaaaaaaaaa"),
    ("password", "patient@example.com"),
    ("password", None),
    ("consents", []),
    ("consents", "all"),
]


@pytest.mark.parametrize(("field", "value"), BAD)
async def test_bad_registrations_name_the_field(
    client: AsyncClient, field: str, value: Any
) -> None:
    body = registration(email="patient@example.com") | {field: value}
    answer = await client.post(
        "/v1/auth/register",
        content=json.dumps(body),
        headers={"content-type": "application/json"},
    )
    assert {each.split(".")[0] for each in wrong_fields(answer)} == {field}


async def test_names_are_normalised(client: AsyncClient) -> None:
    answer = await registered(
        client, first_name="  Ан  на ", last_name="Й".encode().decode() + "ова"
    )
    assert answer["user"]["first_name"] == "Ан на"
    assert answer["user"]["last_name"] == "Йова"
