"""One conversation, three places: the console, a patient's page, a doctor's Telegram."""

import pytest
from fastapi import FastAPI
from playwright.async_api import expect
from sqlmodel import col, select

from models import Message
from models.booking import Status
from models.role_grant import Role
from services import staff_sessions, talk_links
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests import factories
from tests.api.telegram.conftest import served_telegram, set_up, stage, telegram
from tests.api.telegram.stage import Stage
from tests.browser.board_stage import PHONE, WIDE
from tests.browser.stage import at_page, chromium, served

__all__ = ["served_telegram", "set_up", "stage", "telegram"]
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def test_a_dispatcher_a_patient_and_a_doctor_with_telegram_are_in_one_talk(
    app: FastAPI, sessions: Sessions, stage: Stage
) -> None:
    doctor, phone = await stage.doctor()
    async with transaction(sessions) as session:
        patient = await factories.patient(session)
        desk = await factories.dispatcher(session, last_name="Климова")
        token = await staff_sessions.begin(
            session, Candidate(desk, Role.DISPATCHER), Client(None, None), 12
        )
    call = await stage.call(patient, doctor, Status.ACCEPTED)
    await stage.content(patient)
    await stage.delivered()
    async with transaction(sessions) as session:
        url = await talk_links.offer(session, patient.id, Role.PATIENT, call.id)
    async with (
        served(app) as address,
        chromium() as browser,
        at_page(browser, address, token, **WIDE) as console,
        at_page(browser, address, "-", **PHONE) as page,
    ):
        await console.goto(f"{address}/admin/calls/{call.id}/chat")
        await page.goto(f"{address}/t/{url.rpartition('/')[2]}")
        await page.get_by_role("button", name="Открыть").click()
        # The patient asks; the console and the doctor's phone have it.
        await page.get_by_label("Сообщение").fill("Домофон не работает")
        await page.get_by_role("button", name="Отправить").click()
        await expect(console.get_by_text("Домофон не работает")).to_be_visible()
        await stage.delivered()
        assert any("Домофон не работает" in each["text"] for each in phone.received)
        # The doctor answers from Telegram, replying to what came.
        asked = [each for each in phone.received if "Домофон" in each["text"]][-1]
        phone.say("Позвоню снизу", reply_to=asked["message_id"])
        await stage.heard()
        await expect(console.get_by_text("Позвоню снизу")).to_be_visible()
        await expect(page.get_by_text("Позвоню снизу")).to_be_visible(timeout=15_000)
        # The dispatcher joins in; both others have it, and no name of hers.
        await console.locator("#chat textarea, textarea").first.fill("Консьерж откроет")
        await console.keyboard.press("Enter")
        await expect(page.get_by_text("Консьерж откроет")).to_be_visible(timeout=15_000)
        await stage.delivered()
        told = [each["text"] for each in phone.received]
        assert any("Консьерж откроет" in text for text in told)
        assert not any("Климова" in text for text in told)
        await expect(page.get_by_text("Климова")).to_have_count(0)
    async with transaction(sessions) as session:
        query = select(Message.seq, Message.text).where(
            col(Message.booking_id) == call.id
        )
        rows = (await session.exec(query.order_by(col(Message.seq)))).all()
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    said = [text for _, text in rows if text]
    assert said == ["Домофон не работает", "Позвоню снизу", "Консьерж откроет"]
