"""A new call by phone: the form and what it makes."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI

from models import Street, User
from models.booking_words import Priority
from models.specialization import Specialization
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.backoffice.desk import Desk, at_desk, text_of
from tests.backoffice.phone_desk import (
    LOOKUP,
    NASTY,
    NEW,
    PHONE,
    STREETS,
    all_calls,
    door_of,
    known,
    say,
    token,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def desk(app: FastAPI, sessions: Sessions) -> AsyncIterator[Desk]:
    async with at_desk(app, sessions) as made:
        yield made


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
