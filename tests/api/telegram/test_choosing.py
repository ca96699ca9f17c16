"""Which call a text goes to: nothing goes to a call that was not surely meant."""

from models import Booking, User
from models.booking import Status
from models.role_grant import Role
from services import telegram_buttons, visits
from services.telegram_menus import SEND_TO
from tests import factories
from tests.api.telegram.stage import Stage
from tests.api.telegram.test_declining import aged
from tests.api.telegram.visiting import dialogs, later, lose, pair, said_in, write
from tests.telegram_server import Phone


async def two(stage: Stage) -> tuple[Phone, list[Booking], list[User]]:
    """A doctor with two visits, talking in the first one."""
    doctor, phone = await stage.doctor()
    patients = [await stage.do(factories.patient) for _ in range(2)]
    await stage.content(*patients)
    calls = [
        await stage.do(lambda own, p=p, at=at: later(own, p, doctor, at))
        for at, p in enumerate(patients)
    ]
    await stage.said(phone, "/visits")
    await stage.tapped(phone, calls[0].label)
    await stage.tapped(phone, "Чат")
    return phone, calls, patients


async def finished(own, doctor: User, booking: Booking) -> None:  # type: ignore[no-untyped-def]
    actor = factories.as_doctor(doctor)
    await visits.complete(own, actor, booking.id, 30, "ОРВИ")


async def texts_in(stage: Stage, booking: Booking) -> list[str | None]:
    return [each.text for each in await said_in(stage, booking)]


async def test_after_a_message_of_another_call_it_is_asked_which_is_meant(
    stage: Stage,
) -> None:
    phone, calls, patients = await two(stage)
    await stage.said(phone, "Первому")
    await write(stage, patients[1], Role.PATIENT, calls[1], "Какой код?")
    await stage.delivered()
    await stage.said(phone, "45К")
    await stage.said(phone, "Этаж 3")
    assert "О каком вызове речь?" in phone.texts[-1]
    assert await texts_in(stage, calls[0]) == ["Первому"]
    await stage.tapped(phone, calls[1].label)
    assert await texts_in(stage, calls[0]) == ["Первому"]
    assert await texts_in(stage, calls[1]) == ["Какой код?", "45К", "Этаж 3"]
    assert calls[1].label in phone.texts[-1]
    await stage.said(phone, "И квартира 7")
    assert (await texts_in(stage, calls[1]))[-1] == "И квартира 7"


async def test_each_text_is_acknowledged_with_its_call(stage: Stage) -> None:
    phone, calls, patients = await two(stage)
    before = len(phone.texts)
    for at in range(4):
        await stage.said(phone, str(at))
    assert len(phone.texts) == before
    await stage.said(phone, "4")
    assert phone.texts[-1] == f"→ {calls[0].label}"
    await write(stage, patients[1], Role.PATIENT, calls[1], "Какой код?")
    await stage.delivered()
    phone.say("45К", reply_to=phone.received[-1]["message_id"])
    await stage.heard()
    assert phone.texts[-1] == f"→ {calls[1].label}"


async def test_a_choice_runs_out_after_half_an_hour(stage: Stage) -> None:
    booking, _, _, _, patients = await pair(stage)
    await stage.said(patients, "Раз")
    await aged(stage, 30)
    await stage.said(patients, "Два")
    assert "О каком вызове речь?" in patients.texts[-1]
    assert await texts_in(stage, booking) == ["Раз"]


async def test_a_choice_ends_with_its_call(stage: Stage) -> None:
    booking, doctor, _doctors, _patient, patients = await pair(
        stage, Status.IN_PROGRESS
    )
    await stage.said(patients, "Раз")
    await stage.do(lambda own: finished(own, doctor, booking))
    await stage.said(patients, "Спасибо")
    assert await texts_in(stage, booking) == ["Раз"]
    # The conversation goes on for a while, where it is chosen anew.
    await stage.tapped(patients, booking.label)
    await stage.said(patients, "И вам")
    assert await texts_in(stage, booking) == ["Раз", "Спасибо", "И вам"]


