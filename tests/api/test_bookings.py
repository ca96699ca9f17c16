"""What HTTP adds to bookings: shapes, refusals, bad input, repeated keys."""

import asyncio
import json
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import AsyncClient

from models import Role, RoleGrant, User
from models.booking import Status
from services import assignments, visits
from services.actor import SYSTEM_ID
from services.database import Sessions
from services.edges import transaction
from services.errors import DoctorNotEligible
from tests import factories
from tests.api.helpers import (
    bearer,
    is_problem,
    key,
    registered,
    signed_in,
    wrong_fields,
)
from tests.factories import as_doctor, as_staff

BOOKING_KEYS = {
    "id",
    "number",
    "status",
    "call_type",
    "specialization",
    "priority",
    "symptoms",
    "subject",
    "address",
    "wanted_from",
    "wanted_to",
    "doctor",
    "planned_start",
    "price_kopecks",
    "paid_kopecks",
    "payment_state",
    "extra_awaits_consent",
    "conclusion",
    "actual_minutes",
    "items",
    "version",
    "created_at",
    "assigned_at",
    "accepted_at",
    "departed_at",
    "started_at",
    "completed_at",
    "cancelled_at",
    "cancel_reason_code",
}
DOOR = {
    "text": "Тверская улица, 12",
    "flat": "45",
    "latitude": 55.7642,
    "longitude": 37.606,
}


def call(**changes: Any) -> dict[str, Any]:
    return {"call_type": "urgent", "symptoms": "Жар", "address": DOOR} | changes


@pytest.fixture
async def patient(client: AsyncClient) -> dict[str, str]:
    return bearer(await registered(client))


async def booked(
    client: AsyncClient, patient: dict[str, str], **changes: Any
) -> dict[str, Any]:
    answer = await client.post("/v1/bookings", json=call(**changes), headers=patient)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_a_call_is_taken(client: AsyncClient, patient: dict[str, str]) -> None:
    made = await booked(client, patient)
    assert set(made) == BOOKING_KEYS
    assert made["number"].startswith("B-")
    assert (made["status"], made["priority"], made["version"]) == ("pending", "high", 1)
    assert (made["payment_state"], made["paid_kopecks"]) == ("unpaid", 0)
    assert made["address"]["text"] == DOOR["text"]
    assert made["doctor"] is None
    read = await client.get(f"/v1/bookings/{made['id']}", headers=patient)
    assert read.json() == made
    listed = await client.get("/v1/bookings?status=pending", headers=patient)
    assert listed.json() == {"items": [made], "next_cursor": None}
    none = await client.get("/v1/bookings?status=completed", headers=patient)
    assert none.json()["items"] == []
    events = await client.get(f"/v1/bookings/{made['id']}/events", headers=patient)
    assert [set(each) for each in events.json()["items"]] == [
        {"event", "from", "to", "at"}
    ]


async def test_another_persons_call_is_not_found(
    client: AsyncClient, patient: dict[str, str]
) -> None:
    made = await booked(client, patient)
    stranger = bearer(await registered(client))
    path = f"/v1/bookings/{made['id']}"
    for answer in (
        await client.get(path, headers=stranger),
        await client.get(f"{path}/events", headers=stranger),
        await client.get(f"{path}/doctor-position", headers=stranger),
        await client.patch(
            path, json={"version": 1, "symptoms": "x"}, headers=stranger
        ),
        await client.post(f"{path}/cancel", json={"reason": "x"}, headers=stranger),
    ):
        is_problem(answer, 404, "not_found")
    assert (await client.get("/v1/bookings", headers=stranger)).json()["items"] == []


