"""A curator invites a clinic's manager, who sets a password behind the link."""

import os

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, expect
from sqlmodel import col, select

from models import Notification
from models.role_grant import Role
from services import sealing, staff_sessions
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests import factories as make
from tests.browser.stage import at_page, chromium, served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]
PICTURES = os.environ.get("TOT_PICTURES")


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


async def link_of(sessions: Sessions) -> str:
    async with transaction(sessions) as session:
        query = select(Notification).where(
            col(Notification.kind) == "clinic_invitation"
        )
        sealed = (await session.exec(query)).one().sealed
    assert sealed
    return sealing.unseal(sealed)


async def test_a_manager_comes_aboard_by_a_link(
    app: FastAPI, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        curator = await make.person(session, Role.CURATOR)
        client = Client(None, None)
        token = await staff_sessions.begin(
            session, Candidate(curator, Role.CURATOR), client, 12
        )
        clinic = await make.clinic(session)
        await make.clinic_manager(session, clinic)
    async with (
        served(app) as address,
        chromium() as browser,
        at_page(browser, address, token) as page,
    ):
        await page.goto(f"{address}/admin/clinics/details/{clinic.id}")
        await page.get_by_text("Пригласить", exact=True).click()
        form = page.locator("form[action$='/invitations']")
        await form.get_by_label("Фамилия").fill("Клиничева")
        await form.get_by_label("Имя", exact=False).first.fill("Ольга")
        await form.get_by_label("Почта").fill("manager@example.org")
        await picture(page, "invite")
        await form.get_by_role("button").click()
        await expect(page.get_by_text("Приглашён", exact=True)).to_be_visible()
        await picture(page, "clinic")
        link = await link_of(sessions)
        await page.goto(address + "/invitation" + link.partition("/invitation")[2])
        await expect(page.get_by_role("heading")).to_have_text(clinic.name)
        await picture(page, "invitation")
        await page.locator("[name=new_password]").fill("очень длинный пароль")
        await page.locator("[name=repeated]").fill("другой пароль")
        await page.get_by_role("button").click()
        await expect(page.get_by_text("Пароли не совпадают")).to_be_visible()
        for name in ("new_password", "repeated"):
            await page.locator(f"[name={name}]").fill("очень длинный пароль")
        await page.get_by_role("button").click()
        await expect(page.get_by_text("Пароль задан.")).to_be_visible()
        await picture(page, "aboard")
