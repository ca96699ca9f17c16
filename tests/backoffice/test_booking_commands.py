"""The commands of a card: each does its one thing, and none loses a word."""

import re
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlmodel import col, select

from models import Booking, BookingEvent
from models.booking import Status
from models.booking_words import CancelReason, Flag
from services import bookings, clock
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.backoffice.desk import Desk, again, at_desk, call_in, card, text_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
UNKNOWN = str(uuid.UUID(int=9))
NASTY = '<img src=x onerror="alert(1)">'


@pytest_asyncio.fixture(loop_scope="session")
async def desk(app: FastAPI, sessions: Sessions) -> AsyncIterator[Desk]:
    async with at_desk(app, sessions) as made:
        yield made


COMMANDS: list[tuple[Status, str, dict[str, Any], Status]] = [
    (Status.PENDING, "assign", {}, Status.ASSIGNED),
    (Status.ASSIGNED, "reassign", {}, Status.ASSIGNED),
    (Status.ASSIGNED, "unassign", {"reason": "Заболел"}, Status.PENDING),
    (Status.ASSIGNED, "accept", {"reason": "Звонил"}, Status.ACCEPTED),
    (Status.ACCEPTED, "depart", {"reason": "Звонил"}, Status.EN_ROUTE),
    (Status.EN_ROUTE, "start", {"reason": "Звонил"}, Status.IN_PROGRESS),
    (
        Status.IN_PROGRESS,
        "complete",
        {"actual_minutes": "30", "conclusion": "ОРВИ"},
        Status.COMPLETED,
    ),
    (
        Status.ACCEPTED,
        "cancel",
        {"reason_code": "patient_absent", "comment": "Не открыли"},
        Status.CANCELLED,
    ),
    (Status.PENDING, "flag", {"flag": "resuscitation"}, Status.PENDING),
    (Status.PENDING, "join", {"words": "Звонила дочь"}, Status.PENDING),
    (Status.PENDING, "edit", {"symptoms": "Хуже"}, Status.PENDING),
    (Status.PENDING, "hand_to_clinic", {}, Status.PENDING),
]


@pytest.mark.parametrize(
    ("before", "verb", "fields", "after"), COMMANDS, ids=[each[1] for each in COMMANDS]
)
async def test_each_command_does_its_one_thing(
    sessions: Sessions,
    desk: Desk,
    before: Status,
    verb: str,
    fields: dict[str, Any],
    after: Status,
) -> None:
    booking, doctor = await call_in(sessions, desk, before)
    async with transaction(sessions) as session:
        second = await make.doctor(session, last_name="Лебедев")
        clinic = await make.clinic(session)
    given = {"assign": doctor.id, "reassign": second.id}.get(verb)
    extra: dict[str, Any] = {"doctor_id": given} if given else {}
    if verb == "hand_to_clinic":
        extra = {"clinic_id": clinic.id}
    page = await desk.get(card(booking))
    assert f'action="{card(booking, verb)}"' in page.text
    answer = await desk.post(
        card(booking, verb), version=booking.version, **extra, **fields
    )
    assert (answer.status_code, answer.headers["location"]) == (303, card(booking))
    now = await again(sessions, booking)
    assert (now.status, now.version) == (after, booking.version + 1)
    flash = text_of(await desk.get(card(booking)))
    assert f"{booking.label}: " in flash


async def test_a_script_gets_the_new_version(sessions: Sessions, desk: Desk) -> None:
    booking, doctor = await call_in(sessions, desk)
    answer = await desk.post(
        card(booking, "assign"), json=True, version=1, doctor_id=doctor.id
    )
    body = answer.json()
    assert body["ok"]
    assert (body["version"], body["status"]) == (2, "assigned")
    assert doctor.short_name in body["message"]
    refused = await desk.post(
        card(booking, "assign"), json=True, version=1, doctor_id=doctor.id
    )
    assert refused.status_code == 409
    assert refused.json()["code"] == "stale_version"