async def test_edit_and_cancel(client: AsyncClient, patient: dict[str, str]) -> None:
    path = f"/v1/bookings/{(await booked(client, patient))['id']}"
    changed = await client.patch(
        path, json={"version": 1, "symptoms": "Сыпь"}, headers=patient
    )
    assert (changed.json()["symptoms"], changed.json()["version"]) == ("Сыпь", 2)
    stale = await client.patch(
        path, json={"version": 1, "symptoms": "x"}, headers=patient
    )
    assert is_problem(stale, 409, "stale_version")["current_version"] == 2
    off = await client.post(f"{path}/cancel", json={"reason": "Лучше"}, headers=patient)
    assert off.json()["status"] == "cancelled"
    assert off.json()["cancel_reason_code"] == "patient_changed_mind"
    again = await client.post(f"{path}/cancel", json={"reason": "x"}, headers=patient)
    is_problem(again, 409, "illegal_transition")
    position = await client.get(f"{path}/doctor-position", headers=patient)
    is_problem(position, 409, "position_not_shared")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("call_type", "flying"),
        ("specialization", "wizard"),
        ("symptoms", ""),
        ("symptoms", "x" * 2001),
        ("symptoms", ["x"]),
        ("symptoms", None),
        ("address_id", "1"),
        ("preferred_doctor_id", 5),
        ("wanted_from", "tomorrow"),
        ("wanted_from", "2030-01-01T10:00:00"),
        ("address.text", "x" * 10_000),
        ("address.latitude", 91),
        ("address.longitude", "east"),
        ("address.flat", 45),
        ("address.street", "x"),
        ("subject.name", "x" * 201),
        ("subject.birth_date", "1899-01-01"),
        ("subject.birth_date", "3000-01-01"),
        ("address.latitude", "55.75"),
        ("subject.contact_phone", "911"),
        ("status", "completed"),
        ("priority", "emergency"),
        ("price_kopecks", 1),
        ("patient_id", str(uuid.UUID(int=7))),
        ("doctor_id", str(uuid.UUID(int=7))),
        ("caller", {"phone": "+79160000000"}),
        ("same_stop_as", str(uuid.UUID(int=7))),
        ("version", 7),
        ("created_at", "2020-01-01T00:00:00Z"),
    ],
)
async def test_bad_input_names_the_field_and_changes_nothing(
    client: AsyncClient, patient: dict[str, str], field: str, value: object
) -> None:
    outer, _, inner = field.partition(".")
    base = DOOR if outer == "address" else {"name": "Миша"}
    body = call(**{outer: base | {inner: value} if inner else value})
    answer = await client.post("/v1/bookings", json=body, headers=patient)
    assert field in wrong_fields(answer)
    assert (await client.get("/v1/bookings", headers=patient)).json()["items"] == []


async def test_a_nul_byte_is_refused(
    client: AsyncClient, patient: dict[str, str]
) -> None:
    body = call(symptoms="a\0b")
    answer = await client.post("/v1/bookings", json=body, headers=patient)
    is_problem(answer, 422, "validation_error")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
async def test_coordinates_are_numbers(
    client: AsyncClient, patient: dict[str, str], number: str
) -> None:
    body = json.dumps(call()).replace("55.7642", number)
    answer = await client.post(
        "/v1/bookings",
        content=body,
        headers=patient | {"content-type": "application/json"},
    )
    is_problem(answer, 422, "validation_error")


@pytest.mark.parametrize("booking_id", ["1", "null", "' OR 1=1 --", "0" * 40])
async def test_a_malformed_id_is_not_found(
    client: AsyncClient, patient: dict[str, str], booking_id: str
) -> None:
    answer = await client.get(f"/v1/bookings/{booking_id}", headers=patient)
    is_problem(answer, 404, "not_found")


