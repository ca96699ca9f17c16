"""Two clinics: whatever one of them asks, never a row of the other.

Every clinic route is asked after each of the ways in which a row changes hands: a
call taken back and handed on, a doctor who moved, a manager who was removed.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient, Response
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.clinic import router
from models import ClinicMember, ClinicProfile, DoctorProfile, User
from models.booking import Status
from services import assignments, bookings
from services.database import Sessions
from services.edges import transaction
from services.errors import DoctorNotEligible
from tests import factories
from tests.api.helpers import is_problem, signed_in

LISTS = ("/v1/clinic/doctors", "/v1/clinic/bookings", "/v1/clinic/visits")
READS = ("/v1/clinic", *LISTS)


@dataclass
class Side:
    """One clinic with a waiting and an assigned call, and a doctor's own visit."""

    clinic: ClinicProfile
    manager: User
    doctor: User
    waiting: str
    taken: str
    visit: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> set[str]:
        """What nobody of another clinic may ever read."""
        rows = {self.clinic.id, self.doctor.id, self.waiting, self.taken, self.visit}
        return {*map(str, rows), self.clinic.name, self.doctor.full_name}


@dataclass
class Town:
    """Two clinics and the dispatcher between them."""

    mine: Side
    other: Side
    staff: User


async def make_side(session: AsyncSession, staff: User) -> Side:
    clinic = await factories.clinic(session)
    manager = await factories.clinic_manager(session, clinic)
    doctor = await factories.doctor(
        session,
        profile={"clinic_id": clinic.id},
        last_name=clinic.name.replace("Клиника ", "Врачов"),
    )
    acting = factories.as_staff(staff)
    calls = []
    for _ in range(2):
        made = await factories.booking(session)
        calls.append(
            await bookings.hand_to_clinic(session, acting, made.id, clinic.id, 1)
        )
    await assignments.assign(
        session, factories.as_clinic(manager), calls[1].id, doctor.id, 2
    )
    done = await factories.booking_in(
        session,
        Status.ASSIGNED,
        doctor=doctor,
        dispatcher=staff,
    )
    return Side(
        clinic, manager, doctor, str(calls[0].id), str(calls[1].id), str(done.id)
    )


async def move(session: AsyncSession, doctor: User, to: Side) -> None:
    """Put a doctor into another clinic, as a curator's form does."""
    theirs = col(DoctorProfile.user_id) == doctor.id
    profile = (await session.exec(select(DoctorProfile).where(theirs))).one()
    profile.clinic_id = to.clinic.id


@pytest_asyncio.fixture(loop_scope="session")
async def town(sessions: Sessions) -> Town:
    async with transaction(sessions) as session:
        staff = await factories.dispatcher(session)
        made = Town(
            await make_side(session, staff), await make_side(session, staff), staff
        )
    for side in (made.mine, made.other):
        side.headers = await signed_in(sessions, side.manager)
    return made


async def read(client: AsyncClient, side: Side) -> str:
    """Read everything that a clinic can read, page by page, as one text."""
    texts = []
    for place in READS:
        cursor: str | None = ""
        while cursor is not None:
            given: dict[str, Any] = {
                "limit": 1,
                **({"cursor": cursor} if cursor else {}),
            }
            asked: dict[str, Any] = {} if place == "/v1/clinic" else given
            answer = await client.get(place, params=asked, headers=side.headers)
            assert answer.status_code == 200, answer.text
            texts.append(answer.text)
            cursor = answer.json().get("next_cursor")
    return "\n".join(texts)


async def ids(client: AsyncClient, side: Side, place: str, **asked: Any) -> list[str]:
    answer = await client.get(place, params=asked, headers=side.headers)
    return [each["id"] for each in answer.json()["items"]]


async def assign(
    client: AsyncClient, side: Side, call: str, doctor: User, version: int = 2
) -> Response:
    return await client.post(
        f"/v1/clinic/bookings/{call}/assign",
        json={"doctor_id": str(doctor.id), "version": version},
        headers=side.headers,
    )


def leaked(text: str, side: Side) -> set[str]:
    return {each for each in side.secrets if each in text}


def test_every_reading_route_of_clinics_is_read_here() -> None:
    found = {r.path for r in router.routes if "GET" in r.methods}  # type: ignore[attr-defined]
    assert found == set(READS)


