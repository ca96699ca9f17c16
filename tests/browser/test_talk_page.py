"""A doctor opens the bot's link on a phone, talks and finishes the visit."""

import os

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, expect

from models.booking import Status
from models.role_grant import Role
from services import chat, talk_links
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.browser.stage import at_page, chromium, served
from tests.talking import Talk, say, talk

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]
PICTURES = os.environ.get("TOT_PICTURES")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
PAYLOAD = "<img src=x onerror=\"document.title='взлом'\"><script>alert(1)</script>"


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png")


async def path_of(sessions: Sessions, here: Talk, role: Role) -> str:
    user = here.patient_user if role is Role.PATIENT else here.doctor_user
    async with transaction(sessions) as session:
        url = await talk_links.offer(session, user.id, role, here.id)
    return "/t/" + url.rpartition("/")[2]


async def test_a_whole_talk_behind_a_link(app: FastAPI, sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        here = await talk(session, Status.IN_PROGRESS)
        await factories.extra_item(session)
        await say(session, here.patient, here.id, "Здравствуйте! Домофон 45К.")
        await say(session, here.doctor, here.id, "Спасибо, вижу подъезд.")
        await say(session, here.patient, here.id, PAYLOAD)
        await chat.send(session, here.desk, here.id, "Фото", None, factories.taken())
    async with (
        served(app) as address,
        chromium() as browser,
        at_page(browser, address, "-", **PHONE) as doctor,
        at_page(browser, address, "-", **PHONE) as patient,
    ):
        await doctor.goto(address + await path_of(sessions, here, Role.DOCTOR))
        await picture(doctor, "talk-link")
        await doctor.get_by_role("button", name="Открыть").click()
        await expect(doctor.get_by_text(PAYLOAD)).to_be_visible()
        assert await doctor.title() == f"Вызов {here.booking.label} · TOT"
        field = doctor.get_by_label("Сообщение")
        await field.fill("Дверь откройте, пожалуйста")
        await picture(doctor, "talk-doctor")
        # What the patient writes arrives by itself; what is being typed stays.
        async with transaction(sessions) as session:
            await say(session, here.patient, here.id, "Иду открывать")
        await expect(doctor.get_by_text("Иду открывать")).to_be_visible(timeout=15_000)
        await expect(field).to_have_value("Дверь откройте, пожалуйста")
        await doctor.get_by_role("button", name="Отправить").click()
        await expect(doctor.locator(".is-mine").last).to_contain_text("Дверь откройте")
        await patient.goto(address + await path_of(sessions, here, Role.PATIENT))
        await patient.get_by_role("button", name="Открыть").click()
        await expect(patient.get_by_text(PAYLOAD)).to_be_visible()
        await doctor.get_by_text("Завершить визит").first.click()
        await doctor.locator("[name=actual_minutes]").fill("35")
        await doctor.locator("[name=conclusion]").fill("ОРВИ. Питьё, покой.")
        await doctor.get_by_label("ЭКГ").fill("1")
        await picture(doctor, "talk-end")
        await doctor.get_by_role("button", name="Завершить визит").click()
        await expect(doctor.locator("[data-status]")).to_have_class(
            "status s-completed"
        )
        await patient.goto(address + await path_of(sessions, here, Role.PATIENT))
        await patient.get_by_role("button", name="Открыть").click()
        await expect(patient.get_by_text("ОРВИ. Питьё, покой.")).to_be_visible()
        await picture(patient, "talk-patient")
        wide = "document.documentElement.scrollWidth > window.innerWidth"
        assert not await patient.evaluate(wide)
