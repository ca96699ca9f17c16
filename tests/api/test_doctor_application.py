"""From registration to a visit: a doctor comes aboard over REST."""

from datetime import timedelta
from typing import Any

import pytest_asyncio
from httpx import AsyncClient, Response

from models import Booking, User
from models.booking import Status
from models.doctor_application import ApplicationStatus
from models.role_grant import Role
from services import (
    application_reads,
    applications,
    assignments,
    clock,
    document_reviews,
    documents,
)
from services.actor import Actor
from services.database import Sessions
from services.edges import transaction
from tests import factories, hostile
from tests.api.helpers import bearer, is_problem, key, registered, wrong_fields
from tests.applicants import KINDS

PATH = "/v1/me/doctor-application"
FACTS: dict[str, Any] = {
    "birth_date": "1985-04-02",
    "specializations": ["therapist"],
    "licence_number": "ЛО-77-01-555",
    "education": "РНИМУ, 2010",
    "experience_years": 12,
    "languages": ["ru", "en"],
    "home_district": "Арбат",
    "home_latitude": 55.7522,
    "home_longitude": 37.5927,
}
NEEDED = {
    "birth_date",
    "specializations",
    "licence_number",
    "licence_expires_on",
    "education",
    "experience_years",
    "languages",
    "home_district",
}
PAPERS = {"passport", "diploma", "qualification", "licence", "portrait"}