async def test_each_clinic_reads_its_own_rows_and_no_other(
    client: AsyncClient, town: Town
) -> None:
    for mine, other in ((town.mine, town.other), (town.other, town.mine)):
        text = await read(client, mine)
        assert leaked(text, other) == set()
        assert leaked(text, mine) == mine.secrets
        assert await ids(client, mine, LISTS[0]) == [str(mine.doctor.id)]
        assert set(await ids(client, mine, LISTS[1])) == {mine.waiting, mine.taken}
        assert set(await ids(client, mine, LISTS[2])) == {mine.taken, mine.visit}
        for status in Status:
            for place in LISTS[1:]:
                found = await ids(client, mine, place, status=status.value)
                assert not set(found) & other.secrets


async def test_a_cursor_of_another_clinic_opens_nothing(
    client: AsyncClient, town: Town
) -> None:
    for place in LISTS[1:]:
        first = await client.get(place, params={"limit": 1}, headers=town.other.headers)
        cursor = first.json()["next_cursor"]
        answer = await client.get(
            place, params={"cursor": cursor, "limit": 100}, headers=town.mine.headers
        )
        assert leaked(answer.text, town.other) == set()


@pytest.mark.parametrize(
    "asked",
    ["clinic_id", "doctor_id", "search", "q", "term", "id", "include"],
)
async def test_no_parameter_widens_a_list(
    client: AsyncClient, town: Town, asked: str
) -> None:
    other = town.other
    for place in READS:
        for value in (str(other.clinic.id), other.doctor.last_name):
            answer = await client.get(
                place, params={asked: value}, headers=town.mine.headers
            )
            assert leaked(answer.text.replace(value, ""), other) == set()


async def test_a_clinic_assigns_no_call_and_no_doctor_of_another(
    client: AsyncClient, town: Town
) -> None:
    mine, other = town.mine, town.other
    is_problem(await assign(client, mine, other.waiting, mine.doctor), 404, "not_found")
    is_problem(
        await assign(client, mine, other.waiting, other.doctor), 404, "not_found"
    )
    foreign = await assign(client, mine, mine.waiting, other.doctor)
    unknown = await client.post(
        f"/v1/clinic/bookings/{mine.waiting}/assign",
        json={"doctor_id": str(factories.nobody()), "version": 2},
        headers=mine.headers,
    )
    # Another clinic's doctor is told from nobody by nothing.
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["detail"] == unknown.json()["detail"]
    for version in (1, 2, 99):
        answer = await assign(client, mine, other.taken, mine.doctor, version)
        is_problem(answer, 404, "not_found")
        assert leaked(answer.text, other) == set()


async def test_a_refusal_names_nothing_of_another_clinic(
    client: AsyncClient, town: Town
) -> None:
    mine, other = town.mine, town.other
    for call in (mine.waiting, mine.taken):
        for version in (1, 2, 99):
            for doctor in (mine.doctor, other.doctor):
                answer = await assign(client, mine, call, doctor, version)
                assert leaked(answer.text, other) == set()


async def test_a_call_taken_back_is_gone_at_once(
    client: AsyncClient, sessions: Sessions, town: Town
) -> None:
    mine, other = town.mine, town.other
    staff = factories.as_staff(town.staff)
    async with transaction(sessions) as session:
        for call, version in ((mine.waiting, 2), (mine.taken, 3)):
            await bookings.take_back(session, staff, uuid.UUID(call), version)
    text = await read(client, mine)
    assert mine.waiting not in text
    assert mine.taken not in text
    is_problem(
        await assign(client, mine, mine.waiting, mine.doctor, 3), 404, "not_found"
    )
    async with transaction(sessions) as session:
        moved = await bookings.hand_to_clinic(
            session,
            staff,
            uuid.UUID(mine.waiting),
            other.clinic.id,
            3,
        )
    assert mine.waiting not in await read(client, mine)
    assert mine.waiting in await ids(client, other, LISTS[1])
    for version in (2, 3, moved.version):
        answer = await assign(client, mine, mine.waiting, mine.doctor, version)
        is_problem(answer, 404, "not_found")


async def test_a_doctor_who_moved_takes_no_finished_visit_along(
    client: AsyncClient, sessions: Sessions, town: Town
) -> None:
    mine, other = town.mine, town.other
    async with transaction(sessions) as session:
        doctor = await factories.doctor(session, profile={"clinic_id": mine.clinic.id})
        done = await factories.booking_in(
            session, Status.COMPLETED, doctor=doctor, dispatcher=town.staff
        )
        running = await factories.booking_in(
            session, Status.ACCEPTED, doctor=doctor, dispatcher=town.staff
        )
    mover = {str(doctor.id), str(done.id), str(running.id)}
    assert mover <= set(json_ids(await read(client, mine)))
    async with transaction(sessions) as session:
        await move(session, doctor, other)
    assert not mover & set(json_ids(await read(client, mine)))
    now = set(json_ids(await read(client, other))) & mover
    assert now == {str(doctor.id), str(running.id)}
    refused = await assign(client, mine, mine.waiting, doctor)
    is_problem(refused, 404, "not_found")
    assert leaked(refused.text, other) == set()


