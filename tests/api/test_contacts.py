"""Contacts are proved by what really arrives, and nothing tells who else exists."""

import re
import statistics
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import AsyncClient
from itsdangerous import URLSafeSerializer
from sqlmodel import col, select

from models import (
    Address,
    Booking,
    BookingEvent,
    Notification,
    PatientProfile,
    RoleGrant,
    User,
    VerificationCode,
)
from models.role_grant import Role
from services import bookings, password_reset, sealing
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
    registration,
    wrong_fields,
)

CODE = "/v1/auth/verifications"
RESET = "/v1/auth/password-reset"


async def last_secret(sessions: Sessions, address: str) -> str:
    """Read what was sealed for an address, as the delivery would."""
    async with transaction(sessions) as session:
        query = (
            select(Notification)
            .where(
                col(Notification.address) == address,
                col(Notification.sealed).is_not(None),
            )
            .order_by(col(Notification.id).desc())
        )
        row = (await session.exec(query)).first()
        assert row is not None
        return sealing.unseal(row.sealed or "")


async def count_sent(sessions: Sessions, kind: str) -> int:
    async with transaction(sessions) as session:
        query = sa.select(sa.func.count(col(Notification.id)))
        return await session.scalar(query.where(col(Notification.kind) == kind)) or 0


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


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
    assert (sent.status_code, tried.status_code) == (500, 500)
    assert await count_sent(sessions, "verification_code") == 0


async def by_phone(sessions: Sessions, phone: str) -> Booking:
    """Take a call by phone of somebody unknown; gives the call."""
    async with transaction(sessions) as session:
        staff = factories.as_staff(await factories.dispatcher(session))
        draft = factories.phone_draft(
            caller={
                "phone": phone,
                "first_name": "Ольга",
                "last_name": "Смирнова",
                "birth_date": "1970-01-01",
            }
        )
        booking = await bookings.create(session, staff, draft)
        session.add(Address(user_id=booking.patient_id, text="Арбат, 10"))
        return booking


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


async def asked_link(client: AsyncClient, sessions: Sessions, login: str) -> str:
    """Ask for a link and do what the worker does; gives its token."""
    answer = await client.post(RESET, json={"login": login})
    assert (answer.status_code, answer.content) == (202, b"null")
    async with transaction(sessions) as session:
        user = (await session.exec(select(User).where(col(User.email) == login))).one()
    await in_transaction(sessions, lambda s: password_reset.send(s, str(user.id)))
    link = await last_secret(sessions, login)
    base, token = link.split("/reset-password?token=")
    assert base == get_settings().base_url
    return token


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
    ours = URLSafeSerializer(get_settings().secret_key, salt="tot password reset")
    row_id, _ = ours.loads(token)
    forged = (
        URLSafeSerializer("x" * 40, salt="tot password reset").dumps([row_id, "n"]),
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
        row_id, nonce = password_reset._opened(token)
    finally:
        use_settings(settings)
    assert isinstance(row_id, uuid.UUID)
    assert nonce


async def test_nobody_without_a_way_in_gets_a_link(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        made_by_phone = await factories.patient(session, email=None)
        blocked = await factories.patient(session, password_hash="x")
        blocked.blocked_at = blocked.created_at
        claimer = await factories.patient(session, password_hash="x", email=None)
        claimer.phone, claimer.claimed_phone = None, "+79265550106"
        by_sms = await factories.patient(session, password_hash="x", email=None)
    for user_id in (SYSTEM_ID, made_by_phone.id, blocked.id, claimer.id):
        await in_transaction(
            sessions, lambda s, each=user_id: password_reset.send(s, str(each))
        )
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
