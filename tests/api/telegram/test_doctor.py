"""A doctor's whole visit from Telegram, and every way it may go."""

import pytest
from sqlmodel import col, select

from models import DoctorState
from models.booking import Status
from models.role_grant import Role
from services import telegram_buttons
from tests import factories
from tests.api.telegram.stage import Stage
from tests.api.telegram.visiting import (
    dialogs,
    history,
    later,
    lose,
    stamps,
    touched,
    visit_in,
)


async def test_a_whole_visit(stage: Stage) -> None:
    doctor, phone = await stage.doctor(on_duty=False)
    patient = await stage.do(factories.patient)
    await stage.content(patient)
    ecg = await stage.do(factories.extra_item)
    await stage.said(phone, "/menu")
    await stage.tapped(phone, "Выйти на линию")
    assert "Вы на линии" in phone.texts[-1]
    booking = await stage.call(patient, doctor)
    await stage.delivered()
    assert "Температура" in phone.texts[-1]
    assert patient.last_name not in phone.texts[-1]
    assert "Тверская" not in phone.texts[-1]
    assert phone.buttons()[:2] == ["Принять", "Отказаться"]
    await stage.tapped(phone, "Принять")
    assert (await stage.now(booking)).status is Status.ACCEPTED
    assert "Тверская" in phone.texts[-1]
    assert patient.last_name in phone.texts[-1]
    assert "Пенициллин" in phone.texts[-1]
    await stage.tapped(phone, "Выехать")
    phone.locate(55.75, 37.6, live_period=900)
    await stage.heard()
    phone.move(55.7512, 37.6184)
    await stage.heard()
    state = await stage.do(
        lambda own: own.exec(
            select(DoctorState).where(col(DoctorState.doctor_id) == doctor.id)
        )
    )
    assert (state.one().latitude, phone.texts[-1]) == (
        pytest.approx(55.7512),
        "Ваше местоположение отслеживается.",
    )
    await stage.tapped(phone, "На месте")
    await stage.tapped(phone, "Завершить")
    await stage.tapped(phone, "40")
    await stage.said(phone, "ОРВИ. Обильное питьё.")
    await stage.tapped(phone, "ЭКГ")
    await stage.tapped(phone, "ЭКГ × 1")
    await stage.tapped(phone, "Продолжить")
    assert "ЭКГ × 2" in phone.texts[-1]
    await stage.tapped(phone, "Да, завершить")
    done = await stage.now(booking)
    assert (done.status, done.actual_minutes) == (Status.COMPLETED, 40)
    assert done.conclusion == "ОРВИ. Обильное питьё."
    assert done.extras_kopecks == 2 * ecg.price_kopecks
    assert await dialogs(stage) == []


async def test_each_step_names_the_bot_in_the_history(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)
    await stage.tapped(phone, "Принять")
    rows = await stage.do(lambda own: history(own, booking))
    assert (rows[-1].event, rows[-1].via, rows[-1].acting_as) == (
        "accept",
        "bot",
        Role.DOCTOR,
    )


@pytest.mark.parametrize("on", [True, False])
async def test_duty_is_begun_and_ended(stage: Stage, on: bool) -> None:
    doctor, phone = await stage.doctor(on_duty=not on)
    await stage.said(phone, "/start")
    await stage.tapped(phone, "Выйти на линию" if on else "Уйти с линии")
    assert ("Вы на линии" if on else "Вы не на линии") in phone.texts[-1]
    rows = await stage.do(lambda own: own.exec(select(DoctorState)))
    assert [each.on_duty for each in rows if each.doctor_id == doctor.id] == [on]


async def test_duty_does_not_end_with_a_visit_under_way(stage: Stage) -> None:
    phone, _ = await visit_in(stage, Status.EN_ROUTE)
    await stage.said(phone, "/menu")
    await stage.tapped(phone, "Уйти с линии")
    assert phone.notes == ["Идёт визит, сначала завершите его."]
    assert "Вы на линии" in phone.texts[-1]


async def test_a_ready_reason_declines(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)
    await stage.tapped(phone, "Отказаться")
    assert await dialogs(stage) == []
    await stage.tapped(phone, "Слишком далеко")
    assert (await stage.now(booking)).status is Status.PENDING
    assert phone.texts[-1] == f"{booking.label}: вы отказались."
    assert phone.buttons() == []
    assert await dialogs(stage) == []


async def test_a_forged_reason_is_not_found(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)
    forged = telegram_buttons.data("why", booking.id, booking.version, "forged")
    phone.press(phone.received[-1]["message_id"], forged)
    await stage.heard()
    assert phone.notes == ["Не найдено."]
    assert (await stage.now(booking)).status is Status.ASSIGNED


async def test_an_alarm_is_two_taps_away(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.IN_PROGRESS)
    await stage.said(phone, "/alarm")
    await stage.tapped(phone, "Врач в опасности")
    assert (await stage.now(booking)).flags == ["doctor_in_danger"]
    assert "диспетчеры видят тревогу" in phone.notes[-1]
    assert "! Врач в опасности" in phone.texts[-1]


async def test_an_alarm_of_a_stale_card_is_raised_all_the_same(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.ACCEPTED)
    await stage.do(lambda own: touched(own, booking))
    await stage.tapped(phone, "Тревога")
    await stage.tapped(phone, "Реанимация")
    assert (await stage.now(booking)).flags == ["resuscitation"]


