"""What the new call asks first: duplicates, emergencies, other people, the time."""

import re
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlmodel import col, select

from models import BookingEvent, User
from models.booking_words import Priority
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.backoffice.desk import Desk, at_desk, text_of
from tests.backoffice.phone_desk import (
    LOOKUP,
    NEW,
    PHONE,
    about,
    all_calls,
    door_of,
    known,
    open_call,
    say,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def desk(app: FastAPI, sessions: Sessions) -> AsyncIterator[Desk]:
    async with at_desk(app, sessions) as made:
        yield made


async def test_another_caller_than_the_one_seen_is_questioned(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    fields = await say(desk, address=await door_of(desk), patient_id="somebody")
    answer = await desk.post(NEW, **fields)
    assert "Another patient was found" in text_of(answer)


async def test_an_emergency_is_asked_about_once_more(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    fields = await say(desk, address=await door_of(desk), priority="emergency")
    answer = await desk.post(NEW, **fields)
    assert "Confirm once more" in text_of(answer)
    await desk.post(NEW, **fields, emergency_confirmed="1")
    (call,) = await all_calls(sessions)
    assert call.priority is Priority.EMERGENCY


async def test_a_duplicate_must_be_answered_first(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    call = await open_call(sessions)
    fields = await say(desk, address=await door_of(desk))
    answer = await desk.post(NEW, **fields)
    assert answer.status_code == 422
    assert f"First answer about {call.label}" in text_of(answer)
    for nonsense in ("", "maybe"):
        refused = await desk.post(NEW, **fields, **about(call, nonsense))
        assert refused.status_code == 422
    assert len(await all_calls(sessions)) == 1


async def test_joining_adds_the_words_to_the_history(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    call = await open_call(sessions)
    fields = await say(desk, **about(call, "join"))
    silent = await desk.post(NEW, **(fields | {"symptoms": ""}))
    assert "Write down what the caller says" in text_of(silent)
    answer = await desk.post(NEW, **fields)
    assert answer.headers["location"] == f"/admin/board?call={call.id}"
    await desk.post(NEW, **fields)
    async with transaction(sessions) as session:
        query = select(BookingEvent.comment).where(
            col(BookingEvent.booking_id) == call.id, col(BookingEvent.event) == "join"
        )
        assert (await session.exec(query)).all() == ["Температура 38,7"]


async def test_the_same_stop_lets_one_doctor_see_both(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    call = await open_call(sessions)
    fields = await say(
        desk, **about(call, "same"), who="other", subject_name="Артём", notes="x"
    )
    assert (await desk.post(NEW, **fields)).status_code == 303
    first, second = await all_calls(sessions)
    assert first.stop_id == second.stop_id
    assert (second.address_text, second.subject_name) == (first.address_text, "Артём")


async def test_a_new_call_beside_the_open_one_stands_apart(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    call = await open_call(sessions)
    fields = await say(desk, address=await door_of(desk), **about(call, "new"))
    assert (await desk.post(NEW, **fields)).status_code == 303
    first, second = await all_calls(sessions)
    assert first.stop_id != second.stop_id


async def test_a_call_closed_meanwhile_cannot_be_joined(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    call = await open_call(sessions)
    await desk.post(
        f"/admin/booking/{call.id}/cancel", version=1, reason_code="false_call"
    )
    answer = await desk.post(NEW, **await say(desk, **about(call, "join")))
    assert "That call has been closed meanwhile" in text_of(answer)


async def test_the_same_address_is_asked_about_too(
    sessions: Sessions, desk: Desk
) -> None:
    async with transaction(sessions) as session:
        call = await make.booking(session)
    body = await desk.post(
        LOOKUP, json=True, address="new", address_text="тверская 12", flat="45"
    )
    assert "address" not in body.json()["parts"]["duplicate"].lower().split("<b>")[0]
    assert f"This address already has a call: {call.label}" in re.sub(
        r"<[^>]+>", "", body.json()["parts"]["duplicate"]
    )


async def test_another_subject_brings_own_facts(sessions: Sessions, desk: Desk) -> None:
    await known(sessions)
    fields = await say(
        desk,
        address=await door_of(desk),
        who="other",
        subject_name="Громов Артём",
        subject_birth_date="2017-03-05",
        subject_sex="male",
        subject_allergies="Орехи",
        subject_phone="8 903 118-42-99",
    )
    assert (await desk.post(NEW, **fields)).status_code == 303
    (call,) = await all_calls(sessions)
    assert (call.subject_allergies, call.subject_contact_phone) == (
        "Орехи",
        "+79031184299",
    )
    body = (await desk.post(LOOKUP, json=True, phone=PHONE)).json()
    assert f"booking:{call.id}" in body["parts"]["people"]
    again = await say(
        desk,
        address=await door_of(desk),
        who=f"booking:{call.id}",
        **about(call, "new"),
    )
    assert (await desk.post(NEW, **again)).status_code == 303
    second = (await all_calls(sessions))[1]
    assert (second.subject_name, second.subject_allergies) == ("Громов Артём", "Орехи")


async def test_several_duplicates_are_listed(sessions: Sessions, desk: Desk) -> None:
    await known(sessions)
    first, second = await open_call(sessions), await open_call(sessions)
    body = (await desk.post(LOOKUP, json=True, phone=PHONE)).json()
    drawn = body["parts"]["duplicate"]
    assert drawn.count('name="duplicate_of"') == 2
    fields = await say(desk, **about(first, "join"))
    refused = await desk.post(NEW, json=True, **fields)
    assert refused.status_code == 422
    both = {"duplicates_seen": f"{second.id},{first.id}"}
    assert (await desk.post(NEW, json=True, **(fields | both))).json()["ok"]


async def test_a_window_may_cross_midnight_but_not_end_before_it_begins(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    async with transaction(sessions) as session:
        day = (await make.tomorrow(session)).date().isoformat()
    fields = await say(
        desk,
        address=await door_of(desk),
        call_type="scheduled",
        wanted_day=day,
        wanted_start="18:00",
        wanted_end="16:00",
    )
    answer = await desk.post(NEW, **fields)
    assert "ends before it begins" in text_of(answer)
    fields |= {"wanted_start": "23:00", "wanted_end": "01:00"}
    assert (await desk.post(NEW, **fields)).status_code == 303
    (call,) = await all_calls(sessions)
    assert call.wanted_from is not None
    assert call.wanted_to is not None
    assert (call.wanted_to - call.wanted_from).total_seconds() == 7200
    assert call.wanted_from.astimezone().date() <= datetime.fromisoformat(day).date()
    assert call.priority is Priority.NORMAL


async def test_a_past_window_is_refused_at_its_field(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    fields = await say(
        desk,
        address=await door_of(desk),
        when="at",
        wanted_day="2020-01-01",
        wanted_start="10:00",
        wanted_end="12:00",
    )
    answer = await desk.post(NEW, **fields)
    assert answer.status_code == 422
    assert "must lie ahead" in text_of(answer)
    bad = await desk.post(NEW, **(fields | {"wanted_start": "ten"}))
    assert "Fill in the day and both times" in text_of(bad)


async def test_a_birthday_ahead_is_refused_at_its_field(
    sessions: Sessions, desk: Desk
) -> None:
    stranger = await say(
        desk,
        phone="8 926 555-44-34",
        last_name="Белова",
        first_name="Ирина",
        birth_date="3000-01-01",
        address="new",
        address_text="Тверская улица, 7",
    )
    refused = await desk.post(NEW, json=True, **stranger)
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json()["errors"]] == ["birth_date"]
    await known(sessions)
    other = await say(
        desk,
        address=await door_of(desk),
        who="other",
        subject_name="Громов Артём",
        subject_birth_date="3000-01-01",
    )
    refused = await desk.post(NEW, json=True, **other)
    wrong = [each["field"] for each in refused.json()["errors"]]
    assert wrong == ["subject_birth_date"]
    assert await all_calls(sessions) == []


async def test_a_number_that_its_account_has_not_proved_is_marked(
    sessions: Sessions, desk: Desk
) -> None:
    warning = "has not proved it"
    patient = await known(sessions)

    async def marked() -> bool:
        body = (await desk.post(LOOKUP, json=True, phone=PHONE)).json()
        return warning in body["parts"]["side"]

    assert not await marked()
    async with transaction(sessions) as session:
        (await session.get_one(User, patient.id)).password_hash = "x"
    assert await marked()
    async with transaction(sessions) as session:
        now = (await session.get_one(User, patient.id)).created_at
        (await session.get_one(User, patient.id)).phone_verified_at = now
    assert not await marked()
