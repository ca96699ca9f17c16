"""What one wants to be told, over REST."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlmodel import col, select

from models import AuditEvent, NotificationPreference, Role
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import transaction
from services.notifications import Notice, notify
from tests import factories
from tests.api.helpers import bearer, registered, signed_in, wrong_fields

PATH = "/v1/me/notifications"


async def mine(client: AsyncClient, token: dict[str, str]) -> dict[str, Any]:
    answer = await client.get(PATH, headers=token | {"accept-language": "ru"})
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def kinds(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in body["kinds"]}


async def test_a_patient_sees_what_may_concern_patients(
    client: AsyncClient, sessions: Sessions
) -> None:
    token = bearer(await registered(client))
    body = await mine(client, token)
    found = kinds(body)
    assert found["booking_on_the_way"] == {
        "kind": "booking_on_the_way",
        "title": "Врач в пути",
        "channels": ["telegram", "sms", "email"],
        "mandatory": False,
        "urgent": True,
    }
    assert found["password_changed"]["mandatory"]
    assert (body["quiet_from"], body["quiet_to"]) == ("22:00:00", "08:00:00")
    assert not {"visit_assigned", "sla_breach", "paper_to_check"} & set(found)
    english = await client.get(PATH, headers=token | {"accept-language": "en"})
    assert "The doctor is on the way" in english.text
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session)
    theirs = kinds(await mine(client, await signed_in(sessions, doctor)))
    assert "visit_assigned" in theirs
    assert "booking_received" not in theirs


async def test_wishes_are_kept_and_what_is_not_given_stays(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        user = await factories.patient(session)
    token = await signed_in(sessions, user)
    wishes = [
        {"kind": "booking_received", "channels": ["email", "sms"]},
        {"kind": "payment_received", "channels": []},
    ]
    answer = await client.put(PATH, headers=token, json={"kinds": wishes})
    assert answer.status_code == 200
    found = kinds(answer.json())
    assert found["booking_received"]["channels"] == ["email", "sms"]
    assert found["payment_received"]["channels"] == []
    assert found["booking_started"]["channels"] == ["telegram", "sms", "email"]
    quiet = {"quiet_from": "21:30", "quiet_to": "09:00"}
    answer = await client.put(PATH, headers=token, json=quiet)
    again = {"kinds": [wishes[0] | {"channels": ["sms"]}]}
    russian = token | {"accept-language": "ru"}
    answer = await client.put(PATH, headers=russian, json=again)
    body = answer.json()
    assert (body["quiet_from"], body["quiet_to"]) == ("21:30:00", "09:00:00")
    assert kinds(body)["booking_received"]["channels"] == ["sms"]
    assert body == await mine(client, token)
    async with transaction(sessions) as session:
        facts = {"call": "B-1", "amount": "1 ₽"}
        notice = Notice("payment_received", user.id, facts=facts)
        assert await notify(session, SYSTEM, notice) is None
        lines = select(AuditEvent.data).where(
            col(AuditEvent.action) == "notification.preferences"
        )
        told = (await session.exec(lines.order_by(col(AuditEvent.id)))).all()
    assert [each["fields"] for each in told] == [
        ["kinds"],
        ["quiet_from", "quiet_to"],
        ["kinds"],
    ]


async def test_the_whole_answer_may_be_sent_back(
    client: AsyncClient, sessions: Sessions
) -> None:
    token = bearer(await registered(client))
    body = await mine(client, token)
    sent = {
        "kinds": [
            {name: each[name] for name in ("kind", "channels")}
            for each in body["kinds"]
        ],
        "quiet_from": body["quiet_from"],
        "quiet_to": body["quiet_to"],
    }
    russian = token | {"accept-language": "ru"}
    answer = await client.put(PATH, headers=russian, json=sent)
    assert answer.json() == body
    # What cannot be changed leaves no wish behind.
    async with transaction(sessions) as session:
        query = select(NotificationPreference.kind)
        assert "password_changed" not in (await session.exec(query)).all()


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"kind": "gossip", "channels": []}, "kinds"),
        ({"kind": "visit_assigned", "channels": []}, "kinds"),
        ({"kind": "licence_expiring_curator", "channels": []}, "kinds"),
        ({"kind": "booking_received", "channels": ["pigeon"]}, "kinds.0.channels.0"),
        ({"kind": "booking_received", "channels": ["console"]}, "kinds"),
        ({"kind": "booking_received", "channels": ["sms", "sms"]}, "kinds"),
        ({"kind": "chat_message", "channels": ["sms"]}, "kinds"),
        ({"kind": "password_changed", "channels": []}, "kinds"),
        ({"kind": "password_changed", "channels": ["sms", "email"]}, "kinds"),
        ({"kind": "booking_received"}, "kinds.0.channels"),
    ],
)
async def test_what_cannot_be_wished_is_refused(
    client: AsyncClient, wish: dict[str, Any], field: str
) -> None:
    token = bearer(await registered(client))
    before = await mine(client, token)
    good = {"kind": "booking_started", "channels": []}
    wishes = {"kinds": [wish, good]}
    answer = await client.put(PATH, headers=token, json=wishes)
    assert answer.status_code == 422
    assert wrong_fields(answer) == {field}
    assert await mine(client, token) == before


@pytest.mark.parametrize(
    "quiet",
    [
        {"quiet_from": "22:00"},
        {"quiet_to": "08:00", "quiet_from": None},
        {"quiet_from": "22:00:30", "quiet_to": "08:00"},
        {"quiet_from": "25:00", "quiet_to": "08:00"},
        {"quiet_from": "22:00+03:00", "quiet_to": "08:00"},
        {"quiet": "22-08"},
    ],
)
async def test_odd_quiet_hours_are_refused(
    client: AsyncClient, quiet: dict[str, Any]
) -> None:
    token = bearer(await registered(client))
    answer = await client.put(PATH, headers=token, json=quiet)
    assert answer.status_code == 422


async def test_a_manager_of_a_clinic_is_told_of_the_account_alone(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        manager = await factories.person(session, Role.CLINIC)
    found = kinds(await mine(client, await signed_in(sessions, manager)))
    assert all(each["mandatory"] for each in found.values())
