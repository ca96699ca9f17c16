"""What HTTP adds to visits, duty and clinics."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response

from models import Booking, User
from models.booking import Status
from services import assignments, bookings, clock, visits
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import is_problem, key, signed_in, wrong_fields
from tests.factories import as_doctor, as_staff

VISIT_KEYS = {
    "id",
    "number",
    "status",
    "call_type",
    "specialization",
    "symptoms",
    "flags",
    "subject",
    "patient",
    "address",
    "planned_start",
    "version",
    "created_at",
    "assigned_at",
    "accepted_at",
    "departed_at",
    "started_at",
    "completed_at",
    "cancelled_at",
    "conclusion",
    "actual_minutes",
    "items",
}


@dataclass
class Scene:
    """A doctor with a token and a call assigned to them."""

    client: AsyncClient
    headers: dict[str, str]
    doctor: User
    staff: User
    call: Booking

    async def do(self, verb: str, **body: Any) -> Response:
        path = f"/v1/visits/{self.call.id}/{verb}"
        return await self.client.post(path, json=body, headers=self.headers)

    async def read(self) -> Response:
        return await self.client.get(f"/v1/visits/{self.call.id}", headers=self.headers)


@pytest.fixture
async def scene(client: AsyncClient, sessions: Sessions) -> Scene:
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session)
        staff = await factories.dispatcher(session)
        call = await factories.assigned(session, doctor, staff)
    return Scene(client, await signed_in(sessions, doctor), doctor, staff, call)


async def test_a_visit_from_the_first_look_to_the_conclusion(scene: Scene) -> None:
    asked = (await scene.read()).json()
    assert set(asked) == VISIT_KEYS
    assert asked["patient"] is None
    assert {name for name, value in asked["subject"].items() if value} == {"age"}
    assert set(filter(asked["address"].get, asked["address"])) <= {"district"}
    accepted = (await scene.do("accept")).json()
    assert set(accepted) == VISIT_KEYS
    assert accepted["patient"]["phone"]
    assert accepted["subject"]["allergies"] == "Пенициллин"
    assert accepted["address"]["flat"] == "45"
    for verb, status in (("depart", "en_route"), ("start", "in_progress")):
        assert (await scene.do(verb)).json()["status"] == status
    flagged = await scene.do("flag", flag="resuscitation", comment="Срочно")
    assert flagged.json()["flags"] == ["resuscitation"]
    done = (await scene.do("complete", actual_minutes=30, conclusion="ОРВИ")).json()
    assert (done["status"], done["conclusion"]) == ("completed", "ОРВИ")
    assert "price" not in str(done)
    is_problem(await scene.do("start"), 409, "illegal_transition")
    listed = await scene.client.get("/v1/visits", headers=scene.headers)
    assert [each["id"] for each in listed.json()["items"]] == [str(scene.call.id)]
    none = await scene.client.get("/v1/visits?status=assigned", headers=scene.headers)
    assert none.json()["items"] == []


async def test_extras_come_from_the_price_list(
    scene: Scene, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        line = await factories.extra_item(session)
        await visits.start(session, as_doctor(scene.doctor), scene.call.id)
    items = [{"price_item_id": str(line.id), "quantity": 2}]
    report = {"actual_minutes": 30, "conclusion": "ОРВИ"}
    wrong = [{"price_item_id": str(line.id), "quantity": 0}]
    refused = await scene.do("complete", **report, items=wrong)
    assert wrong_fields(refused) == {"items.0.quantity"}
    priced = [items[0] | {"price_kopecks": 1}]
    refused = await scene.do("complete", **report, items=priced)
    assert wrong_fields(refused) == {"items.0.price_kopecks"}
    done = (await scene.do("complete", **report, items=items)).json()
    assert [(each["title"], each["quantity"]) for each in done["items"]] == [("ECG", 2)]


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("decline", {}, "reason"),
        ("decline", {"reason": "x" * 1001}, "reason"),
        ("complete", {"actual_minutes": 0, "conclusion": "x"}, "actual_minutes"),
        ("complete", {"actual_minutes": 30.5, "conclusion": "x"}, "actual_minutes"),
        ("complete", {"actual_minutes": 30, "conclusion": " "}, "conclusion"),
        ("complete", {"actual_minutes": 30, "conclusion": "x", "fee": 1}, "fee"),
        ("cancel", {"reason_code": "boredom"}, "reason_code"),
        ("flag", {"flag": "white"}, "flag"),
        ("accept", {"version": 1}, "version"),
    ],
)
async def test_bad_words_change_nothing(
    scene: Scene, verb: str, body: dict[str, Any], field: str
) -> None:
    assert wrong_fields(await scene.do(verb, **body)) == {field}
    assert (await scene.read()).json()["version"] == 2


async def test_a_declined_visit_shows_nothing_more(scene: Scene) -> None:
    lost = (await scene.do("decline", reason="Далеко")).json()
    assert set(lost) == VISIT_KEYS
    for name in ("symptoms", "subject", "patient", "address", "planned_start"):
        assert lost[name] is None
    is_problem(await scene.read(), 404, "not_found")
    is_problem(await scene.do("accept"), 404, "not_found")


async def test_a_visit_cancelled_at_the_door(scene: Scene) -> None:
    is_problem(
        await scene.do("cancel", reason_code="patient_absent"),
        409,
        "illegal_transition",
    )
    await scene.do("start")
    off = await scene.do("cancel", reason_code="patient_absent", reason="Нет дома")
    assert (off.json()["status"], off.json()["subject"]) == ("cancelled", None)


async def test_a_repeated_key_is_one_step(scene: Scene) -> None:
    headers = scene.headers | key()
    path = f"/v1/visits/{scene.call.id}/accept"
    answers = [
        await scene.client.post(path, json={}, headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


async def test_the_doctor_loses_the_visit_on_the_next_request(
    scene: Scene, sessions: Sessions
) -> None:
    assert (await scene.do("accept")).status_code == 200
    async with transaction(sessions) as session:
        await assignments.unassign(session, as_staff(scene.staff), scene.call.id, None)
    is_problem(await scene.read(), 404, "not_found")
    is_problem(await scene.do("depart"), 404, "not_found")
    listed = await scene.client.get("/v1/visits", headers=scene.headers)
    assert listed.json()["items"] == []


async def test_one_stop_at_a_time(scene: Scene, sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        other = await factories.assigned(session, scene.doctor, scene.staff)
        await visits.start(session, as_doctor(scene.doctor), other.id)
    is_problem(await scene.do("start"), 409, "doctor_under_way")
    duty = await scene.client.put(
        "/v1/me/duty", json={"on_duty": False}, headers=scene.headers
    )
    is_problem(duty, 409, "visit_under_way")


class TestDuty:
    """Duty and position."""

    async def test_duty(self, scene: Scene) -> None:
        for on_duty in (False, True):
            answer = await scene.client.put(
                "/v1/me/duty", json={"on_duty": on_duty}, headers=scene.headers
            )
            assert answer.json() == {"on_duty": on_duty}
        wrong = await scene.client.put(
            "/v1/me/duty", json={"on_duty": "yes"}, headers=scene.headers
        )
        assert wrong_fields(wrong) == {"on_duty"}

    async def test_position(self, scene: Scene) -> None:
        path, headers = "/v1/me/position", scene.headers
        good = {"latitude": 55.7, "longitude": 37.6, "accuracy_m": 5}
        assert (
            await scene.client.put(path, json=good, headers=headers)
        ).status_code == 204
        for name, value in (
            ("latitude", 90.1),
            ("longitude", -181),
            ("accuracy_m", -1),
            ("at", "noon"),
            ("doctor_id", "x"),
        ):
            wrong = await scene.client.put(
                path, json=good | {name: value}, headers=headers
            )
            assert wrong_fields(wrong) == {name}

    async def test_patients_have_neither(
        self, client: AsyncClient, sessions: Sessions
    ) -> None:
        async with transaction(sessions) as session:
            user = await factories.patient(session)
        headers = await signed_in(sessions, user)
        duty = await client.put("/v1/me/duty", json={"on_duty": True}, headers=headers)
        is_problem(duty, 403, "forbidden")
        is_problem(await client.get("/v1/visits", headers=headers), 403, "forbidden")


CLINIC_CALL_KEYS = {
    "id",
    "number",
    "status",
    "call_type",
    "specialization",
    "age",
    "district",
    "wanted_from",
    "wanted_to",
    "doctor_id",
    "doctor_name",
    "planned_start",
    "version",
    "created_at",
}


async def test_a_clinic_sends_its_own_doctor(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
        manager = await factories.clinic_manager(session, clinic)
        own = await factories.doctor(session, profile={"clinic_id": clinic.id})
        stranger = await factories.doctor(session)
        staff = as_staff(await factories.dispatcher(session))
        call, other = [await factories.booking(session) for _ in range(2)]
        await bookings.hand_to_clinic(session, staff, call.id, clinic.id, 1)
    headers = await signed_in(sessions, manager)
    card = await client.get("/v1/clinic", headers=headers)
    assert card.json()["name"] == clinic.name
    doctors = (await client.get("/v1/clinic/doctors", headers=headers)).json()
    assert [each["id"] for each in doctors["items"]] == [str(own.id)]
    calls = (await client.get("/v1/clinic/bookings", headers=headers)).json()["items"]
    assert [set(each) for each in calls] == [CLINIC_CALL_KEYS]
    path = f"/v1/clinic/bookings/{call.id}/assign"

    async def assign(where: str, doctor: User, version: int = 2) -> Response:
        body = {"doctor_id": str(doctor.id), "version": version}
        return await client.post(where, json=body, headers=headers)

    is_problem(await assign(path, stranger), 404, "not_found")
    elsewhere = f"/v1/clinic/bookings/{other.id}/assign"
    is_problem(await assign(elsewhere, own, 1), 404, "not_found")
    is_problem(await assign(path, own, 1), 409, "stale_version")
    taken = (await assign(path, own)).json()
    assert (taken["status"], taken["doctor_id"]) == ("assigned", str(own.id))
    busy = await assign(path, own, 3)
    is_problem(busy, 409, "illegal_transition")


async def test_a_clash_tells_everything(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        clinic = await factories.clinic(session)
        manager = await factories.clinic_manager(session, clinic)
        own = await factories.doctor(session, profile={"clinic_id": clinic.id})
        staff = as_staff(await factories.dispatcher(session))
        calls = [await factories.booking(session) for _ in range(2)]
        for call in calls:
            await bookings.hand_to_clinic(session, staff, call.id, clinic.id, 1)
        start = await clock.now(session) + timedelta(hours=1)
    headers = await signed_in(sessions, manager)
    body = {"doctor_id": str(own.id), "version": 2, "planned_start": start.isoformat()}
    first, second = [
        await client.post(
            f"/v1/clinic/bookings/{call.id}/assign", json=body, headers=headers
        )
        for call in calls
    ]
    assert first.status_code == 200
    problem = is_problem(second, 409, "doctor_busy")
    assert problem["conflict"]["number"] == calls[0].label
    assert problem["earliest_start"] > start.isoformat()
    async with transaction(sessions) as session:
        own_row = await session.get_one(User, own.id)
        own_row.blocked_at = await clock.now(session)
    third = await client.post(
        f"/v1/clinic/bookings/{calls[1].id}/assign", json=body, headers=headers
    )
    assert is_problem(third, 409, "doctor_not_eligible")["reasons"] == ["blocked"]
    async with sessions() as session:
        assert (await session.get_one(Booking, calls[1].id)).status is Status.PENDING


async def test_seed_hole_no_doctor_sets_a_price(scene: Scene) -> None:
    await scene.do("start")
    report = {"actual_minutes": 30, "conclusion": "ОРВИ"}
    for field in ("final_price", "price_kopecks", "price"):
        refused = await scene.do("complete", **report, **{field: 1})
        assert wrong_fields(refused) == {field}
    assert (await scene.read()).json()["status"] == "in_progress"


async def test_seed_hole_identity_headers_open_no_visit(
    scene: Scene, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        other = await factories.doctor(session)
    spoofed = {"X-User-ID": str(scene.doctor.id), "X-User-Role": "doctor"}
    headers = await signed_in(sessions, other) | spoofed
    path = f"/v1/visits/{scene.call.id}"
    is_problem(await scene.client.get(path, headers=headers), 404, "not_found")
    is_problem(await scene.client.get(path, headers=spoofed), 401, "unauthenticated")