async def test_the_new_clinic_reads_no_call_that_stays_with_the_old_one(
    client: AsyncClient, sessions: Sessions, town: Town
) -> None:
    mine, other = town.mine, town.other
    async with transaction(sessions) as session:
        await move(session, mine.doctor, other)
    # The call was handed to the old clinic and stays its own until taken back.
    assert mine.taken in await ids(client, mine, LISTS[1])
    seen = await read(client, other)
    assert mine.taken not in seen
    assert mine.waiting not in seen


async def test_a_removed_manager_reads_nothing(
    client: AsyncClient, sessions: Sessions, town: Town
) -> None:
    async with transaction(sessions) as session:
        mine = col(ClinicMember.user_id) == town.mine.manager.id
        await session.delete(
            (await session.exec(select(ClinicMember).where(mine))).one()
        )
    for place in READS:
        answer = await client.get(place, headers=town.mine.headers)
        is_problem(answer, 404, "not_found")


async def test_not_even_a_dispatcher_sends_a_foreign_doctor_to_a_clinics_call(
    client: AsyncClient, sessions: Sessions, town: Town
) -> None:
    """Or one clinic would read of the other's doctor, who would miss the visit."""
    mine, other = town.mine, town.other
    staff = factories.as_staff(town.staff)
    async with transaction(sessions) as session:
        free = await factories.doctor(session)
        colleague = await factories.doctor(
            session, profile={"clinic_id": mine.clinic.id}
        )
    calls = (
        (assignments.assign, mine.waiting, 2),
        (assignments.reassign, mine.taken, 3),
    )
    for verb, call, version in calls:
        for doctor in (other.doctor, free):
            async with transaction(sessions) as session:
                with pytest.raises(DoctorNotEligible) as refused:
                    await verb(session, staff, uuid.UUID(call), doctor.id, version)
                assert refused.value.public_facts["reasons"] == ["other_clinic"]
                await session.rollback()
    assert leaked(await read(client, mine), other) == set()
    for verb, call, version in calls:
        async with transaction(sessions) as session:
            await verb(session, staff, uuid.UUID(call), colleague.id, version)
    now = {mine.waiting, mine.taken}
    assert now <= set(await ids(client, mine, LISTS[2]))
    assert not now & set(json_ids(await read(client, other)))


async def test_a_call_taken_back_goes_to_a_doctor_of_any_clinic(
    client: AsyncClient, sessions: Sessions, town: Town
) -> None:
    mine, other = town.mine, town.other
    staff = factories.as_staff(town.staff)
    call = uuid.UUID(mine.waiting)
    async with transaction(sessions) as session:
        await bookings.take_back(session, staff, call, 2)
        await assignments.assign(session, staff, call, other.doctor.id, 3)
    assert mine.waiting in await ids(client, other, LISTS[2])
    assert mine.waiting not in await read(client, mine)


async def test_the_doctor_of_before_gets_a_handed_call_back_by_no_undo(
    sessions: Sessions, town: Town
) -> None:
    mine, staff = town.mine, factories.as_staff(town.staff)
    call = uuid.UUID(mine.taken)
    async with transaction(sessions) as session:
        second = await factories.doctor(session, profile={"clinic_id": mine.clinic.id})
        await assignments.reassign(session, staff, call, second.id, 3)
        await move(session, mine.doctor, town.other)
    async with transaction(sessions) as session:
        undone = await assignments.undo(session, staff, call, 4)
        assert undone.status is Status.PENDING


async def test_calls_and_visits_of_a_clinic_tell_no_symptoms(
    client: AsyncClient, town: Town
) -> None:
    for place in LISTS[1:]:
        answer = await client.get(place, headers=town.mine.headers)
        for item in answer.json()["items"]:
            assert not {"gist", "symptoms", "subject", "patient"} & set(item)
        assert "кашель" not in answer.text


async def test_visits_of_a_clinic_tell_nothing_of_the_ill(
    client: AsyncClient, town: Town
) -> None:
    answer = await client.get(LISTS[2], headers=town.mine.headers)
    for word in ("кашель", "Тверская", "Петров", "+7916", "age", "subject", "45К"):
        assert word not in answer.text


def json_ids(text: str) -> list[str]:
    """Every id that some pages of JSON hold."""
    found = []
    for page in text.split("\n"):
        for item in json.loads(page).get("items", []):
            found += [item["id"], item.get("doctor_id") or ""]
    return found
