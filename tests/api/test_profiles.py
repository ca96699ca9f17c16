"""One's own medical facts over HTTP."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlmodel import col, select

from models import AuditEvent, Role
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import (
    bearer,
    registered,
    signed_in,
    wrong_fields,
)

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
