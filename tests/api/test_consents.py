"""What a person agrees to, takes back, and what follows from it."""

import hashlib

import pytest
from httpx import AsyncClient
from sqlmodel import col, select

from models import AuditEvent, Role
from services import consents
from services.config import Settings
from services.consents import NewText
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import (
    bearer,
    is_problem,
    registered,
    registration,
    wrong_fields,
)

CALL = {
    "call_type": "urgent",
    "symptoms": "Температура",
    "address": {"text": "Арбат, 10"},
}


@pytest.fixture
def strict(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "require_current_consents", True)


async def publish(sessions: Sessions, version: str, kind: str = "personal_data") -> str:
    async with transaction(sessions) as session:
        admin = await factories.person(session, Role.ADMIN)
        text = await consents.publish(
            session,
            factories.as_staff(admin, Role.ADMIN),
            NewText(kind=kind, version=version, text_ru="Согласен", text_en="I agree"),
        )
    return text.text_hash


async def test_a_consent_keeps_version_hash_time_and_address(
    client: AsyncClient, sessions: Sessions
) -> None:
    digest = await publish(sessions, "1")
    assert digest == hashlib.sha256("Согласен\0I agree".encode()).hexdigest()
    token = await registered(client)
    found = (await client.get("/v1/me/consents", headers=bearer(token))).json()
    (mine,) = found["items"]
    assert mine["text_hash"] == digest
    assert mine["client_address"]
    assert mine["given_at"]
    assert (mine["withdrawn_at"], mine["stale"]) == (None, False)


async def test_the_texts_that_hold_are_public_in_the_readers_language(
    client: AsyncClient, sessions: Sessions
) -> None:
    assert (await client.get("/v1/consent-texts")).json() == {"items": []}
    await publish(sessions, "1")
    await publish(sessions, "2")
    (text,) = (await client.get("/v1/consent-texts")).json()["items"]
    assert (text["version"], text["text"]) == ("2", "I agree")
    russian = await client.get("/v1/consent-texts", headers={"accept-language": "ru"})
    assert russian.json()["items"][0]["text"] == "Согласен"


async def test_an_unknown_version_is_taken_without_a_hash_unless_it_must_be_current(
    client: AsyncClient, sessions: Sessions
) -> None:
    token = await registered(client, consents=[{"kind": "odd", "version": "9"}])
    found = (await client.get("/v1/me/consents", headers=bearer(token))).json()
    assert [each["text_hash"] for each in found["items"]] == [None]


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("version", ["1", "3"])
async def test_registration_with_a_stale_or_unknown_version_is_refused(
    client: AsyncClient, sessions: Sessions, version: str
) -> None:
    await publish(sessions, "1")
    await publish(sessions, "2")
    given = [{"kind": "personal_data", "version": version}]
    answer = await client.post("/v1/auth/register", json=registration(consents=given))
    assert wrong_fields(answer) == {"consents"}
    given = [{"kind": "personal_data", "version": "2"}]
    await registered(client, consents=given)


@pytest.mark.usefixtures("strict")
async def test_registration_without_the_consent_to_personal_data_is_refused(
    client: AsyncClient, sessions: Sessions
) -> None:
    await publish(sessions, "1", kind="medical_data")
    given = [{"kind": "medical_data", "version": "1"}]
    answer = await client.post("/v1/auth/register", json=registration(consents=given))
    assert wrong_fields(answer) == {"consents"}


@pytest.mark.usefixtures("strict")
async def test_a_call_waits_for_the_new_text_once_the_old_consent_is_stale(
    client: AsyncClient, sessions: Sessions
) -> None:
    await publish(sessions, "1")
    headers = bearer(await registered(client))
    first = await client.post("/v1/bookings", json=CALL, headers=headers)
    assert first.status_code == 201
    await publish(sessions, "2")
    (mine,) = (await client.get("/v1/me/consents", headers=headers)).json()["items"]
    assert mine["stale"] is True
    refused = await client.post("/v1/bookings", json=CALL, headers=headers)
    assert "personal data" in is_problem(refused, 403, "forbidden")["detail"]
    old = {"kind": "personal_data", "version": "1"}
    assert wrong_fields(
        await client.post("/v1/me/consents", json=old, headers=headers)
    ) == {"consents"}
    new = await client.post(
        "/v1/me/consents", json=old | {"version": "2"}, headers=headers
    )
    assert (new.status_code, new.json()["stale"]) == (201, False)
    again = await client.post("/v1/bookings", json=CALL, headers=headers)
    assert again.status_code == 201


@pytest.mark.usefixtures("strict")
async def test_a_call_is_refused_after_the_consent_was_withdrawn(
    client: AsyncClient, sessions: Sessions
) -> None:
    await publish(sessions, "1")
    headers = bearer(await registered(client))
    place = "/v1/me/consents/personal_data"
    assert (await client.delete(place, headers=headers)).status_code == 204
    refused = await client.post("/v1/bookings", json=CALL, headers=headers)
    is_problem(refused, 403, "forbidden")
    is_problem(await client.delete(place, headers=headers), 404, "not_found")
    anew = {"kind": "personal_data", "version": "1"}
    await client.post("/v1/me/consents", json=anew, headers=headers)
    await client.post("/v1/me/consents", json=anew, headers=headers)
    rows = (await client.get("/v1/me/consents", headers=headers)).json()["items"]
    assert [each["withdrawn_at"] is None for each in rows] == [True, False]
    made = await client.post("/v1/bookings", json=CALL, headers=headers)
    assert made.status_code == 201


async def test_giving_and_withdrawing_are_journalled(
    client: AsyncClient, sessions: Sessions
) -> None:
    headers = bearer(await registered(client))
    await client.delete("/v1/me/consents/personal_data", headers=headers)
    given = {"kind": "personal_data", "version": "1"}
    await client.post("/v1/me/consents", json=given, headers=headers)
    async with transaction(sessions) as session:
        actions = [
            each.action
            for each in (
                await session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))
            ).all()
            if each.action.startswith("consent.")
        ]
    assert actions == ["consent.withdrawn", "consent.given"]
