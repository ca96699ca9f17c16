"""Messages both ways between a call's conversation and the phones."""

from datetime import timedelta

import pytest
from sqlalchemy import text as sql
from sqlmodel import col, select

from models import Notification
from models.booking import Status
from models.booking_words import CancelReason
from models.notification import NotificationStatus
from models.role_grant import Role
from services import bookings, chat, clock
from tests import factories
from tests.api.telegram.stage import Stage
from tests.api.telegram.visiting import (
    dialogs,
    later,
    lose,
    pair,
    said_in,
    write,
)


async def test_a_conversation_between_two_phones(stage: Stage) -> None:
    booking, _, doctors, patient, patients = await pair(stage)
    await stage.said(patients, "Код домофона 45К")
    assert "Код" in (await said_in(stage, booking))[0].text  # type: ignore[operator]
    await stage.delivered()
    assert doctors.texts[-1] == (
        f"{booking.label} · {patient.full_name}:\nКод домофона 45К"
    )
    await stage.tapped(doctors, "Ответить")
    await stage.said(doctors, "Буду через десять минут")
    await stage.delivered()
    assert patients.texts[-1].endswith("Буду через десять минут")
    messages = await said_in(stage, booking)
    assert [(each.sender_role, each.via) for each in messages] == [
        ("patient", "bot"),
        ("doctor", "bot"),
    ]
    # Nobody hears their own words again.
    assert patients.texts.count(patients.texts[-1]) == 1


async def test_a_picture_goes_both_ways_and_is_cleaned(stage: Stage) -> None:
    booking, _, doctors, _, patients = await pair(stage)
    patients.photo(caption="Сыпь на руке")
    await stage.heard()
    (message,) = await said_in(stage, booking)
    assert (message.media_type, message.text) == ("image/jpeg", "Сыпь на руке")
    await stage.delivered()
    shown = doctors.received[-1]
    assert shown["photo"]
    assert "Сыпь на руке" in shown["caption"]


async def test_one_message_that_comes_twice_is_said_once(stage: Stage) -> None:
    booking, _, _, _, patients = await pair(stage)
    stage.telegram.duplicate_updates()
    await stage.said(patients, "Ждём")
    patients.photo()
    await stage.heard()
    assert len(await said_in(stage, booking)) == 2


async def test_a_reply_goes_to_the_call_of_what_it_answers(stage: Stage) -> None:
    doctor, phone = await stage.doctor()
    one, two = [await stage.do(factories.patient) for _ in range(2)]
    await stage.content(one, two)
    calls = [
        await stage.do(lambda own, p=p, at=at: later(own, p, doctor, at))
        for at, p in enumerate((one, two))
    ]
    await write(stage, one, Role.PATIENT, calls[0], "Первый")
    await write(stage, two, Role.PATIENT, calls[1], "Второй")
    await stage.delivered()
    first = phone.wait_for("Первый")
    phone._do("say", text="Ответ первому", reply_to=first["message_id"])
    await stage.heard()
    assert [each.text for each in await said_in(stage, calls[0])] == [
        "Первый",
        "Ответ первому",
    ]
    # A reply to anything else is a message like others: of several calls one is chosen.
    phone._do("say", text="Куда?", reply_to=phone.received[0]["message_id"])
    await stage.heard()
    assert "О каком вызове речь?" in phone.texts[-1]
    await stage.tapped(phone, calls[1].label)
    await stage.said(phone, "Второму")
    assert (await said_in(stage, calls[1]))[-1].text == "Второму"


async def test_the_only_open_call_is_meant_and_stays_chosen(stage: Stage) -> None:
    booking, _, _, _, patients = await pair(stage)
    await stage.said(patients, "Раз")
    assert booking.label in patients.texts[-1]
    assert await dialogs(stage) == [("chat", "open")]
    before = len(patients.texts)
    await stage.said(patients, "Два")
    assert len(patients.texts) == before
    await stage.said(patients, "/cancel")
    assert await dialogs(stage) == [("chat", "left")]


async def test_without_an_open_call_the_menu_is_shown(stage: Stage) -> None:
    _, phone = await stage.patient()
    await stage.said(phone, "Алло")
    assert phone.texts[-2:] == ["У вас нет открытых вызовов.", "Что вы хотите сделать?"]


async def test_where_content_may_not_go_nothing_is_relayed_and_a_link_is_given(
    stage: Stage,
) -> None:
    booking, doctor, _, _, patients = await pair(stage, content=False)
    await write(stage, doctor, Role.DOCTOR, booking, "Диагноз: ангина")
    await stage.delivered()
    assert all("ангина" not in each for each in patients.texts)
    await stage.said(patients, "У меня ВИЧ")
    assert (
        "/t/" in patients.received[-1]["reply_markup"]["inline_keyboard"][0][0]["url"]
    )
    assert [each.text for each in await said_in(stage, booking)] == ["Диагноз: ангина"]
    assert await dialogs(stage) == []


async def test_turning_the_content_off_holds_what_waits_back(stage: Stage) -> None:
    booking, doctor, _, _, patients = await pair(stage)
    await write(stage, doctor, Role.DOCTOR, booking, "Диагноз: ангина")
    await stage.content(on=False)
    await stage.delivered()
    assert all("ангина" not in each for each in patients.texts)


