"""The card of a call in a browser: keys, colleagues, and a version that grew old."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, expect

from models import Booking, User
from models.booking import Status
from models.role_grant import Role
from services import bookings, presence, staff_sessions
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests import factories as make
from tests.browser.stage import at_page, chromium, served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]
BEAT = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as made:
        yield made


async def _signed_in(sessions: Sessions) -> tuple[User, str]:
    async with transaction(sessions) as session:
        anna = await make.dispatcher(session)
        token = await staff_sessions.begin(
            session, Candidate(anna, Role.DISPATCHER), Client(None, None), 12
        )
    return anna, token


async def test_a_call_is_assigned_and_cancelled_by_keyboard(
    app: FastAPI, browser: Browser, sessions: Sessions
) -> None:
    _, token = await _signed_in(sessions)
    async with transaction(sessions) as session:
        await make.doctor(session)
        booking = await make.booking(session)
    async with served(app) as address, at_page(browser, address, token) as page:
        await page.goto(f"{address}/admin/booking/{booking.id}")
        await page.keyboard.press("KeyA")
        await page.keyboard.press("Enter")
        await expect(page.locator(".status")).to_have_text("Назначен")
        await expect(page.locator(".toast")).to_contain_text(
            "Назначен врач Орлов Д. И."
        )
        await page.keyboard.press("KeyX")
        reason = page.locator(".cmd-cancel select")
        await expect(reason).to_be_focused()
        await reason.select_option("patient_absent")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Не открыли")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator(".status")).to_have_text("Отменён")
        await expect(page.locator(".bc-history")).to_contain_text("Не открыли")
    async with transaction(sessions) as session:
        now = await session.get_one(Booking, booking.id)
    assert now.status is Status.CANCELLED


async def test_an_open_card_hears_of_colleagues_and_changes(
    app: FastAPI, browser: Browser, sessions: Sessions
) -> None:
    _, token = await _signed_in(sessions)
    async with transaction(sessions) as session:
        oleg = make.as_staff(await make.dispatcher(session, first_name="Олег"))
        booking = await make.booking(session)
    async with served(app) as address, at_page(browser, address, token) as page:
        await page.goto(f"{address}/admin/booking/{booking.id}")
        await expect(page.locator("[data-watching]")).to_be_hidden()
        await page.keyboard.press("KeyJ")
        await page.keyboard.type("Недописанные слова")
        async with transaction(sessions) as session:
            await presence.watch(session, oleg, booking.id)
            await bookings.join(session, oleg, booking.id, "Звонила дочь")
        await page.evaluate(BEAT)
        await expect(page.locator("[data-watching]")).to_contain_text("Олег")
        await expect(page.locator("[data-changed]")).to_be_visible()
        await expect(page.locator(".cmd-join textarea")).to_have_value(
            "Недописанные слова"
        )
        await page.locator(".cmd-join .btn-primary").click()
        await expect(page.locator("[data-refusal]")).to_contain_text("Олег")
        await expect(page.locator(".cmd-join textarea")).to_have_value(
            "Недописанные слова"
        )
        await page.locator(".cmd-join .btn-primary").click()
        await expect(page.locator(".bc-history")).to_contain_text("Недописанные слова")
