"""Cards show what the stage of the visit allows, and buttons that are legal now."""

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Consent, DoctorState, PatientProfile, User
from models.booking import Status, Verb, sources_of
from models.booking_words import CancelReason, Flag
from models.role_grant import Role
from services import (
    assignments,
    bookings,
    telegram_buttons,
    telegram_cards,
    telegram_content,
    visits,
    words,
)
from services.config import get_settings
from services.errors import NotFound
from services.i18n import use_locale
from tests import factories
from tests.services.test_telegram_content import admin

ACTIVE = (Status.ASSIGNED, Status.ACCEPTED, Status.EN_ROUTE, Status.IN_PROGRESS)
SECRETS = ("Тверская", "45К", "Пенициллин", "Астма", "+7916")


async def scene(
    session: AsyncSession, status: Status, *, content: bool = True
) -> tuple[Booking, User, User]:
    doctor, patient = await factories.doctor(session), await factories.patient(session)
    staff = await factories.dispatcher(session)
    booking = await factories.booking_in(
        session, status, doctor=doctor, dispatcher=staff, by=patient
    )
    booking.district = "Тверской"
    if content:
        await telegram_content.put(session, await admin(session), True, "Проба")
        consent = Consent(
            user_id=patient.id, kind=telegram_content.CONSENT, version="1"
        )
        session.add(consent)
    await session.flush()
    return booking, doctor, patient


@pytest.mark.parametrize("status", ACTIVE)
async def test_buttons_are_those_of_the_table_of_edges(
    session: AsyncSession, status: Status
) -> None:
    booking, doctor, _ = await scene(session, status)
    card = await telegram_cards.visit_card(
        session, factories.as_doctor(doctor), booking.id
    )
    told = [
        telegram_buttons.read(key.data or "") for row in card.buttons for key in row
    ]
    verbs = {each.word for each in told if each} - {"chat"}
    legal = {
        verb.value
        for verb in telegram_cards.OF_DOCTOR
        if status in sources_of(verb, Role.DOCTOR)
    }
    assert verbs == legal
    assert {each.version for each in told if each and each.word != "chat"} == {
        booking.version
    }


def test_no_verb_of_a_doctor_was_forgotten() -> None:
    may = {
        verb
        for verb in Verb
        if telegram_cards.may(Role.DOCTOR, telegram_cards.permission_of(verb))
    }
    assert may == set(telegram_cards.OF_DOCTOR)


async def test_before_accepting_a_card_names_nobody(session: AsyncSession) -> None:
    booking, doctor, patient = await scene(session, Status.ASSIGNED)
    actor = factories.as_doctor(doctor)
    text = (await telegram_cards.card(session, actor, booking.id)).text
    for shown in (
        booking.label,
        "Район: Тверской",
        "Время: ",
        "Возраст: ",
        "Кашель".lower(),
    ):
        assert shown in text
    for secret in (*SECRETS, patient.last_name):
        assert secret not in text
    await visits.accept(session, actor, booking.id)
    text = (await telegram_cards.card(session, actor, booking.id)).text
    for shown in (*SECRETS, patient.last_name):
        assert shown in text


@pytest.mark.parametrize("status", ACTIVE)
async def test_without_content_a_card_is_number_district_and_time(
    session: AsyncSession, status: Status
) -> None:
    booking, doctor, patient = await scene(session, status, content=False)
    actor = factories.as_doctor(doctor)
    lines = (await telegram_cards.card(session, actor, booking.id)).text.splitlines()
    assert lines[0] == f"{booking.label} · {words.label(status)}"
    assert [each.partition(":")[0] for each in lines[1:]] == ["Время", "Район"]
    own = await telegram_cards.card(session, factories.as_patient(patient), booking.id)
    assert doctor.last_name not in own.text


