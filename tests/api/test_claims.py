"""Calls made by phone become theirs who prove the number, and nobody else's."""

import uuid

import pytest
import sqlalchemy as sa
from httpx import AsyncClient, Response
from sqlmodel import col, select

from models import Booking, BookingEvent, PatientProfile, RoleGrant, User
from services import assignments
from services.database import Sessions
from services.edges import in_transaction, transaction
from tests import factories
from tests.api.helpers import (
    PASSWORD,
    bearer,
    is_problem,
    registered,
    registration,
    signed_in,
    wrong_fields,
)
from tests.api.proofs import CODE, by_phone, last_secret


async def test_calls_made_by_phone_become_their_owners(
    client: AsyncClient, sessions: Sessions
) -> None:
    phone = "+79265550101"
    booking = await by_phone(sessions, phone)
    me = await registered(client, phone=phone)
    headers = bearer(me)
    assert (me["user"]["phone"], me["user"]["phone_verified"]) == (phone, False)
    before = await client.get("/v1/bookings", headers=headers)
    assert before.json()["items"] == []
    async with transaction(sessions) as session:
        own = select(PatientProfile).where(
            col(PatientProfile.user_id) == uuid.UUID(me["user"]["id"])
        )
        (await session.exec(own)).one().allergies = "Орехи"
    await client.post(CODE, json={"channel": "phone"}, headers=headers)
    code = await last_secret(sessions, phone)
    body = {"channel": "phone", "code": code}
    answer = await client.post(f"{CODE}/confirm", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["phone"], answer.json()["phone_verified"]) == (phone, True)
    mine = await client.get("/v1/bookings", headers=headers)
    assert [each["id"] for each in mine.json()["items"]] == [str(booking.id)]
    steps = await client.get(f"/v1/bookings/{booking.id}/events", headers=headers)
    assert [each["event"] for each in steps.json()["items"]] == ["create", "claim"]
    doors = await client.get("/v1/me/addresses", headers=headers)
    assert [each["text"] for each in doors.json()["items"]] == ["Арбат, 10"]
    facts = await client.get("/v1/me/patient-profile", headers=headers)
    assert facts.json()["birth_date"] == "1970-01-01"
    assert facts.json()["allergies"] == "Орехи"
    async with transaction(sessions) as session:
        old = await session.get_one(User, booking.patient_id)
        assert (str(old.merged_into), old.phone) == (me["user"]["id"], None)
        live = sa.select(sa.func.count(col(RoleGrant.id))).where(
            col(RoleGrant.user_id) == old.id, col(RoleGrant.revoked_at).is_(None)
        )
        assert await session.scalar(live) == 0
        last = select(BookingEvent).where(col(BookingEvent.event) == "claim")
        assert (await session.exec(last)).one().booking_id == booking.id


async def test_of_several_claimers_the_one_with_the_phone_wins(
    client: AsyncClient, sessions: Sessions
) -> None:
    phone = "+79265550102"
    await by_phone(sessions, phone)
    thief = bearer(await registered(client, phone=phone))
    owner = bearer(await registered(client, phone=phone))
    await client.post(CODE, json={"channel": "phone"}, headers=thief)
    stolen = await last_secret(sessions, phone)
    await client.post(CODE, json={"channel": "phone"}, headers=owner)
    code = await last_secret(sessions, phone)
    body = {"channel": "phone", "code": code}
    if code != stolen:
        lost = await client.post(f"{CODE}/confirm", json=body, headers=thief)
        assert wrong_fields(lost) == {"code"}
    won = await client.post(f"{CODE}/confirm", json=body, headers=owner)
    assert won.json()["phone_verified"] is True
    late = {"channel": "phone", "code": stolen}
    answer = await client.post(f"{CODE}/confirm", json=late, headers=thief)
    is_problem(answer, 409, "account_exists")
    calls = await client.get("/v1/bookings", headers=thief)
    assert calls.json()["items"] == []


