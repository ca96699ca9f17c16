"""Where the settings ask for it, an unproven number opens and orders nothing."""

from collections.abc import Iterator

import pytest
from httpx import AsyncClient
from sqlmodel import col, select

from models import Booking, Notification, User
from models.role_grant import Role
from services import bookings, caller_lookup
from services.config import Settings, use_settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import bearer, is_problem, registered
from tests.api.proofs import CODE, last_secret

CALL = {
    "call_type": "urgent",
    "symptoms": "Температура 39",
    "address": {"text": "Арбат, 10"},
}


@pytest.fixture
def strict(settings: Settings) -> Iterator[None]:
    use_settings(settings.model_copy(update={"require_verified_phone": True}))
    yield
    use_settings(settings)


async def prove(client: AsyncClient, sessions: Sessions, token: dict[str, str]) -> None:
    headers = bearer(token)
    await client.post(CODE, json={"channel": "phone"}, headers=headers)
    async with transaction(sessions) as session:
        sent = select(Notification.address).order_by(col(Notification.id).desc())
        phone = (await session.exec(sent)).first()
    body = {"channel": "phone", "code": await last_secret(sessions, str(phone))}
    answer = await client.post(f"{CODE}/confirm", json=body, headers=headers)
    assert answer.json()["phone_verified"] is True, answer.text


async def called_by_phone(sessions: Sessions, phone: str) -> Booking:
    """Take a call from a number that an account has."""
    async with transaction(sessions) as session:
        staff = factories.as_staff(await factories.dispatcher(session))
        draft = factories.phone_draft(caller={"phone": phone})
        return await bookings.create(session, staff, draft)


@pytest.mark.usefixtures("strict")
async def test_a_call_waits_for_a_proven_number(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    refused = await client.post("/v1/bookings", json=CALL, headers=bearer(me))
    problem = is_problem(refused, 403, "forbidden")
    assert "Prove your phone number" in problem["detail"]
    await prove(client, sessions, me)
    taken = await client.post("/v1/bookings", json=CALL, headers=bearer(me))
    assert taken.status_code == 201


async def test_without_the_setting_nobody_has_to_prove_anything(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    taken = await client.post("/v1/bookings", json=CALL, headers=bearer(me))
    assert taken.status_code == 201
    made = await called_by_phone(sessions, me["user"]["phone"])
    seen = await client.get(f"/v1/bookings/{made.id}", headers=bearer(me))
    assert seen.status_code == 200


@pytest.mark.usefixtures("strict")
async def test_calls_by_phone_show_to_whoever_has_the_phone(
    client: AsyncClient, sessions: Sessions
) -> None:
    """Somebody registers with another's number, whose owner then calls us."""
    me = await registered(client)
    headers = bearer(me)
    made = await called_by_phone(sessions, me["user"]["phone"])
    place = f"/v1/bookings/{made.id}"

    async def look() -> set[int]:
        answers = [
            await client.get(place, headers=headers),
            await client.get(f"{place}/events", headers=headers),
            await client.get(f"{place}/doctor-position", headers=headers),
            await client.patch(
                place, json={"symptoms": "?", "version": 9}, headers=headers
            ),
        ]
        return {each.status_code for each in answers}

    async def listed() -> tuple[int, int]:
        page = await client.get("/v1/bookings", headers=headers)
        copy = await client.get("/v1/me/export", headers=headers)
        return len(page.json()["items"]), len(copy.json()["bookings"])

    assert await look() == {404}
    assert await listed() == (0, 0)
    reason = {"reason": "Передумал"}
    refused = await client.post(f"{place}/cancel", json=reason, headers=headers)
    assert refused.status_code == 404
    await prove(client, sessions, me)
    assert await look() == {200, 409}
    assert await listed() == (1, 1)
    done = await client.post(f"{place}/cancel", json=reason, headers=headers)
    assert done.status_code == 200


async def test_a_dispatcher_sees_that_a_number_is_not_proven(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    phone = me["user"]["phone"]
    async with transaction(sessions) as session:
        staff = factories.as_staff(await factories.person(session, Role.DISPATCHER))
        by_phone = await factories.patient(session, password_hash=None)

    async def proven(number: str) -> bool:
        async with transaction(sessions) as session:
            found = await caller_lookup.look_up(session, staff, number)
            assert found.caller is not None
            return found.caller.proven

    assert await proven(phone) is False
    # Nobody but dispatchers has ever used this account.
    assert await proven(str(by_phone.phone)) is True
    await prove(client, sessions, me)
    assert await proven(phone) is True


async def test_a_proof_of_the_email_proves_no_number(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    await client.post(CODE, json={"channel": "email"}, headers=bearer(me))
    code = await last_secret(sessions, me["user"]["email"])
    body = {"channel": "email", "code": code}
    answer = await client.post(f"{CODE}/confirm", json=body, headers=bearer(me))
    card = answer.json()
    assert (card["email_verified"], card["phone_verified"]) == (True, False)
    async with transaction(sessions) as session:
        user = (await session.exec(select(User).where(User.id == card["id"]))).one()
        assert user.phone_verified_at is None
