"""Hostile words before a real browser: nothing that people bring becomes an element."""

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, expect

from models.role_grant import Role
from services import staff_sessions, talk_links
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests.browser.board_stage import WIDE
from tests.browser.stage import at_page, chromium, served
from tests.hostile_words import EVIL, hostile

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]
FOUND = f"""() => [...document.querySelectorAll("*")].filter(
  node => node.localName === "{EVIL}" || node.hasAttribute("{EVIL}") ||
    [...node.attributes].some(each => each.name.startsWith("on") ||
      /^\\s*javascript:/i.test(each.value) && each.name !== "value")
).map(node => node.outerHTML.slice(0, 200))"""


async def clean(page: Page) -> None:
    """The words are shown, and made nothing."""
    assert EVIL in await page.locator("body").inner_text()
    assert await page.evaluate(FOUND) == []


async def test_the_board_the_card_and_the_talk_show_words_as_words(
    app: FastAPI, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        here = await hostile(session)
        found = Candidate(here.dispatcher_user, Role.DISPATCHER)
        token = await staff_sessions.begin(session, found, Client(None, None), 12)
        url = await talk_links.offer(session, here.doctor_user.id, Role.DOCTOR, here.id)
    link = "/t/" + url.rpartition("/")[2]
    async with (
        served(app) as address,
        chromium() as browser,
        at_page(browser, address, token, **WIDE) as page,
    ):
        page.on("dialog", lambda said: pytest.fail(said.message))
        await page.goto(f"{address}/admin/board?call={here.id}")
        for key in ("", "KeyC", "Escape"):
            if key:
                await page.keyboard.press(key)
            await page.wait_for_timeout(700)
            await clean(page)
        for place in (f"/admin/calls/{here.id}/chat", f"/admin/booking/{here.id}"):
            await page.goto(address + place)
            await clean(page)
            await page.keyboard.press("KeyC")
            await page.wait_for_timeout(700)
            await clean(page)
        await page.goto(address + link)
        await page.get_by_role("button", name="Открыть").click()
        await expect(page.locator(".talk-line").first).to_be_visible()
        await clean(page)
        # The script of that page takes the news over as well.
        await page.wait_for_timeout(6000)
        await clean(page)
        app.state.board_feed.close()
