"""A patient pays on the provider's page, and a board that stays open sees it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from io import BytesIO

import pytest
import pytest_asyncio
import zxingcpp
from fastapi import FastAPI
from httpx import AsyncClient
from PIL import Image
from playwright.async_api import Browser, Page, expect

from models.role_grant import Role
from services import staff_sessions
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests import factories as make
from tests.api.payers import Payer, payer
from tests.api.test_payment_acceptance import told
from tests.browser.stage import at_page, chromium, served
from tests.paying import HOOK, paid_through
from tests.services.test_jobs import drain
from tests.yookassa_server import YooKassa, yookassa

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]
# As wide as an app draws it and as a camera sees it, on screens plain and fine.
SIDES = [(180, 1.0), (240, 1.0), (320, 2.0)]
PHONE = {"width": 390, "height": 844}


@dataclass
class Stage:
    """A served application, a provider that knows its address, a patient who owes."""

    address: str
    browser: Browser
    provider: YooKassa
    anna: Payer
    dispatcher: str


@pytest.fixture
def till() -> Iterator[YooKassa]:
    """A provider whose SBP links open its own page of the bank."""
    with yookassa() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    app: FastAPI, sessions: Sessions, settings: Settings, till: YooKassa
) -> AsyncIterator[Stage]:
    async with served(app) as address, chromium() as browser:
        with paid_through(till, settings, app, base_url=address):
            till.webhook(address + HOOK)
            async with AsyncClient(base_url=address, trust_env=False) as client:
                anna = await payer(client, sessions)
                token = await dispatcher(sessions)
                yield Stage(address, browser, till, anna, token)
            till.webhook("")
        app.state.board_feed.close()


async def dispatcher(sessions: Sessions) -> str:
    """Hire a dispatcher; give the token of the session."""
    async with transaction(sessions) as session:
        found = Candidate(await make.dispatcher(session), Role.DISPATCHER)
        return await staff_sessions.begin(session, found, Client(None, None), 12)


async def board_of(page: Page, stage: Stage) -> None:
    """Open the board on the patient's call, and mark the page so as to know it again."""
    place = f"{stage.address}/admin/board?call={stage.anna.booking.id}"
    await page.goto(place)
    await expect(page.locator("#s-h")).to_have_text(stage.anna.booking.label)
    await expect(page.locator(".call.is-sel")).to_have_count(1)
    await page.evaluate("window.opened_once = true")


async def shows(page: Page, word: str) -> None:
    """The board says how the money stands, and is the page that was opened."""
    await expect(page.locator("#pills .pill").last).to_have_text(word)
    assert await page.evaluate("window.opened_once === true")


async def worked(stage: Stage, database_url: str) -> None:
    """Wait for the provider's notice, and do what the worker does with it."""
    await told(stage.anna)
    await drain(database_url, stage.anna.sessions)


async def test_a_card_is_paid_and_the_open_board_says_so(
    stage: Stage, database_url: str
) -> None:
    async with at_page(stage.browser, stage.address, stage.dispatcher) as board:
        await board_of(board, stage)
        await shows(board, "Не оплачен")
        made = (await stage.anna.pay("card")).json()
        await shows(board, "Оплата идёт")

        theirs = await stage.browser.new_page(viewport=PHONE, locale="ru-RU")
        await theirs.goto(made["confirmation_url"])
        await theirs.get_by_role("button", name="Оплатить").click()
        await theirs.wait_for_url(f"{stage.address}/payments/{made['id']}/return")
        await worked(stage, database_url)

        await board.bring_to_front()
        await shows(board, "Оплачен")
        await expect(board.locator("#pills .pill").last).to_have_class("pill good")
        await theirs.bring_to_front()
        thanks = theirs.get_by_role("status")
        await expect(thanks).to_have_text("Оплата получена. Спасибо.", timeout=15_000)
    assert await stage.anna.status(made["id"]) == "succeeded"


async def test_the_drawn_sbp_code_says_the_link_to_the_byte_and_is_paid(
    stage: Stage, database_url: str
) -> None:
    made = (await stage.anna.pay("sbp")).json()
    link = made["qr_payload"]
    [theirs] = stage.provider.listing("payments")
    assert link == theirs["confirmation"]["confirmation_data"]
    for side, scale in SIDES:
        assert await scanned(stage, made["qr_svg_url"], side, scale) == link.encode()
    async with at_page(stage.browser, stage.address, stage.dispatcher) as board:
        await board_of(board, stage)
        await shows(board, "Оплата идёт")
        bank = await stage.browser.new_page(viewport=PHONE, locale="ru-RU")
        await bank.goto((await scanned(stage, made["qr_svg_url"], *SIDES[0])).decode())
        await bank.get_by_role("button", name="Подтвердить").click()
        await bank.wait_for_url(f"{stage.address}/payments/{made['id']}/return")
        await worked(stage, database_url)
        await board.bring_to_front()
        await shows(board, "Оплачен")


async def test_a_link_as_the_national_system_writes_it_is_drawn_to_the_byte(
    app: FastAPI, stage: Stage, settings: Settings
) -> None:
    with (
        yookassa(strict_qr=True) as national,
        paid_through(national, settings, app, base_url=stage.address),
    ):
        made = (await stage.anna.pay("sbp")).json()
    assert made["qr_payload"].startswith("https://qr.nspk.ru/")
    for side, scale in SIDES:
        found = await scanned(stage, made["qr_svg_url"], side, scale)
        assert found == made["qr_payload"].encode()


async def scanned(stage: Stage, picture: str, side: int, scale: float) -> bytes:
    """Let Chromium draw the picture on a square of this side, and read what it says."""
    context = await stage.browser.new_context(
        viewport={"width": side, "height": side},
        device_scale_factor=scale,
        extra_http_headers=stage.anna.headers,
    )
    page = await context.new_page()
    answer = await page.goto(picture)
    assert answer is not None
    assert answer.ok
    drawn = Image.open(BytesIO(await page.screenshot()))
    await context.close()
    assert drawn.size == (side * scale, side * scale)
    [code] = zxingcpp.read_barcodes(drawn, formats=zxingcpp.BarcodeFormat.QRCode)
    return code.bytes