async def test_a_doctor_who_lost_the_call_hears_and_says_nothing_more(
    stage: Stage,
) -> None:
    booking, _, doctors, patient, _ = await pair(stage)
    await stage.delivered()
    await stage.said(doctors, "/visits")
    await stage.tapped(doctors, booking.label)
    await stage.tapped(doctors, "Чат")
    await write(stage, patient, Role.PATIENT, booking, "Секрет")
    await lose(stage, booking)
    await stage.delivered()
    assert all("Секрет" not in each for each in doctors.texts)
    dropped = select(Notification).where(col(Notification.kind) == "chat_message")
    rows = await stage.do(lambda own: own.exec(dropped))
    assert {each.status for each in rows} == {NotificationStatus.DROPPED}
    await stage.said(doctors, "Ещё тут?")
    assert "У вас нет открытых вызовов." in doctors.texts
    assert await dialogs(stage) == []
    assert len(await said_in(stage, booking)) == 1


async def test_before_accepting_the_doctor_reads_no_name(stage: Stage) -> None:
    booking, _, doctors, patient, _ = await pair(stage, Status.ASSIGNED)
    await write(stage, patient, Role.PATIENT, booking, "Когда вы будете?")
    await stage.delivered()
    assert doctors.texts[-1] == f"{booking.label} · Пациент:\nКогда вы будете?"


async def test_a_hidden_message_does_not_go_out(stage: Stage) -> None:
    booking, _, doctors, patient, _ = await pair(stage)
    await write(stage, patient, Role.PATIENT, booking, "Ругань")
    (message,) = await said_in(stage, booking)

    async def hide(own) -> None:  # type: ignore[no-untyped-def]
        staff = factories.as_staff(await factories.dispatcher(own))
        await chat.hide(own, staff, message.id, "Брань")

    await stage.do(hide)
    await stage.delivered()
    assert all("Ругань" not in each for each in doctors.texts)


async def test_too_many_messages_are_refused(stage: Stage) -> None:
    booking, _, _, patient, patients = await pair(stage)
    for at in range(chat.MOST):
        await write(stage, patient, Role.PATIENT, booking, str(at))
    await stage.said(patients, "Ещё одно")
    assert "Слишком много" in patients.texts[-1]


async def test_a_closed_conversation_is_chosen_no_more(stage: Stage) -> None:
    booking, _, _, patient, patients = await pair(stage)
    await stage.said(patients, "/calls")
    await stage.tapped(patients, booking.label)
    await stage.tapped(patients, "Чат")
    old = patients.received[-2]

    async def close(own) -> None:  # type: ignore[no-untyped-def]
        actor = factories.as_patient(patient)
        await bookings.cancel(own, actor, booking.id, CancelReason.OTHER)
        now = await clock.now(own)
        await own.execute(sql("SET LOCAL session_replication_role = replica"))
        await own.execute(
            sql("UPDATE booking SET cancelled_at = :at WHERE id = :id"),
            {"at": now - timedelta(days=3), "id": booking.id},
        )

    await stage.do(close)
    await stage.said(patients, "Спасибо")
    assert "У вас нет открытых вызовов." in patients.texts
    assert await dialogs(stage) == []
    patients.tap("Чат", old["message_id"])
    await stage.heard()
    assert patients.notes[-1] == "Этот разговор закрыт."


async def test_a_dialogue_under_way_is_not_left_for_a_chat(stage: Stage) -> None:
    _, _, doctors, _, _ = await pair(stage, Status.IN_PROGRESS)
    await stage.said(doctors, "/visits")
    await stage.tapped(doctors, "B-")
    await stage.tapped(doctors, "Завершить")
    await stage.tapped(doctors, "Чат")
    assert "Сначала ответьте" in doctors.notes[-1]
    assert await dialogs(stage) == [("complete", "minutes")]


@pytest.mark.parametrize("kind", ["voice", "sticker"])
async def test_other_kinds_of_messages_are_not_taken(stage: Stage, kind: str) -> None:
    booking, _, _, _, patients = await pair(stage)
    bodies = {
        "voice": {"file_id": "x", "file_unique_id": "y", "duration": 1},
        "sticker": {"file_id": "x", "file_unique_id": "y", "type": "regular",
                    "width": 1, "height": 1, "is_animated": False, "is_video": False},
    }  # fmt: skip
    stage.telegram.update(
        message={
            "message_id": 9000,
            "date": 1,
            "chat": {"id": 202, "type": "private", "first_name": "И"},
            "from": {"id": 202, "is_bot": False, "first_name": "И"},
            kind: bodies[kind],
        }
    )
    await stage.heard()
    assert "Здесь принимаются только" in patients.texts[-1]
    assert await said_in(stage, booking) == []


async def test_an_edited_message_changes_nothing(stage: Stage) -> None:
    booking, _, _, _, patients = await pair(stage)
    await stage.said(patients, "Было")
    stage.telegram.update(
        edited_message={
            "message_id": 9000,
            "date": 1,
            "edit_date": 2,
            "chat": {"id": 202, "type": "private", "first_name": "И"},
            "from": {"id": 202, "is_bot": False, "first_name": "И"},
            "text": "Стало",
        }
    )
    await stage.heard()
    assert "Сказанное остаётся" in patients.texts[-1]
    assert [each.text for each in await said_in(stage, booking)] == ["Было"]


async def test_a_foul_text_is_refused(stage: Stage) -> None:
    booking, _, _, _, patients = await pair(stage)
    await stage.said(patients, "a\u202eb")
    assert patients.texts[-1] == "Этот текст нельзя принять."
    assert await said_in(stage, booking) == []


async def test_a_command_that_is_none_is_no_message(stage: Stage) -> None:
    booking, _, _, _, patients = await pair(stage)
    for text in ("/visits", "/nothing"):
        await stage.said(patients, text)
        assert patients.texts[-2] == "Такой команды нет."
    assert await said_in(stage, booking) == []
