"""Completing a visit by answering: every step survives a restart, none is taken twice."""

import pytest
from sqlmodel import select

from api.telegram import bot as making
from api.telegram.polling import Poll
from models import Booking, TelegramDialog
from models.booking import Status
from models.booking_words import CancelReason
from services import bookings, telegram_buttons, visits
from services.config import get_settings
from tests import factories
from tests.api.telegram.stage import Stage
from tests.api.telegram.visiting import dialogs, lose, touched, visit_in
from tests.telegram_server import Phone


async def asked(stage: Stage) -> tuple[Phone, Booking]:
    phone, booking = await visit_in(stage, Status.IN_PROGRESS)
    await stage.do(factories.extra_item)
    await stage.tapped(phone, "Завершить")
    return phone, booking


async def test_a_restart_in_the_middle_loses_no_step(stage: Stage) -> None:
    phone, booking = await asked(stage)
    for act in (
        lambda: stage.said(phone, "35"),
        lambda: stage.said(phone, "Ангина"),
        lambda: stage.tapped(phone, "Продолжить"),
        lambda: stage.tapped(phone, "Да, завершить"),
    ):
        # Another process goes on where the last one was.
        await stage.poll.bot.session.close()
        bot = making.make_bot(get_settings())
        stage.poll = Poll(bot, making.make_dispatcher(stage.sessions))
        await act()
    await stage.poll.bot.session.close()
    done = await stage.now(booking)
    assert (done.status, done.conclusion) == (Status.COMPLETED, "Ангина")


@pytest.mark.parametrize("wrong", ["0", "1441", "час", "٣٠", "-5", "9" * 40, "1.5"])
async def test_minutes_have_to_be_minutes(stage: Stage, wrong: str) -> None:
    phone, _ = await asked(stage)
    await stage.said(phone, wrong)
    assert phone.texts[-1] == "Напишите число минут от 1 до 1440."
    assert await dialogs(stage) == [("complete", "minutes")]


async def test_a_foul_conclusion_is_asked_for_again(stage: Stage) -> None:
    phone, _ = await asked(stage)
    await stage.said(phone, "20")
    await stage.said(phone, "a\u202eb")
    assert phone.texts[-1] == "Напишите заключение словами."
    assert await dialogs(stage) == [("complete", "conclusion")]


async def test_items_are_counted_up_and_down_and_looked_at_again(stage: Stage) -> None:
    phone, booking = await asked(stage)
    await stage.said(phone, "20")
    await stage.said(phone, "ОРЗ")
    await stage.tapped(phone, "ЭКГ")
    await stage.tapped(phone, "ЭКГ × 1")
    await stage.tapped(phone, "−")
    await stage.tapped(phone, "Продолжить")
    assert "ЭКГ × 1" in phone.texts[-1]
    await stage.tapped(phone, "Назад")
    await stage.tapped(phone, "−")
    assert phone.buttons() == ["ЭКГ", "Продолжить", "Назад"]
    await stage.tapped(phone, "Продолжить")
    await stage.tapped(phone, "Да, завершить")
    assert (await stage.now(booking)).extras_kopecks == 0


async def test_an_item_that_left_the_price_list_is_taken_out(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.IN_PROGRESS)
    item = await stage.do(factories.extra_item)
    await stage.tapped(phone, "Завершить")
    await stage.said(phone, "20")
    await stage.said(phone, "ОРЗ")
    await stage.tapped(phone, "ЭКГ")
    await stage.tapped(phone, "Продолжить")

    async def gone(own) -> None:  # type: ignore[no-untyped-def]
        (await own.get_one(type(item), item.id)).active = False

    await stage.do(gone)
    await stage.tapped(phone, "Да, завершить")
    assert phone.notes[-1] == "Такой строки в прейскуранте нет."
    assert (await stage.now(booking)).status is Status.IN_PROGRESS
    # The refused tap has drawn the card there; the dialogue is where it was.
    assert await dialogs(stage) == [("complete", "confirm")]
    back = telegram_buttons.data("back", booking.id)
    phone.press(phone.received[-1]["message_id"], back)
    await stage.heard()
    await stage.tapped(phone, "Продолжить")
    await stage.tapped(phone, "Да, завершить")
    assert (await stage.now(booking)).status is Status.COMPLETED


async def test_what_changed_meanwhile_is_told_and_nothing_typed_is_lost(
    stage: Stage,
) -> None:
    phone, booking = await asked(stage)
    await stage.said(phone, "20")
    await stage.said(phone, "ОРЗ")
    await stage.tapped(phone, "Продолжить")
    await stage.do(lambda own: touched(own, booking))
    await stage.tapped(phone, "Да, завершить")
    assert "Вызов уже изменился" in phone.texts[-1]
    assert "ОРЗ" in phone.texts[-1]
    assert (await stage.now(booking)).status is Status.IN_PROGRESS
    await stage.tapped(phone, "Да, завершить")
    assert (await stage.now(booking)).status is Status.COMPLETED