async def test_of_a_call_for_another_person_nothing_is_carried(
    session: AsyncSession,
) -> None:
    doctor, patient = await factories.doctor(session), await factories.patient(session)
    staff = factories.as_staff(await factories.dispatcher(session))
    said = {"subject": {"name": "Мария Ильина", "allergies": "Орехи"}}
    draft = factories.draft(**said)
    booking = await bookings.create(session, factories.as_patient(patient), draft)
    await assignments.assign(session, staff, booking.id, doctor.id, booking.version)
    await visits.accept(session, factories.as_doctor(doctor), booking.id)
    await telegram_content.put(session, await admin(session), True, "Проба")
    session.add(Consent(user_id=patient.id, kind=telegram_content.CONSENT, version="1"))
    await bookings.flag(
        session, factories.as_doctor(doctor), booking.id, Flag.RESUSCITATION
    )
    text = (
        await telegram_cards.card(session, factories.as_doctor(doctor), booking.id)
    ).text
    # The holder agreed for themselves alone.
    assert not await telegram_content.may_carry(session, booking)
    assert not await telegram_content.may_carry_of(session, booking.id)
    for word in ("Мария Ильина", "Орехи", "Реанимация", patient.last_name):
        assert word not in text
    assert (patient.phone or "-") not in text
    assert "Возраст" not in text


async def test_a_patients_card_while_nobody_is_found(session: AsyncSession) -> None:
    patient = await factories.patient(session)
    booking = await factories.booking(session, patient)
    with use_locale("en"):
        card = await telegram_cards.call_card(
            session, factories.as_patient(patient), booking.id
        )
    assert card.text == f"{booking.label} · Waiting"
    assert [key.text for row in card.buttons for key in row] == [
        "Chat",
        "Cancel the call",
    ]


async def test_a_cancelled_call_is_not_paid(session: AsyncSession) -> None:
    booking, _, patient = await scene(session, Status.ACCEPTED)
    actor = factories.as_patient(patient)
    get_settings().yookassa_shop_id = "1"
    try:
        card = await telegram_cards.call_card(session, actor, booking.id)
        assert "Оплатить" in [key.text for row in card.buttons for key in row]
        await bookings.cancel(session, actor, booking.id, CancelReason.OTHER)
        card = await telegram_cards.call_card(session, actor, booking.id)
    finally:
        get_settings().yookassa_shop_id = ""
    assert [key.text for row in card.buttons for key in row] == ["Чат"]


async def test_somebody_elses_card_is_not_found(session: AsyncSession) -> None:
    booking, _, _ = await scene(session, Status.ACCEPTED)
    other = factories.as_doctor(await factories.doctor(session))
    with pytest.raises(NotFound):
        await telegram_cards.card(session, other, booking.id)
    stranger = factories.as_patient(await factories.patient(session))
    with pytest.raises(NotFound):
        await telegram_cards.card(session, stranger, booking.id)


async def test_whose_age_nobody_knows_has_none_on_the_card(
    session: AsyncSession,
) -> None:
    booking, doctor, patient = await scene(session, Status.ASSIGNED)
    query = select(PatientProfile).where(col(PatientProfile.user_id) == patient.id)
    (await session.exec(query)).one().birth_date = None
    await session.flush()
    card = await telegram_cards.card(session, factories.as_doctor(doctor), booking.id)
    assert "Возраст" not in card.text
    assert booking.symptoms in card.text


async def test_a_doctor_on_the_way_whose_place_is_not_known_has_no_minutes(
    session: AsyncSession,
) -> None:
    booking, doctor, patient = await scene(session, Status.EN_ROUTE)
    query = select(DoctorState).where(col(DoctorState.doctor_id) == doctor.id)
    state = (await session.exec(query)).one()
    state.latitude = state.longitude = state.position_at = None
    await session.flush()
    card = await telegram_cards.card(session, factories.as_patient(patient), booking.id)
    assert booking.label in card.text
    assert "мин" not in card.text


async def test_a_card_does_not_repeat_the_minutes_that_were_told(
    session: AsyncSession,
) -> None:
    booking, _, patient = await scene(session, Status.EN_ROUTE)
    actor = factories.as_patient(patient)
    whole = await telegram_cards.call_card(session, actor, booking.id)
    rest = await telegram_cards.call_card(session, actor, booking.id, {"minutes"})
    assert "мин" in whole.text
    assert "мин" not in rest.text


async def test_a_call_on_one_line_names_its_time_where_it_has_one(
    session: AsyncSession,
) -> None:
    booking, _, _ = await scene(session, Status.ASSIGNED)
    assert telegram_cards.line_of(booking, None).count("·") == 1
    assert telegram_cards.line_of(booking, booking.created_at).count("·") == 2
