"""A copy of one's own data, and the end of an account."""

import json
import uuid
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from httpx import AsyncClient
from sqlmodel import col, select

from models import AuditEvent, Booking, Notification, User
from models.booking import Status
from models.role_grant import Role
from services import assignments, bookings, passwords, visits
from services.actor import Actor, Via
from services.database import Sessions
from services.edges import transaction
from services.sensitive_reads import journal_read
from tests import earning, factories
from tests.api.helpers import (
    PASSWORD,
    bearer,
    is_problem,
    registered,
    registration,
    signed_in,
    wrong_fields,
)

CALL = {
    "call_type": "urgent",
    "symptoms": "Секретная жалоба",
    "address": {
        "text": "Секретная улица, 7",
        "flat": "13",
        "notes": "Секретный звонок",
    },
    "subject": {"name": "Секретов Пётр", "birth_date": "2015-05-05"},
}
PROFILE = {"allergies": "Секретная аллергия", "emergency_contact": "Секретная бабушка"}
DOOR = {"text": "Секретная улица, 7", "label": "Секретный дом"}


async def erase(
    client: AsyncClient, headers: dict[str, str], password: str = PASSWORD
) -> Any:
    return await client.request(
        "DELETE", "/v1/me", json={"current_password": password}, headers=headers
    )


async def lived(client: AsyncClient, sessions: Sessions) -> dict[str, Any]:
    """Register somebody with a profile, a door and a cancelled and a done call."""
    names = {"first_name": "Секрета", "last_name": "Секретова"}
    body = registration(email="secret@example.com", **names)
    token = (await client.post("/v1/auth/register", json=body)).json()
    headers = bearer(token)
    for method, place, said in (
        ("PUT", "/v1/me/patient-profile", PROFILE),
        ("POST", "/v1/me/addresses", DOOR),
    ):
        answer = await client.request(method, place, json=said, headers=headers)
        assert answer.status_code < 300, answer.text
    made = (await client.post("/v1/bookings", json=CALL, headers=headers)).json()
    reason = {"reason": "Секретная причина"}
    await client.post(f"/v1/bookings/{made['id']}/cancel", json=reason, headers=headers)
    async with transaction(sessions) as session:
        user = await session.get_one(User, token["user"]["id"])
        doctor = await factories.doctor(session)
        staff = await factories.dispatcher(session)
        done = await factories.booking_in(
            session,
            Status.ASSIGNED,
            doctor=doctor,
            dispatcher=staff,
            by=user,
            symptoms="Секретный кашель",
        )
        await visits.decline(
            session, factories.as_doctor(doctor), done.id, "Секретный пёс"
        )
        another = await factories.doctor(session)
        await assignments.assign(
            session, factories.as_staff(staff), done.id, another.id, done.version
        )
        for step in factories.PATH[Status.COMPLETED]:
            await step(session, done, another)
        await journal_read(
            session, factories.as_staff(staff), "booking", done.id, "booking"
        )
    return {"body": body, "token": token, "headers": headers, "done": str(done.id)}


async def overtake(sessions: Sessions, actor: Actor) -> None:
    async with transaction(sessions) as session:
        await bookings.create(session, actor, factories.draft())


async def try_to(sessions: Sessions, erasing: str, change: str) -> None:
    async with transaction(sessions) as session:
        setting = sa.select(sa.func.set_config("tot.erasing", erasing, True))
        await session.execute(setting)
        await session.execute(sa.text(change))


async def whole(sessions: Sessions) -> str:
    """Read every row of the database as one text."""
    async with transaction(sessions) as session:
        tables = await session.scalars(
            sa.text(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename <> 'alembic_version'"
            )
        )
        texts = []
        for table in tables.all():
            rows = sa.text(f"SELECT coalesce(json_agg(t), '[]')::text FROM {table} t")
            # One line for each table, however many rows it has.
            found = " ".join((await session.scalar(rows)).split("\n"))
            texts.append(f"{table}: {found}")
    return "\n".join(texts)


async def test_the_export_holds_everything_of_ones_own(
    client: AsyncClient, sessions: Sessions
) -> None:
    life = await lived(client, sessions)
    answer = await client.get("/v1/me/export", headers=life["headers"])
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["account"]["email"] == "secret@example.com"
    assert found["data"]["patient_profile"][0]["allergies"] == "Секретная аллергия"
    assert found["data"]["addresses"][0]["label"] == "Секретный дом"
    assert found["consents"][0]["kind"] == "personal_data"
    assert len(found["data"]["sessions"]) == 1
    first, second = found["bookings"]
    assert [each["event"] for each in first["history"]] == ["create", "cancel"]
    assert second["booking"]["conclusion"] == "ОРВИ, покой"
    (read,) = found["data"]["read_by_others"]
    assert (read["role"], read["what"]) == ("dispatcher", "read.booking")
    assert set(read) == {"role", "what", "at"}
    # Names of staff and what they noted stay out.
    assert "Анна Петровна" not in json.dumps(found, ensure_ascii=False)
    assert "Секретный пёс" not in json.dumps(found, ensure_ascii=False)