async def test_the_eleventh_open_call_is_one_too_many(
    client: AsyncClient, patient: dict[str, str]
) -> None:
    answers = await asyncio.gather(
        *(client.post("/v1/bookings", json=call(), headers=patient) for _ in range(14))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [429] * 4
    refused = next(each for each in answers if each.status_code == 429)
    is_problem(refused, 429, "too_many_bookings")


class TestIdempotency:
    """A repeated key makes one call."""

    async def test_the_first_answer_comes_again(
        self, client: AsyncClient, patient: dict[str, str]
    ) -> None:
        headers = patient | key()
        first = await client.post("/v1/bookings", json=call(), headers=headers)
        again = await client.post("/v1/bookings", json=call(), headers=headers)
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["idempotency-replayed"] == "true"
        listed = (await client.get("/v1/bookings", headers=patient)).json()["items"]
        assert len(listed) == 1

    async def test_another_body_is_refused(
        self, client: AsyncClient, patient: dict[str, str]
    ) -> None:
        headers = patient | key()
        await client.post("/v1/bookings", json=call(), headers=headers)
        other = await client.post(
            "/v1/bookings", json=call(symptoms="Другое"), headers=headers
        )
        is_problem(other, 422, "idempotency_key_reused")

    async def test_keys_belong_to_one_user(
        self, client: AsyncClient, patient: dict[str, str]
    ) -> None:
        shared = key()
        other = bearer(await registered(client))
        first = await client.post("/v1/bookings", json=call(), headers=patient | shared)
        second = await client.post("/v1/bookings", json=call(), headers=other | shared)
        assert first.json()["id"] != second.json()["id"]

    async def test_twins_at_once_make_one_call(
        self, client: AsyncClient, patient: dict[str, str]
    ) -> None:
        headers = patient | key()
        answers = await asyncio.gather(
            *(
                client.post("/v1/bookings", json=call(), headers=headers)
                for _ in range(6)
            )
        )
        assert {answer.status_code for answer in answers} <= {201, 409}
        listed = (await client.get("/v1/bookings", headers=patient)).json()["items"]
        assert len(listed) == 1

    async def test_a_refusal_is_not_kept(
        self, client: AsyncClient, patient: dict[str, str]
    ) -> None:
        headers = patient | key()
        refused = await client.post(
            "/v1/bookings", json=call(symptoms=""), headers=headers
        )
        assert refused.status_code == 422
        taken = await client.post("/v1/bookings", json=call(), headers=headers)
        assert taken.status_code == 201


async def test_the_shown_doctor_has_no_number_and_no_staff_appear(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        user, doctor = await factories.patient(session), await factories.doctor(session)
        made = await factories.booking_in(
            session,
            Status.EN_ROUTE,
            doctor=doctor,
            dispatcher=await factories.dispatcher(session),
            by=user,
        )
    headers = await signed_in(sessions, user)
    shown = (await client.get(f"/v1/bookings/{made.id}", headers=headers)).json()
    assert set(shown) == BOOKING_KEYS
    assert set(shown["doctor"]) == {
        "id",
        "full_name",
        "specialization",
        "rating",
        "phone_masked",
    }
    events = await client.get(f"/v1/bookings/{made.id}/events", headers=headers)
    for text in (json.dumps(shown), events.text):
        assert "Анна" not in text
        assert str(doctor.phone) not in text
    place = await client.get(f"/v1/bookings/{made.id}/doctor-position", headers=headers)
    assert set(place.json()) == {"latitude", "longitude", "at", "eta_minutes"}


async def test_roles_do_not_mix(client: AsyncClient, sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session)
    headers = await signed_in(sessions, doctor)
    is_problem(await client.get("/v1/bookings", headers=headers), 403, "forbidden")
    refused = await client.post("/v1/bookings", json=call(), headers=headers)
    is_problem(refused, 403, "forbidden")
    is_problem(await client.get("/v1/clinic", headers=headers), 403, "forbidden")
    is_problem(await client.get("/v1/bookings"), 401, "unauthenticated")


async def test_a_doctor_is_no_candidate_for_themselves_even_as_a_patient(
    client: AsyncClient, sessions: Sessions
) -> None:
    """Two roles in one person: the route decides which one acts."""
    async with transaction(sessions) as session:
        both = await factories.doctor(session)
        session.add(RoleGrant(user_id=both.id, role=Role.PATIENT, granted_by=SYSTEM_ID))
        dispatcher = await factories.dispatcher(session)
    headers = await signed_in(sessions, both)
    made = await booked(client, headers)
    async with sessions() as session:
        with pytest.raises(DoctorNotEligible):
            await assignments.assign(
                session, as_staff(dispatcher), uuid.UUID(made["id"]), both.id, 1
            )


async def test_the_price_list_is_public(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        await factories.price(session)
        await factories.extra_item(session)
        await factories.price(session, active=False)
    listed = (await client.get("/v1/price-list")).json()
    assert [item["title"] for item in listed["items"]] == ["ECG", "Visit"]
    assert set(listed["items"][0]) == {
        "id",
        "kind",
        "title",
        "call_type",
        "specialization",
        "starts",
        "ends",
        "price_kopecks",
    }
    russian = await client.get("/v1/price-list", headers={"accept-language": "ru"})
    assert russian.json()["items"][0]["title"] == "ЭКГ"


async def test_the_directory_tells_no_positions(
    client: AsyncClient, sessions: Sessions, patient: dict[str, str]
) -> None:
    async with transaction(sessions) as session:
        await factories.doctor(session, profile={"rating": 4.5})
        await factories.doctor(session)
    listed = await client.get("/v1/doctors?limit=1", headers=patient)
    assert set(listed.json()["items"][0]) == {
        "id",
        "full_name",
        "specialization",
        "specializations",
        "district",
        "experience_years",
        "languages",
        "rating",
    }
    cursor = listed.json()["next_cursor"]
    rest = await client.get(f"/v1/doctors?cursor={cursor}", headers=patient)
    assert rest.json()["items"][0]["rating"] == 4.5
    none = await client.get("/v1/doctors?specialization=surgeon", headers=patient)
    assert none.json()["items"] == []
    is_problem(await client.get("/v1/doctors"), 401, "unauthenticated")


async def lines(sessions: Sessions, sql: str) -> int:
    async with sessions() as session:
        return int(await session.scalar(sa.text(sql)) or 0)


async def test_a_refused_call_leaves_no_trace(
    client: AsyncClient, sessions: Sessions, patient: dict[str, str]
) -> None:
    body = call(preferred_doctor_id=str(uuid.uuid4()))
    refused = await client.post("/v1/bookings", json=body, headers=patient | key())
    is_problem(refused, 404, "not_found")
    for table in ("booking", "booking_event", "idempotency_record"):
        assert await lines(sessions, f"SELECT count(*) FROM {table}") == 0


async def finished(sessions: Sessions) -> tuple[User, User, uuid.UUID]:
    async with transaction(sessions) as session:
        user, doctor = await factories.patient(session), await factories.doctor(session)
        made = await factories.booking_in(
            session,
            Status.IN_PROGRESS,
            doctor=doctor,
            dispatcher=await factories.dispatcher(session),
            by=user,
        )
        await visits.complete(session, as_doctor(doctor), made.id, 30, "ОРВИ")
        return user, doctor, made.id


async def test_the_conclusion_appears_after_the_visit(
    client: AsyncClient, sessions: Sessions
) -> None:
    user, _, booking_id = await finished(sessions)
    headers = await signed_in(sessions, user)
    shown = (await client.get(f"/v1/bookings/{booking_id}", headers=headers)).json()
    assert (shown["conclusion"], shown["actual_minutes"]) == ("ОРВИ", 30)
    assert shown["completed_at"] is not None


@pytest.mark.parametrize(
    "field", ["final_price", "estimated_price", "paid_kopecks", "payment_state"]
)
async def test_seed_hole_no_client_sets_money(
    client: AsyncClient, patient: dict[str, str], field: str
) -> None:
    refused = await client.post(
        "/v1/bookings", json=call(**{field: 1}), headers=patient
    )
    assert wrong_fields(refused) == {field}
    made = await booked(client, patient)
    for name, value in made.items():
        if name.endswith("_kopecks"):
            assert type(value) is int


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/payments/{id}/complete"),
        ("POST", "/v1/payments/{id}/refund"),
        ("PUT", "/v1/payments/{id}"),
        ("PUT", "/v1/wallets/{id}"),
        ("POST", "/deposit"),
        ("GET", "/test-auth"),
        ("PUT", "/v1/bookings/{id}"),
        ("DELETE", "/v1/bookings/{id}"),
        ("POST", "/v1/bookings/{id}/assign"),
        ("POST", "/v1/bookings/{id}/complete"),
    ],
)
async def test_seed_hole_the_old_doors_are_gone(
    client: AsyncClient, patient: dict[str, str], method: str, path: str
) -> None:
    made = await booked(client, patient)
    where = path.format(id=made["id"])
    for headers in ({}, patient):
        answer = await client.request(method, where, json={}, headers=headers)
        assert answer.status_code in {401, 404, 405}
    again = await client.get(f"/v1/bookings/{made['id']}", headers=patient)
    assert again.json() == made
