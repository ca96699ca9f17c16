"""A new call by phone: the form, its questions and what it makes."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlmodel import col, select

from backoffice.app import create_app
from models import Booking, BookingEvent, Street, User
from models.booking_words import Priority
from models.specialization import Specialization
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.backoffice.desk import Desk, at_desk, text_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
NEW, LOOKUP, STREETS = (f"/admin/calls/{each}" for each in ("new", "lookup", "streets"))
PHONE = "+79031184206"
NASTY = '"><img src=x onerror=alert(1)>'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(settings: Settings, database_url: str) -> AsyncIterator[FastAPI]:
    made = create_app(settings, database_url)
    yield made
    await made.state.engine.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(app: FastAPI, sessions: Sessions) -> AsyncIterator[Desk]:
    async with at_desk(app, sessions) as made:
        yield made


async def known(sessions: Sessions, **facts: Any) -> User:
    async with transaction(sessions) as session:
        user = await make.patient(session, **({"phone": PHONE} | facts))
        await make.saved_address(session, user, notes="шлагбаум")
    return user


async def token(desk: Desk) -> str:
    page = await desk.get(NEW)
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


async def all_calls(sessions: Sessions) -> list[Booking]:
    async with transaction(sessions) as session:
        query = select(Booking).order_by(col(Booking.number))
        return list(await session.exec(query))


async def say(desk: Desk, **fields: Any) -> dict[str, Any]:
    """Fill the form in for the known caller; give the fields."""
    said = {
        "token": await token(desk),
        "phone": PHONE,
        "symptoms": "Температура 38,7",
        "call_type": "urgent",
    }
    return said | fields


async def door_of(desk: Desk) -> str:
    answer = await desk.post(LOOKUP, json=True, phone=PHONE)
    found = re.search(
        r'name="address" value="([^"]+)"', answer.json()["parts"]["addresses"]
    )
    assert found is not None
    return found[1]


async def test_a_number_a_complaint_and_the_call_is_there(
    sessions: Sessions, desk: Desk
) -> None:
    patient = await known(sessions)
    fields = await say(desk, address=await door_of(desk), notes="собака")
    answer = await desk.post(NEW, **fields)
    (call,) = await all_calls(sessions)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/admin/board?call={call.id}"
    assert call.patient_id == patient.id
    assert (call.address_text, call.flat) == ("Арбат, 10", "5")
    assert call.address_notes == "шлагбаум · собака"
    assert (call.priority, call.source.value) == (Priority.HIGH, "phone")
    assert call.specialization is Specialization.THERAPIST


async def test_a_script_is_told_where_to_go(sessions: Sessions, desk: Desk) -> None:
    await known(sessions)
    fields = await say(desk, address=await door_of(desk), do="another")
    body = (await desk.post(NEW, json=True, **fields)).json()
    (call,) = await all_calls(sessions)
    assert body["ok"]
    assert (body["number"], body["to"]) == (call.label, NEW)
    assert call.label in body["message"]


async def test_a_form_sent_twice_makes_one_call(sessions: Sessions, desk: Desk) -> None:
    await known(sessions)
    fields = await say(desk, address=await door_of(desk))
    first = await desk.post(NEW, json=True, **fields)
    second = await desk.post(NEW, json=True, **(fields | {"symptoms": "Другое"}))
    assert first.json()["booking_id"] == second.json()["booking_id"]
    assert len(await all_calls(sessions)) == 1


async def test_a_form_without_its_token_is_refused(
    sessions: Sessions, desk: Desk
) -> None:
    await known(sessions)
    fields = await say(desk, address=await door_of(desk), token="short")
    assert (await desk.post(NEW, json=True, **fields)).status_code == 422
    assert await all_calls(sessions) == []


async def test_the_lookup_draws_the_caller(sessions: Sessions, desk: Desk) -> None:
    patient = await known(sessions)
    body = (await desk.post(LOOKUP, json=True, phone="903118")).json()
    assert body["match"] == "short"
    body = (await desk.post(LOOKUP, json=True, phone="903118420")).json()
    assert (body["match"], body["patient"]) == ("found", str(patient.id))
    assert patient.full_name in body["parts"]["people"]
    assert "Пенициллин" in body["parts"]["people"]
    assert "Арбат, 10" in body["parts"]["addresses"]
    assert "5" in body["parts"]["price"]
    body = (await desk.post(LOOKUP, json=True, phone="89265554433")).json()
    assert (body["match"], body["whole"]) == ("unknown", True)


async def test_the_price_follows_type_specialization_and_time(
    sessions: Sessions, desk: Desk
) -> None:
    async with transaction(sessions) as session:
        await make.price(session, price_kopecks=450_000)
        await make.price(
            session, specialization=Specialization.NEUROLOGIST, price_kopecks=610_000
        )
        await make.price(session, call_type="scheduled", price_kopecks=390_000)

    async def price(**fields: str) -> str:
        answer = await desk.post(LOOKUP, json=True, **fields)
        return re.sub(r"\D", "", answer.json()["parts"]["price"])

    assert await price() == "4500"
    assert await price(specialization="neurologist") == "6100"
    assert await price(call_type="scheduled", wanted_day="x") == "3900"
    assert await price(call_type="nonsense", specialization="nonsense") == "4500"


async def test_the_nearest_doctors_are_named(sessions: Sessions, desk: Desk) -> None:
    async with transaction(sessions) as session:
        near = await make.doctor(session, last_name="Ближний")
        far = await make.doctor(session, last_name="Дальний", point=(55.9, 37.9))
        await make.doctor(session, last_name="Домашний", on_duty=False)
        await make.doctor(
            session, last_name="Зубной", profile={"specializations": ["surgeon"]}
        )
    body = await desk.post(LOOKUP, json=True, latitude="55.75", longitude="37.61")
    side = body.json()["parts"]["side"]
    assert side.index(near.short_name) < side.index(far.short_name)
    assert "Домашний" not in side
    assert "Зубной" not in side
    nowhere = await desk.post(LOOKUP, json=True, latitude="1e9", longitude="37.61")
    assert near.short_name not in nowhere.json()["parts"]["side"]


async def test_an_unknown_number_becomes_a_patient_in_the_same_step(
    sessions: Sessions, desk: Desk
) -> None:
    answer = await desk.post(
        NEW,
        **await say(
            desk,
            phone="8 926 555-44-33",
            last_name="Белова",
            first_name="Ирина",
            birth_date="1990-02-03",
            address="new",
            address_text="Тверская улица, 7",
            flat="3",
            latitude="55.7642",
            longitude="37.6060",
        ),
    )
    assert answer.status_code == 303
    (call,) = await all_calls(sessions)
    async with transaction(sessions) as session:
        patient = await session.get_one(User, call.patient_id)
    assert (patient.phone, patient.full_name) == ("+79265554433", "Белова Ирина")
    assert patient.password_hash is None
    assert (call.flat, call.latitude) == ("3", 55.7642)


async def test_errors_stand_at_their_fields_and_nothing_is_lost(
    sessions: Sessions, desk: Desk
) -> None:
    answer = await desk.post(
        NEW,
        token=await token(desk),
        phone="8 926 555-44-33",
        last_name="Белова",
        who="other",
        call_type="scheduled",
        notes="собака",
        subject_phone="12",
        flat="9" * 30,
        address_text="Тверская улица, 7",
    )
    assert answer.status_code == 422
    words = text_of(answer)
    for each in (
        "Ask for the first name",
        "Ask whom the doctor is for",
        "Write down the complaint",
        "Fill in the day and both times",
        "This is not a phone number",
        "This value is too long.",
    ):
        assert each in words
    assert "wanted_from" not in words
    for kept in ("Белова", "собака", "Тверская улица, 7", "9" * 30):
        assert f'value="{kept}"' in answer.text
    assert 'value="scheduled" checked' in answer.text
    assert await all_calls(sessions) == []


@pytest.mark.parametrize(
    ("phone", "message"),
    [
        ("", "Type the whole phone number"),
        ("12345678901", "Type the whole phone number"),
        ("903118420", "Several patients fit; type the whole number"),
    ],
)
async def test_a_doubtful_number_is_no_caller(
    sessions: Sessions, desk: Desk, phone: str, message: str
) -> None:
    await known(sessions)
    await known(sessions, phone="+79031184207")
    answer = await desk.post(
        NEW, **await say(desk, phone=phone, address_text="Арбат, 1")
    )
    assert answer.status_code == 422
    assert message in text_of(answer)


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


async def open_call(sessions: Sessions, **facts: Any) -> Booking:
    async with transaction(sessions) as session:
        user = (
            await session.exec(select(User).where(col(User.phone) == PHONE))
        ).one_or_none()
        return await make.booking(session, user, **facts)


def about(call: Booking, answer: str) -> dict[str, Any]:
    """Answer the question about an open call."""
    key = str(call.id)
    return {"duplicates_seen": key, "duplicate_of": key, "answer": answer}


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


async def test_it_works_without_script(sessions: Sessions, desk: Desk) -> None:
    patient = await known(sessions)
    page = await desk.get(NEW)
    assert 'name="do" value="find"' in page.text
    found = await desk.post(NEW, do="find", phone=PHONE, symptoms="Кашель")
    assert found.status_code == 200
    assert patient.full_name in found.text
    assert ">Кашель</textarea>" in found.text
    assert await all_calls(sessions) == []


async def test_the_layer_is_the_form_alone(desk: Desk) -> None:
    layer = await desk.get(NEW + "?layer=1")
    assert "<html" not in layer.text
    assert "in-layer" in layer.text
    assert "<html" in (await desk.get(NEW)).text


async def test_streets_are_suggested_with_district_and_point(
    sessions: Sessions, desk: Desk
) -> None:
    async with transaction(sessions) as session:
        for name, district in (
            ("Тверская улица", "Тверской"),
            ("1-я Тверская-Ямская улица", "Тверской"),
            ("Арбат", "Арбат"),
        ):
            session.add(Street(name=name, district=district, latitude=55, longitude=37))

    async def names(typed: str) -> list[str]:
        body = (await desk.post(STREETS, json=True, q=typed)).json()
        return [each["name"] for each in body["streets"]]

    assert await names("твер") == ["Тверская улица", "1-я Тверская-Ямская улица"]
    assert await names("ул. Тверская 12") == [
        "Тверская улица",
        "1-я Тверская-Ямская улица",
    ]
    assert await names("тв") == []
    assert await names("100%") == []


async def test_what_is_typed_stays_text(sessions: Sessions, desk: Desk) -> None:
    async with transaction(sessions) as session:
        user = await make.patient(session, phone=PHONE, last_name=NASTY)
        await make.saved_address(session, user, text=NASTY, notes=NASTY)
        await make.booking(session, user, subject={"name": NASTY, "allergies": NASTY})
    page = await desk.post(NEW, do="find", phone=PHONE, symptoms=NASTY, notes=NASTY)
    assert "<img" not in page.text
    body = (await desk.post(LOOKUP, json=True, phone=PHONE)).json()
    assert not any("<img" in part for part in body["parts"].values())


async def test_the_form_speaks_russian(desk: Desk) -> None:
    page = await desk.get(NEW + "?lang=ru")
    assert "Назовите цену" in text_of(page)
    assert "Complaint" not in text_of(page)
