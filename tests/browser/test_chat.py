"""Talk before a dispatcher's eyes: the board, the card, a page of its own, a phone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Locator, Page, Route, expect
from sqlmodel import col, select

from models import Booking, Message, User
from models.booking_words import Flag
from services import bookings, chat, quick_replies, visits
from services.actor import Actor
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests import hostile
from tests.api.helpers import signed_in
from tests.api.talking import Talker
from tests.browser.board_stage import PHONE, WIDE, Stage, row, staged
from tests.browser.stage import at_page, chromium

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
COUNT_TONES = """(() => {
  window.tones = []
  const make = AudioContext.prototype.createOscillator
  AudioContext.prototype.createOscillator = function () {
    const tone = make.call(this)
    setTimeout(() => window.tones.push(tone.frequency.value))
    return tone
  }
})()"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    app: FastAPI, browser: Browser, sessions: Sessions
) -> AsyncIterator[Stage]:
    async with staged(app, browser, sessions) as made:
        yield made


async def patient_of(stage: Stage, booking: Booking) -> Talker:
    """The patient's application, signed in over REST."""
    async with transaction(stage.sessions) as session:
        user = await session.get_one(User, booking.patient_id)
    headers = await signed_in(stage.sessions, user)
    return Talker(user, headers, booking.id, stage.address)


async def writes(patient: Talker, text: str) -> int:
    answer = await patient.post("messages", text=text)
    assert answer.status_code == 201, answer.text
    seq: int = answer.json()["seq"]
    return seq


async def texts(stage: Stage, booking: Booking) -> Sequence[str | None]:
    async with transaction(stage.sessions) as session:
        query = select(Message.text).where(
            col(Message.booking_id) == booking.id, col(Message.text).is_not(None)
        )
        return (await session.exec(query.order_by(col(Message.seq)))).all()


async def doing(stage: Stage, work: Any, actor: Actor, *rest: Any) -> Any:
    async with transaction(stage.sessions) as session:
        return await work(session, actor, *rest)


def window(
    stage: Stage, who: str = "Ирина", **options: Any
) -> AbstractAsyncContextManager[Page]:
    return at_page(stage.browser, stage.address, stage.tokens[who], **(WIDE | options))