async def test_the_export_is_journalled_and_limited(
    client: AsyncClient, sessions: Sessions
) -> None:
    token = await registered(client)
    codes = [
        (await client.get("/v1/me/export", headers=bearer(token))).status_code
        for _ in range(6)
    ]
    assert codes == [200] * 5 + [429]
    async with transaction(sessions) as session:
        lines = await session.exec(
            select(AuditEvent).where(col(AuditEvent.action) == "account.exported")
        )
        assert len(lines.all()) == 5


async def test_a_doctors_export_tells_of_visits_but_not_of_the_ill(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session)
        staff = await factories.dispatcher(session)
        await factories.document(session, doctor, number="КН-77")
        done = await factories.booking_in(
            session, Status.COMPLETED, doctor=doctor, dispatcher=staff
        )
    headers = await signed_in(sessions, doctor)
    found = (await client.get("/v1/me/export", headers=headers)).json()
    (visit,) = found["data"]["visits"]
    assert (visit["number"], visit["outcome"]) == (done.label, "completed")
    text = json.dumps(found, ensure_ascii=False)
    assert "кашель" not in text
    assert "Петров" not in text
    assert found["bookings"] == []
    assert found["data"]["documents"][0]["number"] == "КН-77"
    assert found["data"]["doctor_profile"][0]["licence_number"]


async def test_an_erased_person_leaves_no_word_behind(
    client: AsyncClient, sessions: Sessions
) -> None:
    life = await lived(client, sessions)
    before = await whole(sessions)
    assert "Секрет" in before
    answer = await erase(client, life["headers"])
    assert answer.status_code == 204, answer.text
    after = await whole(sessions)
    for word in ("Секрет", "секрет", "secret@", life["body"]["phone"]):
        lines = [line for line in after.split("\n") if word in line]
        # The last message to the old contact waits to be sent.
        assert all(line.startswith("notification:") for line in lines), word
    async with transaction(sessions) as session:
        booking = await session.get_one(Booking, life["done"])
        assert booking.price_kopecks
        assert (booking.status, booking.actual_minutes) == (Status.COMPLETED, 35)
        assert booking.completed_at is not None
        owner = await session.get_one(User, booking.patient_id)
        assert (owner.full_name, owner.email, owner.phone) == ("—", None, None)
        assert owner.erased_at is not None


async def test_all_sessions_of_an_erased_person_die_and_the_contacts_are_free(
    client: AsyncClient, sessions: Sessions
) -> None:
    life = await lived(client, sessions)
    await erase(client, life["headers"])
    is_problem(
        await client.get("/v1/me", headers=life["headers"]), 401, "unauthenticated"
    )
    body = {"refresh_token": life["token"]["refresh_token"]}
    assert (await client.post("/v1/auth/refresh", json=body)).status_code == 401
    login = {"login": "secret@example.com", "password": PASSWORD}
    assert (await client.post("/v1/auth/login", json=login)).status_code == 401
    anew = await client.post("/v1/auth/register", json=life["body"])
    assert anew.status_code == 201, anew.text
    assert anew.json()["user"]["id"] != life["token"]["user"]["id"]
    headers = bearer(anew.json())
    seen = (await client.get("/v1/bookings", headers=headers)).json()
    assert seen["items"] == []
    old = await client.get(f"/v1/bookings/{life['done']}", headers=headers)
    is_problem(old, 404, "not_found")
    found = (await client.get("/v1/me/export", headers=headers)).json()
    assert found["bookings"] == []
    assert found["data"]["addresses"] == []


async def test_open_calls_stand_in_the_way_of_an_erasure(
    client: AsyncClient, sessions: Sessions
) -> None:
    token = await registered(client)
    made = (await client.post("/v1/bookings", json=CALL, headers=bearer(token))).json()
    refused = await erase(client, bearer(token))
    assert made["number"] in is_problem(refused, 409, "open_obligations")["detail"]
    assert (await client.get("/v1/me", headers=bearer(token))).status_code == 200