async def test_a_claimed_number_that_nobody_has_any_more_is_simply_proved(
    client: AsyncClient, sessions: Sessions
) -> None:
    phone = "+79265550103"
    booking = await by_phone(sessions, phone)
    me = await registered(client, phone=phone)
    headers = bearer(me)
    async with transaction(sessions) as session:
        old = await session.get_one(User, booking.patient_id)
        old.phone, old.email = None, "somebody@example.org"
        profile = select(PatientProfile).where(
            col(PatientProfile.user_id) == uuid.UUID(me["user"]["id"])
        )
        await session.delete((await session.exec(profile)).one())
    await client.post(CODE, json={"channel": "phone"}, headers=headers)
    body = {"channel": "phone", "code": await last_secret(sessions, phone)}
    answer = await client.post(f"{CODE}/confirm", json=body, headers=headers)
    assert answer.json()["phone_verified"] is True


async def test_a_claim_works_without_medical_profiles(
    client: AsyncClient, sessions: Sessions
) -> None:
    phone = "+79265550104"
    await by_phone(sessions, phone)
    me = await registered(client, phone=phone)
    headers = bearer(me)
    async with transaction(sessions) as session:
        await session.execute(sa.delete(PatientProfile))
    await client.post(CODE, json={"channel": "phone"}, headers=headers)
    body = {"channel": "phone", "code": await last_secret(sessions, phone)}
    answer = await client.post(f"{CODE}/confirm", json=body, headers=headers)
    assert answer.json()["phone_verified"] is True


async def test_the_phone_of_a_real_account_stays_taken(client: AsyncClient) -> None:
    me = await registered(client)
    answer = await client.post(
        "/v1/auth/register", json=registration(phone=me["user"]["phone"])
    )
    is_problem(answer, 409, "account_exists")


async def test_nothing_but_a_claim_changes_whose_call_it_is(sessions: Sessions) -> None:
    booking = await by_phone(sessions, "+79265550105")
    async with transaction(sessions) as session:
        somebody = await factories.patient(session)
    statement = sa.text("UPDATE booking SET patient_id = :new WHERE id = :id")
    with pytest.raises(sa.exc.IntegrityError, match="are fixed"):
        await in_transaction(
            sessions,
            lambda session: session.execute(
                statement, {"new": somebody.id, "id": booking.id}
            ),
        )


async def confirmed(
    client: AsyncClient, sessions: Sessions, headers: dict[str, str], phone: str
) -> Response:
    await client.post(CODE, json={"channel": "phone"}, headers=headers)
    body = {"channel": "phone", "code": await last_secret(sessions, phone)}
    return await client.post(f"{CODE}/confirm", json=body, headers=headers)


async def test_an_account_that_was_blocked_meanwhile_is_nobodys(
    client: AsyncClient, sessions: Sessions
) -> None:
    phone = "+79265550107"
    booking = await by_phone(sessions, phone)
    headers = bearer(await registered(client, phone=phone))
    async with transaction(sessions) as session:
        old = await session.get_one(User, booking.patient_id)
        old.blocked_at = old.created_at
    answer = await confirmed(client, sessions, headers, phone)
    is_problem(answer, 409, "account_exists")


async def test_a_doctor_ends_the_visit_before_the_call_becomes_their_own(
    client: AsyncClient, sessions: Sessions
) -> None:
    phone = "+79265550108"
    booking = await by_phone(sessions, phone)
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session, phone=None)
        doctor.claimed_phone = phone
        staff = factories.as_staff(await factories.dispatcher(session))
        await assignments.assign(session, staff, booking.id, doctor.id, booking.version)
    headers = await signed_in(sessions, doctor)
    refused = await confirmed(client, sessions, headers, phone)
    is_problem(refused, 409, "open_obligations")
    async with transaction(sessions) as session:
        now = await session.get_one(Booking, booking.id)
        await assignments.unassign(session, staff, booking.id, now.version)
    answer = await confirmed(client, sessions, headers, phone)
    assert answer.json()["phone_verified"] is True, answer.text


async def test_a_change_of_the_number_brings_its_calls_along_too(
    client: AsyncClient, sessions: Sessions
) -> None:
    phone = "+79265550109"
    booking = await by_phone(sessions, phone)
    headers = bearer(await registered(client))
    body = {"phone": phone, "current_password": PASSWORD}
    asked = await client.put("/v1/me/phone", json=body, headers=headers)
    assert asked.status_code == 202
    code = {"code": await last_secret(sessions, phone)}
    done = await client.post("/v1/me/phone/confirm", json=code, headers=headers)
    assert done.json()["phone"] == phone, done.text
    mine = await client.get("/v1/bookings", headers=headers)
    assert [each["id"] for each in mine.json()["items"]] == [str(booking.id)]
