"""A patient in Telegram: what happens to the call, how long it takes, paying, cancelling."""

from collections.abc import Iterator

import pytest

from models.booking import Status
from services import visits
from services.config import get_settings
from services.telegram_buttons import data
from tests import factories
from tests.api.telegram.stage import Stage
from tests.paying import paid_through
from tests.yookassa_server import YooKassa

POST = {"method": "POST", "path_re": "/payments$"}


@pytest.fixture
def till(stage: Stage, provider: YooKassa) -> Iterator[YooKassa]:
    with paid_through(provider, get_settings()):
        yield provider


async def test_the_card_follows_the_call(stage: Stage) -> None:
    doctor = await stage.do(factories.doctor)
    patient, phone = await stage.patient()
    await stage.content(patient)
    booking = await stage.call(patient, doctor)
    await stage.delivered()
    assert any(doctor.short_name in each for each in phone.texts)
    actor = factories.as_doctor(doctor)
    await stage.do(lambda own: visits.accept(own, actor, booking.id))
    await stage.do(lambda own: visits.depart(own, actor, booking.id))
    await stage.delivered()
    assert "в пути, около" in phone.texts[-1]
    assert phone.texts[-1].count("мин") == 1
    assert phone.buttons() == ["Чат", "Отменить вызов"]
    await stage.do(lambda own: visits.start(own, actor, booking.id))
    await stage.do(lambda own: visits.complete(own, actor, booking.id, 20, "ОРВИ"))
    await stage.delivered()
    assert phone.buttons() == ["Чат"]
    assert all("ОРВИ" not in each for each in phone.texts)


async def test_without_a_position_nobody_guesses_the_minutes(stage: Stage) -> None:
    doctor = await stage.do(lambda own: factories.doctor(own, point=None))
    patient, phone = await stage.patient()
    booking = await stage.call(patient, doctor, Status.EN_ROUTE)
    await stage.said(phone, "/calls")
    await stage.tapped(phone, booking.label)
    assert "примерно" not in phone.texts[-1]
    assert doctor.last_name not in phone.texts[-1]


async def test_a_call_is_cancelled_in_two_steps(stage: Stage) -> None:
    patient, phone = await stage.patient()
    booking = await stage.call(patient)
    await stage.said(phone, "/menu")
    await stage.tapped(phone, "Мои вызовы")
    await stage.tapped(phone, booking.label)
    await stage.tapped(phone, "Отменить вызов")
    assert "Врач недоступен" not in phone.buttons()
    await stage.tapped(phone, "Другая причина")
    assert (await stage.now(booking)).status is Status.PENDING
    await stage.tapped(phone, "Да, отменить вызов")
    assert (await stage.now(booking)).status is Status.CANCELLED
    await stage.said(phone, "/calls")
    assert phone.texts[-1] == "У вас нет открытых вызовов."


async def test_a_reason_that_is_not_the_patients_to_give(stage: Stage) -> None:
    patient, phone = await stage.patient()
    booking = await stage.call(patient)
    await stage.said(phone, "/menu")
    message = phone.received[-1]["message_id"]
    for reason in ("clinic_fault", "forged"):
        phone.press(message, data("surely", booking.id, booking.version, reason))
        await stage.heard()
    assert phone.notes == ["Эту причину указать нельзя", "Не найдено."]
    assert (await stage.now(booking)).status is Status.PENDING


async def test_another_patients_call_is_not_found(stage: Stage) -> None:
    _, phone = await stage.patient(202)
    other = await stage.do(factories.patient)
    booking = await stage.call(other)
    await stage.said(phone, "/menu")
    message = phone.received[-1]["message_id"]
    before = await stage.row(booking)
    for word, extra in (("card", ""), ("pay", ""), ("cancel", ""), ("cut", "other"),
                        ("surely", "other"), ("chat", "")):  # fmt: skip
        phone.press(message, data(word, booking.id, booking.version, extra))
        await stage.heard()
    assert set(phone.notes) == {"Не найдено."}
    assert all(booking.label not in each for each in phone.texts)
    assert await stage.row(booking) == before


async def test_what_is_owed_is_paid_on_the_providers_page(
    stage: Stage, till: YooKassa
) -> None:
    patient, phone = await stage.patient()
    booking = await stage.call(patient)
    await stage.said(phone, "/calls")
    await stage.tapped(phone, booking.label)
    assert "Оплатить" in phone.buttons()
    await stage.tapped(phone, "Оплатить")
    key = phone.received[-1]["reply_markup"]["inline_keyboard"][0][0]
    assert key["url"].startswith("http")
    assert "К оплате" in phone.texts[-1]
    # A second press finds the open attempt.
    card = phone.received[-2]["message_id"]
    phone.tap("Оплатить", card)
    await stage.heard()
    again = phone.received[-1]["reply_markup"]["inline_keyboard"][0][0]
    assert again["url"] == key["url"]


async def test_a_provider_that_is_silent_is_asked_again_later(
    stage: Stage, till: YooKassa
) -> None:
    patient, phone = await stage.patient()
    booking = await stage.call(patient)
    till.faults("500_before", match=POST)
    await stage.said(phone, "/calls")
    await stage.tapped(phone, booking.label)
    await stage.tapped(phone, "Оплатить")
    assert "Платёж готовится" in phone.texts[-1]


async def test_without_a_provider_there_is_no_button_and_a_forged_one_is_refused(
    stage: Stage,
) -> None:
    patient, phone = await stage.patient()
    booking = await stage.call(patient)
    await stage.said(phone, "/calls")
    await stage.tapped(phone, booking.label)
    assert "Оплатить" not in phone.buttons()
    message = phone.received[-1]["message_id"]
    phone.press(message, data("pay", booking.id, booking.version))
    await stage.heard()
    assert phone.notes