async def test_of_several_visits_the_alarm_asks_which(stage: Stage) -> None:
    doctor, phone = await stage.doctor()
    calls = []
    for at in range(2):
        patient = await stage.do(factories.patient)
        calls.append(
            await stage.do(lambda own, at=at, p=patient: later(own, p, doctor, at))
        )
    await stage.said(phone, "/alarm")
    assert "О каком визите речь?" in phone.texts[-1]
    await stage.tapped(phone, calls[0].label)
    assert phone.texts[-1] == f"{calls[0].label}: какая тревога?"
    forged = telegram_buttons.data("flag", calls[0].id, extra="forged")
    phone.press(phone.received[-1]["message_id"], forged)
    await stage.heard()
    assert phone.notes == ["Не найдено."]


async def test_without_visits_there_is_nothing_to_alarm_about(stage: Stage) -> None:
    _, phone = await stage.doctor()
    await stage.said(phone, "/menu")
    await stage.tapped(phone, "Тревога")
    assert phone.texts[-1] == "У вас нет визитов."


async def test_a_visit_that_failed_is_cancelled_in_two_steps(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.EN_ROUTE)
    await stage.tapped(phone, "Отменить вызов")
    assert "Дубликат" not in phone.buttons()
    await stage.tapped(phone, "Пациента нет на месте")
    assert (await stage.now(booking)).status is Status.EN_ROUTE
    await stage.tapped(phone, "Да, отменить вызов")
    done = await stage.now(booking)
    assert (done.status, done.cancel_reason_code) == (
        Status.CANCELLED,
        "patient_absent",
    )
    assert phone.texts[-1] == f"{booking.label}: вызов отменён."


async def test_cancelling_can_be_thought_over(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.EN_ROUTE)
    await stage.tapped(phone, "Отменить вызов")
    await stage.tapped(phone, "Пациента нет на месте")
    await stage.tapped(phone, "Нет")
    assert "Выехать" not in phone.buttons()
    assert "Отменить вызов" in phone.buttons()
    assert (await stage.now(booking)).status is Status.EN_ROUTE


async def test_a_stale_button_tells_what_happened_since_and_redraws(
    stage: Stage,
) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED)
    await stage.do(lambda own: touched(own, booking))
    before = await stage.row(booking)
    await stage.tapped(phone, "Принять")
    assert "Вызов уже изменился" in phone.notes[0]
    assert "назад" in phone.notes[0]
    assert await stage.row(booking) == before
    # The redrawn card carries the version of now.
    await stage.tapped(phone, "Принять")
    assert (await stage.now(booking)).status is Status.ACCEPTED


async def test_a_button_of_a_lost_visit_finds_nothing_and_empties_the_card(
    stage: Stage,
) -> None:
    phone, booking = await visit_in(stage, Status.ACCEPTED)
    assert "Тверская" in phone.texts[-1]
    await lose(stage, booking)
    await stage.tapped(phone, "Выехать")
    assert phone.notes == ["Не найдено."]
    assert (phone.texts[-1], phone.buttons()) == ("Не найдено.", [])


@pytest.mark.parametrize(
    "word",
    ["accept", "decline", "depart", "start", "complete", "cancel", "flag", "chat", "card",
     "why", "cut", "surely", "pay"],
)  # fmt: skip
async def test_another_doctors_visit_is_not_found(stage: Stage, word: str) -> None:
    """A14: whatever a forged button says, the database is asked whose visit it is."""
    _, phone = await stage.doctor()
    other, _ = await stage.doctor(303)
    patient = await stage.do(factories.patient)
    await stage.content(patient)
    booking = await stage.call(patient, other)
    await stage.said(phone, "/menu")
    extra = {"why": "far", "cut": "other", "surely": "other", "flag": "resuscitation"}
    before = await stage.row(booking)
    forged = telegram_buttons.data(
        word, booking.id, booking.version, extra.get(word, "")
    )
    phone.press(phone.received[-1]["message_id"], forged)
    await stage.heard()
    assert phone.notes[-1] in {"Не найдено.", "Вам это не разрешено."}
    assert all(booking.label not in each for each in phone.texts)
    assert await stage.row(booking) == before


async def test_where_content_may_not_go_a_card_names_number_district_and_time(
    stage: Stage,
) -> None:
    phone, booking = await visit_in(stage, Status.ACCEPTED, content=False)
    lines = phone.texts[-1].splitlines()
    assert [each.partition(":")[0] for each in lines[1:]] in (
        ["Время"],
        ["Время", "Район"],
    )
    await stage.tapped(phone, "На месте")
    await stage.tapped(phone, "Завершить")
    opened = phone.received[-1]
    key = opened["reply_markup"]["inline_keyboard"][0][0]
    assert "/t/" in key["url"]
    assert await dialogs(stage) == []
    await stage.said(phone, "/visits")
    await stage.tapped(phone, booking.label)
    await stage.tapped(phone, "Чат")
    assert "/t/" in phone.received[-1]["reply_markup"]["inline_keyboard"][0][0]["url"]


async def test_where_content_may_not_go_only_ready_reasons_decline(
    stage: Stage,
) -> None:
    phone, booking = await visit_in(stage, Status.ASSIGNED, content=False)
    await stage.tapped(phone, "Отказаться")
    assert await dialogs(stage) == []
    await stage.tapped(phone, "Не успеваю")
    assert (await stage.now(booking)).status is Status.PENDING


async def test_a_position_of_the_past_hides_no_fresher_one(stage: Stage) -> None:
    _, phone = await stage.doctor()
    phone.locate(55.5, 37.5)
    await stage.heard()
    assert phone.texts[-1] == "Ваше местоположение записано."
    moments = await stage.do(stamps)
    assert moments[1] - moments[0] == pytest.approx(60, abs=1)


async def test_the_bot_speaks_the_persons_language(stage: Stage) -> None:
    _, phone = await stage.doctor(locale="en")
    await stage.said(phone, "/visits")
    assert phone.texts[-1] == "You have no visits."