async def test_replan_moves_the_arrival(sessions: Sessions, desk: Desk) -> None:
    booking, _ = await call_in(sessions, desk, Status.ASSIGNED)
    async with transaction(sessions) as session:
        later = (await make.tomorrow(session)).strftime("%Y-%m-%dT%H:%M")
    answer = await desk.post(
        card(booking, "replan"), version=booking.version, planned_start=later
    )
    assert answer.status_code == 303
    assert "Arrival of Орлов Д. И. moved" in text_of(await desk.get(card(booking)))


async def test_a_flag_goes_up_and_down(sessions: Sessions, desk: Desk) -> None:
    booking, _ = await call_in(sessions, desk)
    await desk.post(card(booking, "flag"), version=1, flag="resuscitation")
    assert (await again(sessions, booking)).has_flag(Flag.RESUSCITATION)
    await desk.post(card(booking, "flag"), version=2, flag="resuscitation:off")
    assert not (await again(sessions, booking)).flags
    words = text_of(await desk.get(card(booking)))
    assert "Flag taken down: Resuscitation" in words


@pytest.mark.parametrize(
    ("verb", "fields", "message"),
    [
        ("cancel", {"comment": "слова"}, "Choose a reason"),
        ("join", {}, "This field is required."),
        ("flag", {"flag": "fire"}, "This value does not fit."),
        ("assign", {"doctor_id": UNKNOWN, "planned_start": "soon"}, "This is no day"),
        ("hand_to_clinic", {}, "Choose a clinic"),
        ("edit", {"wanted_from": "soon"}, "This is no day and time."),
        ("edit", {"symptoms": ""}, "This value does not fit."),
    ],
)
async def test_a_wrong_form_comes_back_as_it_was_typed(
    sessions: Sessions, desk: Desk, verb: str, fields: dict[str, Any], message: str
) -> None:
    booking, _ = await call_in(sessions, desk)
    answer = await desk.post(card(booking, verb), version=1, **fields)
    assert answer.status_code == 422
    assert message in text_of(answer)
    for name, value in fields.items():
        assert value in answer.text or name in {"doctor_id", "flag"}
    assert (await again(sessions, booking)).version == 1
    reloaded = await desk.get(card(booking, verb))
    assert (reloaded.status_code, reloaded.headers["location"]) == (303, card(booking))


@pytest.mark.parametrize(
    ("status", "verb"), [(Status.ASSIGNED, "replan"), (Status.IN_PROGRESS, "complete")]
)
async def test_a_needed_field_is_asked_for(
    sessions: Sessions, desk: Desk, status: Status, verb: str
) -> None:
    booking, _ = await call_in(sessions, desk, status)
    answer = await desk.post(card(booking, verb), version=booking.version)
    assert answer.status_code == 422
    assert "This field is required." in text_of(answer)


async def test_a_stale_version_tells_who_did_what_and_loses_nothing(
    app: FastAPI, sessions: Sessions, desk: Desk
) -> None:
    booking, doctor = await call_in(sessions, desk)
    async with at_desk(app, sessions, first_name="Олег", middle_name="Ильич") as other:
        await other.post(card(booking, "assign"), version=1, doctor_id=doctor.id)
    answer = await desk.post(
        card(booking, "cancel"),
        version=1,
        reason_code="no_doctor",
        comment="Долго думали",
    )
    assert answer.status_code == 409
    words = text_of(answer)
    assert "Олег assigned Орлов" in words
    assert "Долго думали" in answer.text
    assert 'value="no_doctor" selected' in answer.text
    assert 'name="version" value="2"' in answer.text
    assert (await again(sessions, booking)).status is Status.ASSIGNED


async def test_words_survive_even_when_the_command_is_gone(
    sessions: Sessions, desk: Desk
) -> None:
    booking, _ = await call_in(sessions, desk)
    async with transaction(sessions) as session:
        await bookings.cancel(session, desk.actor, booking.id, CancelReason.FALSE_CALL)
    answer = await desk.post(card(booking, "join"), version=1, words="Мне хуже")
    assert answer.status_code == 409
    assert "What you had typed:" in text_of(answer)
    assert "Мне хуже" in answer.text
    closed = text_of(await desk.get(card(booking)))
    assert "The call is closed." in closed
    assert "False call" in closed


