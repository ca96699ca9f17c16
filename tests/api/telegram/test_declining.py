"""Declining in one's own words: only right after the button, and only with a yes."""

import pytest
from sqlalchemy import text as sql
from sqlmodel import col, select

from models import Assignment, Booking, User
from models.booking import Status
from models.role_grant import Role
from services import telegram_cleanup
from tests.api.telegram.stage import Stage
from tests.api.telegram.visiting import (
    dialogs,
    history,
    lose,
    said_in,
    touched,
    visit_in,
    write,
)
from tests.telegram_server import Phone

LATE = "Прошло слишком много времени, ничего не сделано. Начните заново."


async def asked(
    stage: Stage, status: Status = Status.ACCEPTED
) -> tuple[Phone, Booking, int]:
    """A doctor who is asked for a reason, and the number of the question."""
    phone, booking = await visit_in(stage, status)
    await stage.tapped(phone, "Отказаться")
    await stage.tapped(phone, "Своя причина…")
    assert await dialogs(stage) == [("decline", "reason")]
    return phone, booking, phone.received[-1]["message_id"]


async def aged(stage: Stage, minutes: int) -> None:
    """Let so much time pass since the bot has asked."""

    async def work(own) -> None:  # type: ignore[no-untyped-def]
        await own.execute(sql("SET LOCAL session_replication_role = replica"))
        told = f"UPDATE telegram_dialog SET updated_at = updated_at - interval '{minutes} minutes'"
        await own.execute(sql(told))

    await stage.do(work)


async def hears(stage: Stage, booking: Booking, text: str) -> None:
    patient = await stage.do(lambda own: own.get_one(User, booking.patient_id))
    await write(stage, patient, Role.PATIENT, booking, text)
    await stage.delivered()


async def test_an_own_reason_declines_after_a_yes(stage: Stage) -> None:
    phone, booking, _ = await asked(stage)
    await stage.said(phone, "Заболел ребёнок")
    assert (await stage.now(booking)).status is Status.ACCEPTED
    assert phone.buttons() == ["Да, отказаться", "Назад"]
    await stage.tapped(phone, "Да, отказаться")
    rows = await stage.do(lambda own: history(own, booking))
    assert (rows[-1].event, rows[-1].comment) == ("decline", "Заболел ребёнок")
    assert await dialogs(stage) == []


async def test_a_text_after_the_question_alone_is_no_reason(stage: Stage) -> None:
    phone, booking = await visit_in(stage, Status.ACCEPTED)
    await stage.tapped(phone, "Отказаться")
    await stage.said(phone, "Еду")
    assert (await stage.now(booking)).status is Status.ACCEPTED
    assert [each.text for each in await said_in(stage, booking)] == ["Еду"]


async def test_an_answer_in_the_chat_is_no_reason(stage: Stage) -> None:
    phone, booking, _ = await asked(stage)
    await hears(stage, booking, "Код домофона?")
    await stage.said(phone, "45К")
    assert "Отказ не оформлен." in phone.texts
    assert "О каком вызове речь?" in phone.texts[-1]
    assert (await stage.now(booking)).status is Status.ACCEPTED
    await stage.tapped(phone, booking.label)
    assert (await said_in(stage, booking))[-1].text == "45К"


async def test_a_reply_to_the_question_is_a_reason_whatever_came_since(
    stage: Stage,
) -> None:
    phone, booking, question = await asked(stage)
    await hears(stage, booking, "Где вы?")
    phone.say("Сломалась машина", reply_to=question)
    await stage.heard()
    await stage.tapped(phone, "Да, отказаться")
    assert (await stage.now(booking)).status is Status.PENDING


async def test_a_reply_to_a_message_ends_the_question(stage: Stage) -> None:
    phone, booking, _ = await asked(stage)
    await hears(stage, booking, "Где вы?")
    phone.say("Близко", reply_to=phone.received[-1]["message_id"])
    await stage.heard()
    assert await dialogs(stage) == []
    assert (await said_in(stage, booking))[-1].text == "Близко"
    assert phone.texts[-1] == f"→ {booking.label}"


@pytest.mark.parametrize("other", ["Принять", "/visits"])
async def test_whatever_else_is_done_ends_the_question(
    stage: Stage, other: str
) -> None:
    phone, booking, _ = await asked(stage, Status.ASSIGNED)
    if other == "Принять":
        phone.press(phone.received[-1]["message_id"], "visits:::")
        await stage.heard()
    else:
        await stage.said(phone, other)
    assert await dialogs(stage) == []
    await stage.said(phone, "Буду к шести")
    assert (await stage.now(booking)).status is Status.ASSIGNED
    assert [each.text for each in await said_in(stage, booking)] == ["Буду к шести"]


async def test_back_leads_to_the_card(stage: Stage) -> None:
    phone, booking, _ = await asked(stage)
    await stage.tapped(phone, "Назад")
    assert await dialogs(stage) == []
    assert "Отказаться" in phone.buttons()
    assert booking.label in phone.texts[-1]