async def rings(page: Page, pitch: int) -> None:
    """Wait for a tone; the policy lets no predicate be polled inside the page."""
    async with asyncio.timeout(10):
        while pitch not in await page.evaluate("window.tones"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def said(page: Page, text: str) -> Locator:
    return page.locator(".msg", has_text=text)


async def test_a_patient_and_the_board_talk(stage: Stage) -> None:
    call = stage.calls[0]
    patient = await patient_of(stage, call)
    async with stage.board(**WIDE) as page:
        await writes(patient, "Когда приедет врач?")
        badge = row(page, call).locator(".talk-n")
        await expect(badge).to_have_text("1")
        await expect(page.locator(".rail-n")).to_have_text("1")
        await page.keyboard.press("KeyC")
        await expect(said(page, "Когда приедет врач?")).to_be_visible()
        await expect(badge).to_have_count(0)
        await expect(page.locator(".rail-n")).to_be_hidden()
        field = page.locator("#chat textarea")
        await expect(field).to_be_focused()
        await page.keyboard.type("Врач в пути")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("будет в 15:00")
        await page.keyboard.press("Enter")
        mine = said(page, "будет в 15:00").and_(page.locator("[data-seq]"))
        await expect(mine).to_be_visible()
        await expect(field).to_have_value("")
        assert await texts(stage, call) == [
            "Когда приедет врач?",
            "Врач в пути\nбудет в 15:00",
        ]
        await expect(mine.locator(".mk.is-read")).to_have_count(0)
        await patient.post("messages/read", up_to_seq=2)
        await expect(mine.locator('.mk.is-read[data-of="patient"]')).to_be_visible()
        await doing(stage, chat.typing, make.as_patient(patient.user), call.id)
        await expect(page.locator("[data-chat-typing]")).to_have_text("Пациент пишет…")
        await writes(patient, "Спасибо")
        await expect(said(page, "Спасибо")).to_be_visible()
        await expect(page.locator("[data-chat-typing]")).to_have_text("")


async def test_two_dispatchers_and_a_doctor_are_told_apart(stage: Stage) -> None:
    call, doctor = stage.calls[0], stage.people["Орлов"]
    await stage.assign(call, doctor)
    await doing(stage, visits.accept, make.as_doctor(doctor), call.id)
    path = f"{stage.address}/admin/calls/{call.id}/chat"
    async with window(stage) as one, window(stage, "Анна") as two:
        await one.goto(path)
        await two.goto(f"{stage.address}/admin/booking/{call.id}")
        await two.keyboard.press("KeyC")
        await expect(two.locator("#chat textarea")).to_be_focused()
        await one.locator("#chat textarea").fill("Код домофона 45К")
        await one.keyboard.press("Enter")
        await expect(said(two, "Код домофона 45К")).to_contain_text("Климова И.")
        await doing(stage, chat.send, make.as_doctor(doctor), call.id, "Понял, еду")
        for page in (one, two):
            await expect(page.locator(".m-doctor")).to_contain_text("Понял, еду")
            await expect(page.locator(".m-system").last).to_contain_text("принял вызов")
        await expect(one.locator(".is-mine")).to_have_count(1)
        await expect(two.locator(".is-mine")).to_have_count(0)
        await two.keyboard.press("Escape")
        await expect(two.locator("#chat")).to_be_hidden()


async def test_a_message_is_hidden_with_a_reason(stage: Stage) -> None:
    call = stage.calls[0]
    patient = await patient_of(stage, call)
    await writes(patient, "Плохие слова")
    async with stage.board(**WIDE) as page, window(stage, "Анна") as other:
        await other.goto(f"{stage.address}/admin/calls/{call.id}/chat")
        await page.keyboard.press("KeyC")
        await said(page, "Плохие слова").locator("[data-hide]").focus()
        await page.keyboard.press("Enter")
        dialog = page.locator("[data-chat-hiding]")
        await expect(dialog.locator("blockquote")).to_have_text("Плохие слова")
        await page.keyboard.type("1 грубость")
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        for each in (page, other):
            hidden = each.locator(".msg.is-hidden")
            await expect(hidden).to_contain_text("скрыто: Климова И.")
        answer = await patient.post("messages/read", up_to_seq=1)
        assert answer.status_code < 300
    assert (await stage.reread(call)).status == "pending"


async def test_ready_answers_are_under_the_digits(stage: Stage) -> None:
    call = stage.calls[0]
    await doing(
        stage, quick_replies.add, make.as_staff(stage.people["Ирина"]), "Первый"
    )
    await doing(
        stage, quick_replies.add, make.as_staff(stage.people["Ирина"]), "Второй"
    )
    async with stage.board(**WIDE) as page:
        await page.keyboard.press("KeyC")
        field = page.locator("#chat textarea")
        await expect(field).to_be_focused()
        await page.keyboard.press("/")
        await page.keyboard.press("Digit2")
        await expect(field).to_have_value("Второй")
        await page.keyboard.press("Alt+Digit1")
        await expect(field).to_have_value("Второй Первый")
        await page.keyboard.press("Enter")
        await expect(said(page, "Второй Первый")).to_be_visible()
        await page.locator("[data-chat-quick]").click()
        await page.keyboard.press("Escape")
        await expect(page.locator("[data-chat-replies]")).to_be_hidden()
        await expect(page.locator("#chat")).to_be_visible()
        await page.locator("#s-h").click()
        await page.keyboard.press("Digit1")
        await page.keyboard.press("Escape")
        await expect(page.locator("#chat")).to_be_hidden()
    assert (await stage.reread(call)).status == "pending"


async def test_a_lost_answer_makes_no_second_message(stage: Stage) -> None:
    call = stage.calls[0]
    tries = 0

    async def lose_the_first(route: Route) -> None:
        nonlocal tries
        tries += 1
        if tries > 1:
            await route.continue_()
        else:
            await route.fetch()
            await route.abort()

    async with window(stage) as page:
        await page.route("**/chat/send", lose_the_first)
        # The stream would bring the message at once; here it is cut off as well.
        await page.route("**/chat?after_seq=*", lambda route: route.abort())
        await page.goto(f"{stage.address}/admin/calls/{call.id}/chat")
        await expect(page.locator("[data-chat-empty]")).to_be_visible()
        await page.locator("#chat textarea").fill("Один раз")
        await page.keyboard.press("Enter")
        failed = page.locator(".msg.is-failed")
        await expect(failed).to_contain_text("сервер не ответил")
        await page.unroute("**/chat?after_seq=*")
        await failed.locator('[data-out="again"]').click()
        await expect(
            said(page, "Один раз").and_(page.locator("[data-seq]"))
        ).to_have_count(1)
        await expect(page.locator(".is-pending")).to_have_count(0)
    assert tries == 2
    assert await texts(stage, call) == ["Один раз"]


async def test_unsent_words_outlive_a_refresh_and_an_outage(stage: Stage) -> None:
    call = stage.calls[0]
    async with window(stage) as page:
        await page.goto(f"{stage.address}/admin/calls/{call.id}/chat")
        await page.route("**/chat/send", lambda route: route.abort())
        field = page.locator("#chat textarea")
        await field.fill("Не дошло")
        await page.keyboard.press("Enter")
        await expect(page.locator(".msg.is-failed")).to_contain_text("Не дошло")
        await field.fill("Недописанное")
        await page.reload()
        await expect(field).to_have_value("Недописанное")
        await expect(page.locator(".msg.is-failed")).to_contain_text("Не дошло")
        await page.locator('[data-out="drop"]').click()
        await expect(field).to_have_value("Не дошло\nНедописанное")
        await page.unroute("**/chat/send")
        await page.keyboard.press("Enter")
        await expect(page.locator(".msg[data-seq]")).to_have_count(1)
    assert await texts(stage, call) == ["Не дошло\nНедописанное"]


async def test_what_was_not_sent_is_marked_everywhere_in_the_language_of_the_page(
    stage: Stage,
) -> None:
    call, quiet = stage.calls[:2]
    await writes(await patient_of(stage, call), "Вы где?")
    async with window(stage) as page:
        await page.route("**/chat/send", lambda route: route.abort())
        for each in (call, quiet):
            await page.goto(f"{stage.address}/admin/calls/{each.id}/chat")
            await expect(page.locator("[data-chat-number]")).to_have_text(each.label)
            await page.locator("#chat textarea").fill("Не дошло")
            await page.keyboard.press("Enter")
            failed = page.locator(".msg.is-failed")
            await expect(failed).to_contain_text("Не отправлено: сервер не ответил")
        await page.goto(f"{stage.address}/admin/me")
        await expect(page.locator(".rail-u")).to_be_visible()
        await page.goto(f"{stage.address}/admin/chats")
        await expect(page.locator(".talk-u")).to_contain_text("не отправлено")
        # A call of which nobody has talked stands above the list.
        await expect(page.locator("#unsent a")).to_have_text(quiet.label)
        await page.goto(f"{stage.address}/admin/calls/{call.id}/chat?lang=en")
        await expect(failed).to_contain_text("Not sent: no answer from the server")
        await page.unroute("**/chat/send")
        await failed.locator('[data-out="again"]').click()
        await expect(page.locator(".is-pending")).to_have_count(0)
        await page.goto(f"{stage.address}/admin/calls/{quiet.id}/chat")
        await page.locator('[data-out="drop"]').click()
        await page.goto(f"{stage.address}/admin/chats")
        await expect(page.locator(".talk")).to_have_count(1)
        await expect(page.locator("#unsent")).to_be_hidden()
        await expect(page.locator(".rail-u")).to_be_hidden()
    assert await texts(stage, call) == ["Вы где?", "Не дошло"]


async def test_a_queue_of_messages_leaves_though_another_call_is_opened(
    stage: Stage,
) -> None:
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    async with stage.board(**WIDE) as page:
        await page.route("**/chat/send", hold)
        await page.keyboard.press("KeyC")
        field = page.locator("#chat textarea")
        for text in ("Первое", "Второе"):
            await field.fill(text)
            await page.keyboard.press("Enter")
        await expect(page.locator(".is-pending")).to_have_count(2)
        first = await page.locator("#chat").get_attribute("data-call")
        await page.locator("#queue .call:not(.is-sel)").first.click()
        await expect(page.locator("#chat")).not_to_have_attribute(
            "data-call", first or ""
        )
        await expect(page.locator(".is-pending")).to_have_count(0)
        held.set()
        call = next(each for each in stage.calls if str(each.id) == first)
        async with asyncio.timeout(10):
            while await texts(stage, call) != ["Первое", "Второе"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await expect(page.locator(".msg[data-seq]")).to_have_count(0)


async def test_a_picture_that_was_not_sent_is_told_and_its_words_come_back(
    stage: Stage,
) -> None:
    call = stage.calls[0]
    async with window(stage) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        await page.route("**/chat/send", lambda route: route.abort())
        await page.goto(f"{stage.address}/admin/calls/{call.id}/chat")
        picture = {
            "name": "дверь.png",
            "mimeType": "image/png",
            "buffer": hostile.picture("PNG", (300, 200)),
        }
        await page.locator("#chat input[type=file]").set_input_files([picture])  # type: ignore[list-item]
        await page.locator("#chat textarea").fill("Вот дверь")
        await page.keyboard.press("Enter")
        failed = page.locator(".msg.is-failed")
        await expect(failed).to_be_visible()
        await page.reload()
        await expect(failed).to_contain_text("картинка не сохранилась")
        await expect(failed).to_contain_text("дверь.png")
        await expect(failed.locator('[data-out="again"]')).to_have_count(0)
        await failed.locator('[data-out="drop"]').click()
        await expect(page.locator("#chat textarea")).to_have_value("Вот дверь")


async def test_a_message_that_failed_is_not_under_the_composer(stage: Stage) -> None:
    call = stage.calls[0]
    desk = make.as_staff(stage.people["Анна"])
    for n in range(12):
        await doing(stage, chat.send, desk, call.id, f"строка {n}\n" * 3)
    async with window(stage) as page:
        await page.goto(f"{stage.address}/admin/calls/{call.id}/chat")
        await expect(said(page, "строка 11")).to_be_in_viewport()
        await page.route("**/chat/send", lambda route: route.abort())
        await page.locator("#chat textarea").fill("Не дошло")
        await page.keyboard.press("Enter")
        again = page.locator('[data-out="again"]')
        await expect(again).to_be_visible()
        low = await again.evaluate("each => each.getBoundingClientRect().bottom")
        end = await page.locator("[data-chat-scroll]").evaluate(
            "box => box.getBoundingClientRect().bottom"
        )
        assert low <= end


async def test_a_refused_message_says_why_and_gives_its_words_back(
    stage: Stage,
) -> None:
    call = stage.calls[0]
    long = "Слишком много " + "я" * 4000
    async with window(stage) as page:
        await page.goto(f"{stage.address}/admin/calls/{call.id}/chat")
        field = page.locator("#chat textarea")
        await field.evaluate("field => field.removeAttribute('maxlength')")
        await field.fill(long)
        await page.keyboard.press("Enter")
        await expect(page.locator(".msg-why")).to_contain_text("Не отправлено")
        await page.locator('[data-out="drop"]').click()
        await expect(field).to_have_value(long)
        await expect(page.locator(".is-pending")).to_have_count(0)
        await field.fill("Коротко")
        await page.keyboard.press("Enter")
        await expect(
            said(page, "Коротко").and_(page.locator("[data-seq]"))
        ).to_be_visible()
    assert await texts(stage, call) == ["Коротко"]


async def test_whoever_reads_higher_up_is_not_moved_and_nothing_is_read_for_them(
    stage: Stage,
) -> None:
    call = stage.calls[0]
    patient = await patient_of(stage, call)
    desk = make.as_staff(stage.people["Анна"])
    for n in range(18):
        await doing(stage, chat.send, desk, call.id, f"строка {n}\n" * 3)
    async with window(stage) as page:
        await page.goto(f"{stage.address}/admin/calls/{call.id}/chat")
        await expect(said(page, "строка 17")).to_be_in_viewport()
        await page.locator("[data-chat-scroll]").evaluate(
            "box => { box.scrollTop = 0 }"
        )
        await writes(patient, "Новость внизу")
        news = page.locator("[data-chat-news]")
        await expect(news).to_be_visible()
        await expect(said(page, "строка 0")).to_be_in_viewport()
        await expect(said(page, "Новость внизу")).not_to_be_in_viewport()
        await asyncio.sleep(0.6)
        await page.goto(f"{stage.address}/admin/chats")
        await expect(page.locator(".talk .talk-n")).to_contain_text("1 непрочитанное")
        await page.go_back()
        # Only an opened conversation keeps its place.
        await expect(page.locator(".unread-line")).to_be_visible()
        await page.locator("[data-chat-scroll]").evaluate(
            "box => { box.scrollTop = 0 }"
        )
        await writes(patient, "Ещё ниже")
        await news.click()
        await expect(said(page, "Новость внизу")).to_be_in_viewport()
        await expect(news).to_be_hidden()


async def test_a_picture_is_sent_and_opens_large(stage: Stage) -> None:
    call = stage.calls[0]
    async with window(stage) as page:
        await page.goto(f"{stage.address}/admin/calls/{call.id}/chat")
        picture = {
            "name": '"><img src=x onerror=pwned=1>.png',
            "mimeType": "image/png",
            "buffer": hostile.picture("PNG", (300, 200)),
        }
        await page.locator("#chat input[type=file]").set_input_files([picture])  # type: ignore[list-item]
        await expect(page.locator("[data-chat-thumb] img")).to_be_visible()
        await page.keyboard.press("Enter")
        small = page.locator(".msg[data-seq] .msg-pic img")
        await expect(small).to_be_visible(timeout=20_000)
        await page.wait_for_function(
            "document.querySelector('.msg-pic img').naturalWidth === 300"
        )
        await small.click()
        large = page.locator("[data-chat-large]")
        await expect(large.locator("img")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(large).to_be_hidden()
        assert await page.evaluate("window.pwned") is None


async def test_what_people_write_is_never_markup(stage: Stage) -> None:
    call = stage.calls[0]
    patient = await patient_of(stage, call)
    payloads = (
        "<script>pwned=1</script>",
        '"><img src=x onerror=pwned=1>',
        "<svg onload=pwned=1>",
        "javascript:pwned=1",
    )
    for each in payloads:
        await writes(patient, each)
    async with stage.board(**WIDE) as page:
        await page.keyboard.press("KeyC")
        for each in payloads:
            await expect(page.locator(".msg-text", has_text=each)).to_be_visible()
        await page.locator("#chat textarea").fill(payloads[1])
        await page.keyboard.press("Enter")
        await expect(page.locator(".is-mine[data-seq]")).to_be_visible()
        await page.goto(f"{stage.address}/admin/chats")
        await expect(page.locator(".talk")).to_have_count(1)
        assert await page.evaluate("window.pwned") is None


async def test_a_lost_link_loses_no_message(stage: Stage) -> None:
    call = stage.calls[0]
    async with transaction(stage.sessions) as session:
        patient = make.as_patient(await session.get_one(User, call.patient_id))
    async with stage.board(**WIDE) as page:
        await page.keyboard.press("KeyC")
        await doing(stage, chat.send, patient, call.id, "до")
        await expect(said(page, "до")).to_be_visible()
        await stage.stop_serving()
        for n in range(3):
            await doing(stage, chat.send, patient, call.id, f"во время {n}")
        await page.locator("#chat textarea").fill("из темноты")
        await page.keyboard.press("Enter")
        await expect(page.locator(".msg.is-failed")).to_contain_text("из темноты")
        await stage.serve_again()
        await expect(
            said(page, "из темноты").and_(page.locator("[data-seq]"))
        ).to_be_visible(timeout=20_000)
        await expect(page.locator(".msg[data-seq]")).to_have_count(5)
        await expect(page.locator(".is-pending")).to_have_count(0)
    assert (await texts(stage, call)).count("из темноты") == 1


async def test_the_selection_takes_the_conversation_with_it(stage: Stage) -> None:
    first, second = stage.calls[:2]
    patient = await patient_of(stage, second)
    await writes(patient, "Про второй вызов")
    async with stage.board(**WIDE) as page:
        await page.keyboard.press("KeyC")
        await page.locator("#chat textarea").fill("черновик первого")
        await row(page, second).locator(".gist").click()
        await expect(said(page, "Про второй вызов")).to_be_visible()
        await expect(page.locator("#chat textarea")).to_have_value("")
        await row(page, first).locator(".gist").click()
        await expect(page.locator("#chat textarea")).to_have_value("черновик первого")
        await page.reload()
        await expect(page.locator("#chat textarea")).to_have_value("черновик первого")


async def test_a_message_sounds_softly_and_a_doctor_in_danger_until_seen(
    stage: Stage,
) -> None:
    call, doctor = stage.calls[0], stage.people["Орлов"]
    patient = await patient_of(stage, call)
    await stage.assign(call, doctor)
    async with window(stage) as page:
        await page.add_init_script(COUNT_TONES)
        await page.goto(f"{stage.address}/admin/board")
        await expect(page.locator(".cand").first).to_be_visible()
        await page.locator("#sound").click()
        await expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
        await writes(patient, "Алло")
        await rings(page, 523)
        assert 988 not in await page.evaluate("window.tones")
        bar = page.locator("#danger")
        raised = (call.id, Flag.DOCTOR_IN_DANGER, True, None)
        await doing(stage, bookings.flag, make.as_doctor(doctor), *raised)
        await expect(bar).to_contain_text(f"ВРАЧ В ОПАСНОСТИ: {call.label}")
        await expect(bar).to_contain_text("Орлов")
        await rings(page, 988)
        await bar.locator("[data-danger-seen]").click()
        await expect(bar).to_be_hidden()
        await page.reload()
        await expect(page.locator(".cand").first).to_be_visible()
        await expect(bar).to_be_hidden()
        staff = make.as_staff(stage.people["Ирина"])
        down = (call.id, Flag.DOCTOR_IN_DANGER, False, None)
        await doing(stage, bookings.flag, staff, *down)
        await asyncio.sleep(0.5)
        await doing(stage, bookings.flag, make.as_doctor(doctor), *raised)
        await expect(bar).to_be_visible()
        await bar.locator("[data-danger-open]").click()
        await expect(page.locator("#s-h")).to_have_text(call.label)


async def test_an_unread_visit_is_marked_on_its_doctor(stage: Stage) -> None:
    call, doctor = stage.calls[0], stage.people["Ким"]
    await stage.assign(call, doctor)
    patient = await patient_of(stage, call)
    async with stage.board(**WIDE) as page:
        await writes(patient, "Где врач?")
        line = page.locator(f'.dr[data-id="{doctor.id}"]')
        await expect(line.locator(".talk-n")).to_have_text("1")
        await expect(line.locator(".bar.has-talk")).to_have_count(1)
        desk = make.as_staff(stage.people["Анна"])
        await doing(stage, chat.mark_read, desk, call.id, 99)
        await expect(line.locator(".talk-n")).to_have_count(0)


async def test_the_list_of_chats_keeps_itself_fresh(stage: Stage) -> None:
    call, other = stage.calls[:2]
    one, two = await patient_of(stage, call), await patient_of(stage, other)
    await writes(one, "Первый")
    async with window(stage) as page:
        await page.goto(f"{stage.address}/admin/chats")
        await expect(page.locator(".talk.is-unread")).to_have_count(1)
        await writes(two, "Второй")
        await expect(page.locator(".talk.is-unread")).to_have_count(2)
        await expect(page.locator(".rail-n")).to_have_text("2")
        async with page.expect_response("**/chat/read"):
            await page.locator(".talk").first.click()
        # Whoever has waited longest stands on top.
        await expect(page.locator("h1")).to_contain_text(call.label)
        await expect(said(page, "Первый")).to_be_visible()
        await page.locator(".trail").click()
        await expect(page.locator(".talk.is-unread")).to_have_count(1)


async def test_a_doctor_in_danger_is_told_on_the_chats_and_on_the_card(
    stage: Stage,
) -> None:
    call, doctor = stage.calls[0], stage.people["Орлов"]
    await stage.assign(call, doctor)
    raised = (call.id, Flag.DOCTOR_IN_DANGER, True, None)
    async with window(stage) as page:
        await page.add_init_script(COUNT_TONES)
        bar = page.locator("#danger")
        await page.goto(f"{stage.address}/admin/chats")
        await page.locator("h1").click()
        await doing(stage, bookings.flag, make.as_doctor(doctor), *raised)
        await expect(bar).to_contain_text(f"ВРАЧ В ОПАСНОСТИ: {call.label}")
        await expect(bar).to_contain_text("Орлов")
        await rings(page, 988)
        await page.goto(f"{stage.address}/admin/booking/{call.id}")
        await bar.locator("[data-danger-seen]").click()
        await expect(bar).to_be_hidden()
        await page.goto(f"{stage.address}/admin/board")
        await expect(page.locator(".cand").first).to_be_visible()
        await expect(bar).to_be_hidden()


async def test_the_payment_stands_whole_beside_an_open_chat(stage: Stage) -> None:
    async with stage.board(**WIDE) as page:
        await page.keyboard.press("KeyC")
        await expect(page.locator("#chat textarea")).to_be_focused()
        pill = page.locator("#pills .pill").last
        await expect(pill).to_have_text("Не оплачен")
        box, timer = await pill.bounding_box(), page.locator("#s-timer")
        clock = await timer.bounding_box()
        line = await page.locator("#pills").bounding_box()
        assert box is not None
        assert clock is not None
        assert line is not None
        assert box["x"] + box["width"] <= line["x"] + line["width"] + 1
        assert box["y"] + box["height"] <= line["y"] + line["height"] + 1
        assert line["x"] + line["width"] <= clock["x"]


async def test_on_a_phone_one_answers_from_the_list(stage: Stage) -> None:
    call = stage.calls[0]
    patient = await patient_of(stage, call)
    await writes(patient, "Скоро?")
    async with at_page(
        stage.browser, stage.address, stage.tokens["Ирина"], **PHONE
    ) as page:
        await page.goto(f"{stage.address}/admin/board")
        tab = page.locator(".tabs a")
        await expect(tab.locator("b")).to_have_text("1")
        await expect(tab.locator("[data-unsent]")).to_be_hidden()
        await tab.tap()
        await page.locator(".talk").tap()
        await expect(said(page, "Скоро?")).to_be_visible()
        field = page.locator("#chat textarea")
        await field.fill("Через десять минут")
        await page.locator("#chat .btn-primary[title]").tap()
        await expect(said(page, "Через десять минут")).to_be_in_viewport()
        await expect(field).to_be_in_viewport()
    assert (await texts(stage, call))[-1] == "Через десять минут"


async def test_without_script_one_reads_and_answers(stage: Stage) -> None:
    call = stage.calls[0]
    patient = await patient_of(stage, call)
    await writes(patient, "Есть кто?")
    async with window(stage, java_script_enabled=False) as page:
        await page.goto(f"{stage.address}/admin/booking/{call.id}")
        await page.locator("[data-chat-open]").click()
        await expect(said(page, "Есть кто?")).to_be_visible()
        await page.locator("#chat textarea").fill("Да, слушаю")
        await page.locator("#chat .btn-primary[title]").click()
        await expect(said(page, "Да, слушаю")).to_be_visible()
        await page.get_by_role("button", name="Отметить прочитанным").click()
        await expect(page.get_by_role("button", name="Отметить")).to_have_count(0)