async def test_a_clash_offers_the_same_doctor_later(
    sessions: Sessions, desk: Desk
) -> None:
    first, doctor = await call_in(sessions, desk, Status.ASSIGNED)
    async with transaction(sessions) as session:
        second = await make.booking(session, address=make.address(text="Арбат, 3"))
        soon = (await clock.now(session)) + timedelta(minutes=20)
    answer = await desk.post(
        card(second, "assign"),
        version=1,
        doctor_id=doctor.id,
        planned_start=soon.isoformat(),
    )
    assert answer.status_code == 409
    words = text_of(answer)
    assert f"{first.label} takes the doctor from" in words
    assert "The same doctor, at" in words


async def test_an_edit_sends_only_what_differs(sessions: Sessions, desk: Desk) -> None:
    booking, _ = await call_in(sessions, desk)
    unchanged = await desk.post(
        card(booking, "edit"),
        version=1,
        address_text=booking.address_text,
        flat=booking.flat,
        symptoms=booking.symptoms,
        priority=booking.priority,
    )
    assert unchanged.status_code == 303
    assert (await again(sessions, booking)).version == 1
    await desk.post(
        card(booking, "edit"), version=1, entrance="9", priority="emergency"
    )
    async with transaction(sessions) as session:
        now = await session.get_one(Booking, booking.id)
        query = select(BookingEvent.data).where(
            col(BookingEvent.booking_id) == booking.id,
            col(BookingEvent.version) == 2,
        )
        assert (await session.exec(query)).one()["fields"] == ["address", "priority"]
    assert (now.entrance, now.flat, now.latitude) == ("9", "45", booking.latitude)
    assert "Changed: address, priority" in text_of(await desk.get(card(booking)))


async def test_window_and_contact_are_edited(sessions: Sessions, desk: Desk) -> None:
    booking, _ = await call_in(sessions, desk, subject={"name": "Артём"})
    async with transaction(sessions) as session:
        noon = (await make.tomorrow(session)).strftime("%Y-%m-%dT")
    await desk.post(
        card(booking, "edit"),
        version=1,
        wanted_from=noon + "12:00",
        wanted_to=noon + "14:00",
        contact_phone="8 903 118-42-06",
    )
    now = await again(sessions, booking)
    assert now.subject_contact_phone == "+79031184206"
    assert now.wanted_from is not None
    wrong = await desk.post(card(booking, "edit"), version=2, contact_phone="12")
    assert "This is not a phone number" in text_of(wrong)
    await desk.post(card(booking, "edit"), version=2, wanted_from="", wanted_to="")
    assert (await again(sessions, booking)).wanted_from is None


async def test_a_command_without_version_is_refused(
    sessions: Sessions, desk: Desk
) -> None:
    booking, doctor = await call_in(sessions, desk)
    answer = await desk.post(card(booking, "assign"), doctor_id=doctor.id)
    assert answer.status_code == 422
    assert (await again(sessions, booking)).status is Status.PENDING


async def test_a_second_try_keeps_what_a_colleague_changed(
    app: FastAPI, sessions: Sessions, desk: Desk
) -> None:
    booking, _ = await call_in(sessions, desk)
    page = await desk.get(card(booking))
    was = dict(re.findall(r'name="(was_\w+)" value="([^"]*)"', page.text))
    form = {name.removeprefix("was_"): value for name, value in was.items()} | was
    async with at_desk(app, sessions, first_name="Олег", middle_name="Ильич") as other:
        await other.post(card(booking, "edit"), version=1, entrance="7")
    mine = form | {"symptoms": "Стало хуже"}
    refused = await desk.post(card(booking, "edit"), version=1, **mine)
    assert refused.status_code == 409
    assert 'name="entrance" type="text" value="7"' in refused.text
    assert "Стало хуже</textarea>" in refused.text
    shown = dict(re.findall(r'name="(was_\w+)" value="([^"]*)"', refused.text))
    again_mine = shown | {"symptoms": "Стало хуже", "entrance": shown["was_entrance"]}
    await desk.post(card(booking, "edit"), version=2, **again_mine)
    now = await again(sessions, booking)
    assert (now.entrance, now.symptoms) == ("7", "Стало хуже")