class Applicant:
    """Somebody who registered and applies from a phone."""

    def __init__(self, client: AsyncClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    async def call(self, method: str, path: str = "", **more: Any) -> Response:
        return await self.client.request(
            method, PATH + path, headers=self.headers, **more
        )

    async def apply(self, **facts: Any) -> dict[str, Any]:
        answer = await self.call("POST", json=facts)
        assert answer.status_code in {200, 201}, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def papers(self) -> None:
        for kind in KINDS:
            answer = await self.call(
                "POST",
                "/documents",
                data={"kind": kind.value, "number": "77 123"},
                files={"file": ("scan.jpg", hostile.picture(), "image/jpeg")},
            )
            assert answer.status_code == 201, answer.text


@pytest_asyncio.fixture(loop_scope="session")
async def applicant(client: AsyncClient) -> Applicant:
    return Applicant(client, bearer(await registered(client)))


@pytest_asyncio.fixture(loop_scope="session")
async def curator(sessions: Sessions) -> Actor:
    async with transaction(sessions) as session:
        person = await factories.person(session, Role.CURATOR, last_name="Тайная")
        return factories.as_staff(person, Role.CURATOR)


async def ahead(sessions: Sessions) -> str:
    async with transaction(sessions) as session:
        return str((await clock.now(session)).date() + timedelta(days=300))


async def queued(sessions: Sessions, curator: Actor, status: str) -> tuple[Any, int]:
    async with transaction(sessions) as session:
        wanted = ApplicationStatus(status)
        (line,) = (await application_reads.queue(session, curator, wanted)).lines
        return line.id, line.application.version


async def approve(sessions: Sessions, curator: Actor) -> None:
    application_id, version = await queued(sessions, curator, "submitted")
    async with transaction(sessions) as session:
        view = await application_reads.one(session, curator, application_id)
        for paper in await documents.listing(session, view.user.id):
            await document_reviews.accept(session, curator, paper.id)
        await applications.approve(session, curator, application_id, version)


async def test_an_empty_draft_says_all_that_is_missing(applicant: Applicant) -> None:
    is_problem(await applicant.call("GET"), 404, "not_found")
    is_problem(await applicant.call("POST", "/submit"), 404, "not_found")
    first = await applicant.call("POST", json={})
    assert first.status_code == 201
    body = first.json()
    assert (body["status"], body["version"], body["facts"]) == ("draft", 1, {})
    assert set(body["missing"]) == NEEDED
    refused = await applicant.call("POST", "/submit")
    assert wrong_fields(refused) == NEEDED
    assert (await applicant.call("GET")).json() == body
    second = await applicant.call("POST", json={"specializations": ["therapist"]})
    assert second.status_code == 200
    papers = {f"documents.{each}" for each in PAPERS}
    assert set(second.json()["missing"]) == NEEDED - {"specializations"} | papers


async def test_strange_facts_are_refused_and_change_nothing(
    applicant: Applicant,
) -> None:
    await applicant.apply(education="РНИМУ")
    for wrong, field in (
        ({"status": "approved"}, "status"),
        ({"user_id": "x"}, "user_id"),
        ({"experience_years": 81}, "experience_years"),
        ({"birth_date": "2199-01-01"}, "birth_date"),
        ({"specializations": ["magician"]}, "specializations"),
    ):
        answer = await applicant.call("POST", json=wrong)
        assert {name.split(".")[0] for name in wrong_fields(answer)} == {field}
    body = (await applicant.call("GET")).json()
    assert (body["version"], body["facts"]) == (1, {"education": "РНИМУ"})


async def test_one_key_makes_one_step(applicant: Applicant) -> None:
    same = key()
    for replayed in (False, True):
        answer = await applicant.client.post(
            PATH, headers=applicant.headers | same, json={"education": "РНИМУ"}
        )
        assert (answer.status_code, answer.json()["version"]) == (201, 1)
        assert ("idempotency-replayed" in answer.headers) is replayed


async def test_what_a_curator_asks_is_read_without_the_curators_name(
    applicant: Applicant, sessions: Sessions, curator: Actor
) -> None:
    await applicant.apply(**FACTS, licence_expires_on=await ahead(sessions))
    await applicant.papers()
    submitted = await applicant.call("POST", "/submit")
    assert submitted.status_code == 200, submitted.text
    assert (submitted.json()["status"], submitted.json()["missing"]) == (
        "submitted",
        [],
    )
    is_problem(
        await applicant.call("POST", json={"about": "x"}), 409, "illegal_transition"
    )
    application_id, version = await queued(sessions, curator, "submitted")
    async with transaction(sessions) as session:
        await applications.ask_more(
            session, curator, application_id, version, "Пришлите паспорт целиком"
        )
    answer = await applicant.call("GET")
    body = answer.json()
    assert (body["status"], body["reason"]) == ("more_info", "Пришлите паспорт целиком")
    assert [step["event"] for step in body["history"]] == [
        "create",
        "submit",
        "ask_more",
    ]
    for secret in ("Тайная", "actor", str(curator.user_id)):
        assert secret not in answer.text
    assert (await applicant.call("POST", "/submit")).json()["reason"] is None
    withdrawn = await applicant.call("POST", "/withdraw")
    assert withdrawn.json()["status"] == "withdrawn"
    assert withdrawn.json()["decided_at"]
    again = await applicant.call("POST", json={})
    assert (again.status_code, again.json()["id"] != body["id"]) == (201, True)


async def test_another_person_never_sees_it(
    applicant: Applicant, client: AsyncClient
) -> None:
    await applicant.apply(**FACTS)
    stranger = Applicant(client, bearer(await registered(client)))
    is_problem(await stranger.call("GET"), 404, "not_found")
    is_problem(await stranger.call("POST", "/withdraw"), 404, "not_found")
    assert (await applicant.call("GET")).json()["status"] == "draft"


async def call_waits(sessions: Sessions, doctor_id: Any) -> tuple[Booking, Actor, User]:
    async with transaction(sessions) as session:
        doctor = await session.get_one(User, doctor_id)
        dispatcher = await factories.dispatcher(session)
        made = await factories.booking(session)
        return made, factories.as_staff(dispatcher), doctor


async def test_approved_on_duty_and_off_to_the_first_visit(
    applicant: Applicant, sessions: Sessions, curator: Actor
) -> None:
    client, headers = applicant.client, applicant.headers
    duty = {"on_duty": True}
    early = await client.put("/v1/me/duty", headers=headers, json=duty)
    is_problem(early, 403, "forbidden")
    await applicant.apply(**FACTS, licence_expires_on=await ahead(sessions))
    await applicant.papers()
    assert (await applicant.call("POST", "/submit")).status_code == 200
    await approve(sessions, curator)
    body = (await applicant.call("GET")).json()
    assert (body["status"], body["facts"], body["missing"]) == ("approved", {}, [])
    me = (await client.get("/v1/me", headers=headers)).json()
    assert {"patient", "doctor"} <= set(me["roles"])
    profile = (await client.get("/v1/me/doctor-profile", headers=headers)).json()
    assert {name: profile[name] for name in FACTS} == FACTS
    assert (await client.put("/v1/me/duty", headers=headers, json=duty)).is_success
    made, staff, doctor = await call_waits(sessions, me["id"])
    async with transaction(sessions) as session:
        await assignments.assign(session, staff, made.id, doctor.id, made.version)
    for verb in ("accept", "depart", "start"):
        done = await client.post(
            f"/v1/visits/{made.id}/{verb}", headers=headers, json={}
        )
        assert done.status_code == 200, done.text
    async with transaction(sessions) as session:
        visit = await session.get_one(Booking, made.id)
        assert visit.status is Status.IN_PROGRESS


async def test_a_suspended_doctor_reads_why_and_takes_no_calls(
    applicant: Applicant, sessions: Sessions, curator: Actor
) -> None:
    client, headers = applicant.client, applicant.headers
    await applicant.apply(**FACTS, licence_expires_on=await ahead(sessions))
    await applicant.papers()
    await applicant.call("POST", "/submit")
    await approve(sessions, curator)
    application_id, version = await queued(sessions, curator, "approved")
    async with transaction(sessions) as session:
        await applications.suspend(
            session, curator, application_id, version, "Жалобы пациентов"
        )
    body = (await applicant.call("GET")).json()
    assert (body["status"], body["reason"]) == ("suspended", "Жалобы пациентов")
    refused = await client.put("/v1/me/duty", headers=headers, json={"on_duty": True})
    is_problem(refused, 409, "conflict")
    profile = (await client.get("/v1/me/doctor-profile", headers=headers)).json()
    assert profile["suspended_reason"] == "Жалобы пациентов"
    listed = (await client.get("/v1/doctors", headers=headers)).json()["items"]
    assert listed == []


async def test_a_profile_over_rest_acts_or_waits(
    applicant: Applicant, sessions: Sessions, curator: Actor
) -> None:
    client, headers = applicant.client, applicant.headers
    await applicant.apply(**FACTS, licence_expires_on=await ahead(sessions))
    await applicant.papers()
    await applicant.call("POST", "/submit")
    await approve(sessions, curator)
    place = "/v1/me/doctor-profile"
    wish = {"about": "Веду и детей", "languages": ["ru"], "experience_years": 13}
    answer = await client.put(place, headers=headers, json=wish)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["about"], body["languages"]) == ("Веду и детей", ["ru"])
    assert body["experience_years"] == 12
    assert body["change"]["status"] == "pending"
    assert body["change"]["facts"] == {"experience_years": 13}
    for wrong, field in (
        ({"rating": 5}, "rating"),
        ({"licence_expires_on": "2001-01-01"}, "licence_expires_on"),
        ({"languages": []}, "languages"),
    ):
        refused = await client.put(place, headers=headers, json=wrong)
        assert wrong_fields(refused) == {field}
    assert (await client.get(place, headers=headers)).json() == body