async def test_open_visits_stand_in_the_way_of_a_doctors_erasure(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        hashed = await passwords.hash(PASSWORD)
        doctor = await factories.doctor(session, password_hash=hashed)
        staff = await factories.dispatcher(session)
        await factories.document(session, doctor, number="КН-77")
        made = await factories.booking_in(
            session, Status.EN_ROUTE, doctor=doctor, dispatcher=staff
        )
    headers = await signed_in(sessions, doctor)
    is_problem(await erase(client, headers), 409, "open_obligations")
    async with transaction(sessions) as session:
        for step in factories.PATH[Status.COMPLETED][2:]:
            await step(session, made, doctor)
    is_problem(await erase(client, headers), 409, "open_obligations")
    async with transaction(sessions) as session:
        await earning.paid_out(session)
    assert (await erase(client, headers)).status_code == 204
    after = await whole(sessions)
    assert "Орлов" not in after
    assert "КН-77" not in after
    assert "diploma.png" not in after
    # What the doctor wrote about the patient is the patient's.
    assert "ОРВИ, покой" in after


async def test_a_wrong_password_erases_nothing(client: AsyncClient) -> None:
    token = await registered(client)
    refused = await erase(client, bearer(token), "wrong")
    assert wrong_fields(refused) == {"current_password"}
    assert (await client.get("/v1/me", headers=bearer(token))).status_code == 200


async def test_an_account_of_staff_is_not_erased_here(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        both = await factories.person(session, Role.PATIENT, Role.DISPATCHER)
    is_problem(await erase(client, await signed_in(sessions, both)), 403, "forbidden")


async def test_the_history_of_a_call_still_refuses_every_other_change(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        await factories.booking(session)
    for erasing, change in (
        ("", "UPDATE booking_event SET comment = NULL"),
        ("on", "UPDATE booking_event SET event = 'cancel', comment = NULL"),
        ("on", "UPDATE booking_event SET comment = 'x'"),
        ("on", "UPDATE booking_event SET comment = NULL, data = '{\"more\": 1}'"),
        ("on", "UPDATE booking_event SET actor_id = gen_random_uuid()"),
        ("on", "DELETE FROM booking_event"),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="booking_event refuses"):
            await try_to(sessions, erasing, change)


async def test_the_journal_still_refuses_every_other_change(
    client: AsyncClient, sessions: Sessions
) -> None:
    await registered(client)
    for erasing, change in (
        ("", "UPDATE audit_event SET data = data - 'reason'"),
        ("on", "UPDATE audit_event SET data = '{\"more\": 1}'"),
        ("on", "UPDATE audit_event SET action = 'read.nothing'"),
        ("on", "UPDATE audit_event SET actor_id = gen_random_uuid()"),
        ("on", "DELETE FROM audit_event"),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="audit_event refuses"):
            await try_to(sessions, erasing, change)


async def test_a_call_that_overtakes_the_erasure_is_made_for_nobody(
    client: AsyncClient, sessions: Sessions
) -> None:
    token = await registered(client)
    assert (await erase(client, bearer(token))).status_code == 204
    actor = Actor(token["user"]["id"], Role.PATIENT, Via.API)
    # A rival of this kind starts anew, and then the caller is not found.
    with pytest.raises(psycopg.errors.SerializationFailure):
        await overtake(sessions, actor)


@pytest.mark.parametrize(
    ("contacts", "told"),
    [
        ({"email": None, "phone": "+79160000001"}, ["sms"]),
        ({"phone": None}, ["email"]),
        ({"email": None, "phone": None, "claimed_phone": "+79160000002"}, []),
    ],
    ids=["phone", "e-mail", "neither"],
)
async def test_the_old_contact_is_told_where_there_is_one(
    client: AsyncClient, sessions: Sessions, contacts: dict[str, Any], told: list[str]
) -> None:
    async with transaction(sessions) as session:
        hashed = await passwords.hash(PASSWORD)
        user = await factories.patient(session, password_hash=hashed, **contacts)
    answer = await erase(client, await signed_in(sessions, user))
    assert answer.status_code == 204, answer.text
    async with transaction(sessions) as session:
        rows = (await session.exec(select(Notification))).all()
        assert [each.channel.value for each in rows] == told
        assert {each.kind for each in rows} <= {"account_erased"}


async def test_an_account_merged_into_ones_own_goes_and_is_told_of_with_it(
    client: AsyncClient, sessions: Sessions
) -> None:
    token = await registered(client)
    async with transaction(sessions) as session:
        old = await factories.patient(session, last_name="Телефонов")
        await factories.saved_address(session, old, text="Старая улица, 3")
        old.merged_into = uuid.UUID(token["user"]["id"])
    found = await client.get("/v1/me/export", headers=bearer(token))
    assert "Старая улица" in found.text
    assert (await erase(client, bearer(token))).status_code == 204
    after = await whole(sessions)
    assert "Старая улица" not in after
    assert "Телефонов" not in after
