"""An application with two documents, from its submission to the doctor's first duty."""

import os

import httpx
import pytest
from fastapi import FastAPI
from playwright.async_api import Page, expect
from sqlmodel import col, select

from models import Setting, User
from models.document import Requirement
from models.role_grant import Role
from models.specialization import Specialization
from services import clock, staff_sessions
from services.database import Sessions
from services.edges import transaction
from services.settings import required_document_key
from services.staff_sessions import Candidate, Client
from tests import factories as make
from tests import hostile
from tests.api.helpers import registration
from tests.browser.stage import at_page, chromium, served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
PICTURES = os.environ.get("TOT_PICTURES")
HERE = "/v1/me/doctor-application"
TWO = (Requirement.PASSPORT, Requirement.DIPLOMA)


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


async def ask_for_two(sessions: Sessions) -> None:
    """Let the settings ask therapists for a passport and a diploma only."""
    async with transaction(sessions) as session:
        for requirement in Requirement:
            key = required_document_key(Specialization.THERAPIST, requirement)
            row = (
                await session.exec(select(Setting).where(col(Setting.key) == key))
            ).one_or_none()
            row = row or Setting(key=key, value=0)
            row.value = int(requirement in TWO)
            session.add(row)


async def test_a_curator_looks_at_both_papers_and_lets_the_doctor_work(
    app: FastAPI, sessions: Sessions
) -> None:
    await ask_for_two(sessions)
    async with transaction(sessions) as session:
        curator = await make.person(session, Role.CURATOR)
        found = Candidate(curator, Role.CURATOR)
        token = await staff_sessions.begin(session, found, Client(None, None), 12)
        licence = (await clock.today(session)).replace(month=1, day=1)
        licence = licence.replace(year=licence.year + 2)
    body = registration(last_name="Лебедева", first_name="Вера")
    facts = {
        "birth_date": "1985-04-02",
        "specializations": ["therapist"],
        "licence_number": "ЛО-77-01-777",
        "licence_expires_on": licence.isoformat(),
        "education": "РНИМУ, 2010",
        "experience_years": 12,
        "languages": ["ru"],
        "home_district": "Арбат",
    }
    async with (
        served(app) as address,
        httpx.AsyncClient(base_url=address) as phone,
        chromium() as browser,
        at_page(browser, address, token) as page,
    ):
        made = await phone.post("/v1/auth/register", json=body)
        assert made.status_code == 201, made.text
        own = {"authorization": f"Bearer {made.json()['access_token']}"}
        assert (await phone.post(HERE, headers=own, json=facts)).is_success
        early = await phone.post(f"{HERE}/submit", headers=own)
        assert early.status_code == 422
        for kind in TWO:
            sent = await phone.post(
                f"{HERE}/documents",
                headers=own,
                data={"kind": kind.value, "number": "45 10 123456"},
                files={"file": ("scan.png", hostile.picture(), "image/png")},
            )
            assert sent.status_code == 201, sent.text
        assert (await phone.post(f"{HERE}/submit", headers=own)).is_success

        await page.goto(f"{address}/admin/")
        await page.get_by_role("link", name="Заявок ждут решения").click()
        await expect(page.get_by_role("row", name="Лебедева")).to_contain_text(
            "сегодня"
        )
        await picture(page, "desk-queue")
        await page.get_by_role("link", name="Лебедева").click()
        papers = page.locator(".desk-papers article")
        await expect(papers).to_have_count(2)
        for number in range(2):
            shown = papers.nth(number).locator("img")
            await expect(shown).to_be_visible()
            width = await shown.evaluate(
                "each => each.decode().then(() => each.naturalWidth)"
            )
            assert width > 0
        marks = page.locator(".checklist")
        await expect(marks.locator(".is-given")).to_have_count(2)
        await picture(page, "desk-papers")
        await page.get_by_role("button", name="Одобрить").click()
        await expect(page.locator(".toast")).to_contain_text("не принято")
        for _ in range(2):
            await page.get_by_role("button", name="Принять", exact=True).first.click()
            await expect(page.locator(".toast").first).to_contain_text("Принят")
        await page.get_by_role("button", name="Одобрить").click()
        await expect(
            page.get_by_text("Заявка одобрена: врач может работать.")
        ).to_be_visible()
        await picture(page, "desk-approved")

        state = (await phone.get(HERE, headers=own)).json()
        assert state["status"] == "approved"
        login = {"login": body["email"], "password": body["password"]}
        anew = (await phone.post("/v1/auth/login", json=login)).json()
        doctor = {"authorization": f"Bearer {anew['access_token']}"}
        duty = await phone.put("/v1/me/duty", headers=doctor, json={"on_duty": True})
        assert duty.is_success, duty.text
    async with transaction(sessions) as session:
        query = select(User).where(col(User.email) == body["email"])
        assert (await session.exec(query)).one().last_name == "Лебедева"