async def test_a_stale_card_begins_no_dialogue(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.IN_PROGRESS)
    await stage.do(lambda own: touched(own, booking))
    await stage.tapped(phone, "Завершить")
    assert "Вызов уже изменился" in phone.notes[-1]
    assert await dialogs(stage) == []
    await stage.tapped(phone, "Завершить")
    assert await dialogs(stage) == [("complete", "minutes")]


async def test_a_visit_that_has_not_begun_is_not_completed(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.ACCEPTED)
    forged = telegram_buttons.data("complete", booking.id, booking.version)
    phone.press(phone.received[-1]["message_id"], forged)
    await stage.heard()
    assert await dialogs(stage) == []
    assert phone.notes


async def test_a_visit_that_was_cancelled_ends_the_dialogue(stage: Stage) -> None:
    phone, booking = await asked(stage)

    async def cancel(own) -> None:  # type: ignore[no-untyped-def]
        staff = factories.as_staff(await factories.dispatcher(own))
        await bookings.cancel(own, staff, booking.id, CancelReason.OTHER)

    await stage.do(cancel)
    await stage.said(phone, "20")
    assert phone.texts[-1] == "Этот визит завершён или больше не ваш."
    assert await dialogs(stage) == []


async def test_a_visit_that_was_completed_elsewhere_ends_the_dialogue(
    stage: Stage,
) -> None:
    phone, booking = await asked(stage)

    async def complete(own) -> None:  # type: ignore[no-untyped-def]
        staff = factories.as_staff(await factories.dispatcher(own))
        await visits.complete(own, staff, booking.id, 10, "Со слов врача")

    await stage.do(complete)
    await stage.said(phone, "20")
    assert phone.texts[-1] == "Этот визит завершён или больше не ваш."
    assert await dialogs(stage) == []


async def test_cancel_leaves_the_dialogue(stage: Stage) -> None:
    phone, _ = await asked(stage)
    await stage.said(phone, "/cancel")
    assert (phone.texts[-1], await dialogs(stage)) == ("Вопрос снят.", [])
    await stage.said(phone, "/cancel")
    assert phone.texts[-1] == "Бот ни о чём не спрашивал."


async def test_answers_to_no_question_change_nothing(stage: Stage) -> None:
    phone, booking = await asked(stage)
    message = phone.received[-1]["message_id"]
    item = await stage.do(factories.extra_item)
    for word, extra in (
        ("yes", ""),
        ("add", item.id.hex),
        ("take", "no-id"),
        ("goon", ""),
        ("back", ""),
    ):
        phone.press(message, telegram_buttons.data(word, booking.id, extra=extra))
        await stage.heard()
        assert phone.notes[-1] == "Сейчас бот спрашивал о другом."
    # Of another visit, and after the end of the dialogue.
    phone.press(message, telegram_buttons.data("min", factories.nobody(), extra="20"))
    await stage.heard()
    assert phone.notes[-1] == "Сейчас бот спрашивал о другом."
    await stage.said(phone, "/cancel")
    phone.press(message, telegram_buttons.data("min", booking.id, extra="20"))
    await stage.heard()
    assert phone.notes[-1] == "Сейчас бот спрашивал о другом."
    assert await stage.row(booking)


async def test_a_forged_item_is_none_of_the_price_list(stage: Stage) -> None:
    phone, booking = await asked(stage)
    await stage.said(phone, "20")
    await stage.said(phone, "ОРЗ")
    for extra in ("no-id", factories.nobody().hex):
        forged = telegram_buttons.data("add", booking.id, extra=extra)
        phone.press(phone.received[-1]["message_id"], forged)
        await stage.heard()
        rows = await stage.do(lambda own: own.exec(select(TelegramDialog)))
        assert rows.one().data["items"] == {}


async def test_words_where_a_button_is_asked_for_change_nothing(stage: Stage) -> None:
    phone, _ = await asked(stage)
    await stage.said(phone, "20")
    await stage.said(phone, "ОРЗ")
    await stage.said(phone, "Ещё слова")
    assert phone.texts[-1] == "Сейчас бот спрашивал о другом."


async def test_a_lost_visit_leaves_no_question_behind(stage: Stage) -> None:
    doctor, phone = await stage.doctor()
    patient = await stage.do(factories.patient)
    await stage.content(patient)
    booking = await stage.call(patient, doctor, Status.ACCEPTED)
    await lose(stage, booking)
    await stage.said(phone, "Здравствуйте")
    assert "У вас нет открытых вызовов." in phone.texts