async def test_a_reason_that_comes_late_declines_nothing(stage: Stage) -> None:
    phone, booking, _ = await asked(stage)
    await aged(stage, 10)
    await stage.said(phone, "Заболел")
    assert phone.texts[-1] == LATE
    assert await dialogs(stage) == []
    assert (await stage.now(booking)).status is Status.ACCEPTED
    assert await said_in(stage, booking) == []


async def test_a_yes_that_comes_late_declines_nothing(stage: Stage) -> None:
    phone, booking, _ = await asked(stage)
    await stage.said(phone, "Заболел")
    await aged(stage, 10)
    await stage.tapped(phone, "Да, отказаться")
    assert phone.notes[-1] == LATE
    assert (await stage.now(booking)).status is Status.ACCEPTED


async def test_words_instead_of_a_yes_decline_nothing(stage: Stage) -> None:
    phone, booking, _ = await asked(stage)
    await stage.said(phone, "Заболел")
    await stage.said(phone, "Хотя нет")
    assert await dialogs(stage) == [("chat", "which")]
    assert (await stage.now(booking)).status is Status.ACCEPTED


async def test_a_reason_that_is_too_long_or_foul_is_refused(stage: Stage) -> None:
    phone, booking, _ = await asked(stage, Status.ASSIGNED)
    for reason in ("x" * 1001, "a\u202eb"):
        await stage.said(phone, reason)
        assert phone.texts[-1] == "Это поле нужно заполнить"
    phone.photo()
    await stage.heard()
    assert phone.texts[-1] == "Это поле нужно заполнить"
    assert (await stage.now(booking)).status is Status.ASSIGNED


async def test_the_reason_of_a_lost_visit_finds_nothing(stage: Stage) -> None:
    phone, booking, _ = await asked(stage, Status.ASSIGNED)
    await stage.said(phone, "Заболел")
    await lose(stage, booking)
    await stage.tapped(phone, "Да, отказаться")
    assert phone.notes[-1] == "Не найдено."


async def test_after_news_of_a_lost_visit_nothing_is_left_to_choose(
    stage: Stage,
) -> None:
    phone, booking, _ = await asked(stage, Status.ASSIGNED)
    await hears(stage, booking, "Где вы?")
    await lose(stage, booking)
    await stage.said(phone, "Заболел")
    assert phone.texts[-1] == "Отказ не оформлен."
    assert await dialogs(stage) == []


async def test_the_yes_to_a_card_that_has_changed_declines_nothing(
    stage: Stage,
) -> None:
    phone, booking, _ = await asked(stage, Status.ASSIGNED)
    await stage.said(phone, "Заболел")
    await stage.do(lambda own: touched(own, booking))
    await stage.tapped(phone, "Да, отказаться")
    assert "Вызов уже изменился" in phone.notes[-1]
    assert (await stage.now(booking)).status is Status.ASSIGNED


async def test_the_text_steps_of_a_completion_run_out_too(stage: Stage) -> None:
    phone, _booking = await visit_in(stage, Status.IN_PROGRESS)
    await stage.tapped(phone, "Завершить")
    await aged(stage, 10)
    await stage.said(phone, "40")
    assert phone.texts[-2] == "Прошло слишком много времени, ответ не принят."
    assert await dialogs(stage) == [("complete", "minutes")]
    await stage.said(phone, "40")
    assert await dialogs(stage) == [("complete", "conclusion")]
    await stage.tapped(phone, "Назад")
    assert await dialogs(stage) == [("complete", "minutes")]
    await stage.tapped(phone, "Назад")
    assert await dialogs(stage) == []
    assert "Завершить" in phone.buttons()


async def test_what_the_bot_has_shown_of_a_lost_visit_goes_from_the_chat(
    stage: Stage,
) -> None:
    phone, booking = await visit_in(stage, Status.ACCEPTED)
    doctor_id = await stage.do(lambda own: doctor_of(own, booking))
    await stage.said(phone, "/visits")
    await stage.tapped(phone, booking.label)
    assert sum("Тверская" in each for each in phone.texts) == 2
    await telegram_cleanup.clean_buttons(stage.sessions, doctor_id, booking.id)
    cards = [each for each in phone.received if "Тверская" in each["text"]]
    assert [bool(phone.buttons(each)) for each in cards] == [False, True]
    await stage.tapped(phone, "Отказаться")
    await stage.tapped(phone, "Слишком далеко")
    await telegram_cleanup.clean_visit(stage.sessions, booking.id, doctor_id)
    assert all("Тверская" not in each for each in phone.texts)
    assert phone.texts[-1] == f"{booking.label}: вы отказались."


async def doctor_of(own, booking: Booking):  # type: ignore[no-untyped-def]
    query = select(Assignment.doctor_id).where(col(Assignment.booking_id) == booking.id)
    return (await own.exec(query)).one()