async def test_a_choice_ends_with_a_lost_visit(stage: Stage) -> None:
    phone, calls, _ = await two(stage)
    await lose(stage, calls[0])
    await stage.said(phone, "Уже еду")
    assert "О каком вызове речь?" in phone.texts[-1]
    assert phone.buttons() == [
        each for each in phone.buttons() if not each.startswith(calls[0].label)
    ]
    assert await texts_in(stage, calls[1]) == []
    await stage.tapped(phone, "Назад")
    assert phone.texts[-1] == "Ничего не отправлено."
    assert await texts_in(stage, calls[1]) == []


async def test_an_answer_to_a_visit_that_is_over_goes_to_no_other(
    stage: Stage,
) -> None:
    booking, doctor, doctors, patient, _ = await pair(stage, Status.IN_PROGRESS)
    other = await stage.do(factories.patient)
    await stage.content(other)
    following = await stage.do(lambda own: later(own, other, doctor, 2))
    await stage.do(lambda own: finished(own, doctor, booking))
    await write(stage, patient, Role.PATIENT, booking, "Температура 40")
    await stage.delivered()
    await stage.said(doctors, "Звоните 103")
    assert "О каком вызове речь?" in doctors.texts[-1]
    assert await texts_in(stage, following) == []


async def test_who_has_left_is_asked_before_anything_is_sent(stage: Stage) -> None:
    booking, _, _, _, patients = await pair(stage)
    await stage.said(patients, "Раз")
    await stage.said(patients, "/cancel")
    assert patients.texts[-1] == "Вы вышли из чата."
    await stage.said(patients, "/cancel")
    assert patients.texts[-1] == "Бот ни о чём не спрашивал."
    await stage.said(patients, "Два")
    assert "О каком вызове речь?" in patients.texts[-1]
    assert await texts_in(stage, booking) == ["Раз"]
    await stage.said(patients, "/cancel")
    assert patients.texts[-1] == "Ничего не отправлено."
    assert await dialogs(stage) == [("chat", "left")]


async def test_a_picture_is_to_be_sent_again_once_the_call_is_chosen(
    stage: Stage,
) -> None:
    phone, calls, _patients = await two(stage)
    await stage.said(phone, "/cancel")
    phone.photo()
    await stage.heard()
    assert "отправьте снимок ещё раз" in phone.texts[-1]
    await stage.tapped(phone, calls[1].label)
    assert await texts_in(stage, calls[1]) == []
    assert await dialogs(stage) == [("chat", "open")]


async def test_another_button_of_a_chat_sends_nothing_that_was_kept(
    stage: Stage,
) -> None:
    phone, calls, _ = await two(stage)
    card = phone.received[-2]["message_id"]
    await stage.said(phone, "/cancel")
    await stage.said(phone, "Кому-то")
    phone.tap("Чат", card)
    await stage.heard()
    assert phone.texts[-2] == "Ничего не отправлено."
    assert await texts_in(stage, calls[0]) == []


async def test_where_content_may_not_go_kept_words_go_nowhere(stage: Stage) -> None:
    phone, calls, _ = await two(stage)
    await stage.said(phone, "/cancel")
    await stage.said(phone, "Секрет")
    await stage.content(on=False)
    await stage.tapped(phone, calls[1].label)
    key = phone.received[-1]["reply_markup"]["inline_keyboard"][0][0]
    assert "/t/" in key["url"]
    assert await texts_in(stage, calls[1]) == []
    assert await dialogs(stage) == []


async def test_an_old_question_sends_nothing(stage: Stage) -> None:
    phone, calls, _ = await two(stage)
    forged = telegram_buttons.data(SEND_TO, calls[0].id)
    phone.press(phone.received[-1]["message_id"], forged)
    await stage.heard()
    assert phone.notes == ["Сейчас бот спрашивал о другом."]
