"""A dispatcher takes calls by phone with the keyboard alone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Page, expect
from sqlmodel import col, select

from models import Booking, BookingEvent, Street, User
from models.booking_words import Priority
from models.role_grant import Role
from services import staff_sessions
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests import factories as make
from tests.browser.stage import at_page, chromium, served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]
PHONE = "+79031184206"


@dataclass
class Stage:
    """A running console with one dispatcher."""

    address: str
    browser: Browser
    token: str
    sessions: Sessions

    async def calls(self) -> list[Booking]:
        async with transaction(self.sessions) as session:
            query = select(Booking).order_by(col(Booking.number))
            return list(await session.exec(query))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    app: FastAPI, browser: Browser, sessions: Sessions
) -> AsyncIterator[Stage]:
    async with transaction(sessions) as session:
        anna = await make.dispatcher(session)
        token = await staff_sessions.begin(
            session, Candidate(anna, Role.DISPATCHER), Client(None, None), 12
        )
        patient = await make.patient(
            session, phone=PHONE, last_name="Громова", first_name="Светлана"
        )
        await make.saved_address(
            session, patient, text="Таганская улица, 31", flat="12"
        )
        await make.price(session, price_kopecks=450_000)
        session.add(
            Street(
                name="Тверская улица",
                district="Тверской",
                latitude=55.7642,
                longitude=37.6060,
            )
        )
    async with served(app) as address:
        yield Stage(address, browser, token, sessions)


async def new_call(page: Page, stage: Stage) -> None:
    await page.goto(f"{stage.address}/admin/calls/new")
    await expect(page.locator("#nc-phone")).to_be_focused()


async def test_a_number_a_complaint_and_ctrl_enter(stage: Stage) -> None:
    async with at_page(stage.browser, stage.address, stage.token) as page:
        await new_call(page, stage)
        await page.keyboard.type("9031184206")
        await expect(page.locator(".nc-side h3")).to_contain_text("Громова Светлана")
        await expect(page.locator("[data-price]")).to_contain_text("4 500")
        await page.keyboard.press("Enter")
        await page.keyboard.type("Температура 38,7")
        await page.keyboard.press("Control+Enter")
        await page.wait_for_url("**/admin/board?call=*")
        (call,) = await stage.calls()
        assert str(call.id) in page.url
        assert (call.symptoms, call.flat) == ("Температура 38,7", "12")
        assert await page.evaluate("sessionStorage.getItem('tot.new-call')") is None


async def test_a_duplicate_is_answered_by_one_key(stage: Stage) -> None:
    async with transaction(stage.sessions) as session:
        patient = (
            await session.exec(select(User).where(col(User.phone) == PHONE))
        ).one()
        open_call = await make.booking(session, patient)
    async with at_page(stage.browser, stage.address, stage.token) as page:
        await new_call(page, stage)
        await page.keyboard.type("8 903 118-42-06")
        await expect(page.locator(".dup")).to_contain_text(open_call.label)
        await page.keyboard.press("Enter")
        await page.locator("#nc-symptoms").focus()
        await page.keyboard.type("Стало хуже")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("[data-error=answer]")).to_contain_text(
            open_call.label
        )
        await page.keyboard.press("Alt+KeyJ")
        await expect(page.locator("#nc-symptoms")).to_be_focused()
        await expect(page.locator("#nc-last_name")).to_be_hidden()
        await page.keyboard.press("Control+Enter")
        await page.wait_for_url(f"**/admin/board?call={open_call.id}")
    assert len(await stage.calls()) == 1
    async with transaction(stage.sessions) as session:
        query = select(BookingEvent.comment).where(
            col(BookingEvent.booking_id) == open_call.id,
            col(BookingEvent.event) == "join",
        )
        assert (await session.exec(query)).all() == ["Стало хуже"]


async def test_an_unknown_number_asks_for_the_name_in_place(stage: Stage) -> None:
    async with at_page(stage.browser, stage.address, stage.token) as page:
        await new_call(page, stage)
        await page.keyboard.type("8 926 555-44-33")
        await expect(page.locator("#nc-last_name")).to_be_focused()
        await page.keyboard.type("Белова")
        await page.keyboard.press("Enter")
        await page.keyboard.type("Ирина")
        await page.locator("#nc-symptoms").focus()
        await page.keyboard.type("Кашель")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#nc-address_text")).to_be_focused()
        await page.keyboard.type("твер")
        await expect(page.locator("#nc-streets li")).to_have_count(1)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-district]")).to_have_text("Тверской")
        await page.keyboard.type("7")
        await page.keyboard.press("Alt+Digit4")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("[name=emergency_confirmed]")).to_be_focused()
        await page.keyboard.press("Control+Enter")
        await page.wait_for_url("**/admin/board?call=*")
    (call,) = await stage.calls()
    assert call.address_text == "Тверская улица, 7"
    assert (call.latitude, call.priority) == (55.7642, Priority.EMERGENCY)


async def test_the_draft_outlives_the_page(stage: Stage) -> None:
    async with at_page(stage.browser, stage.address, stage.token) as page:
        await new_call(page, stage)
        await page.keyboard.type("9031184206")
        await expect(page.locator(".nc-side h3")).to_contain_text("Громова")
        await page.keyboard.press("Enter")
        await page.keyboard.type("Недописанная жалоба")
        token = await page.input_value("[name=token]")
        await page.keyboard.press("Escape")
        await page.wait_for_url("**/admin/board*")
        await expect(page.locator("#new")).to_have_class(
            "btn btn-primary new has-draft"
        )
        await new_call(page, stage)
        assert await page.input_value("#nc-symptoms") == "Недописанная жалоба"
        assert await page.input_value("[name=token]") == token
        await expect(page.locator(".nc-side h3")).to_contain_text("Громова")
        await page.locator("[data-anew]").click()
        await expect(page.locator("#nc-symptoms")).to_have_value("")


async def test_a_lost_answer_makes_no_second_call(stage: Stage) -> None:
    async with at_page(stage.browser, stage.address, stage.token) as page:
        await new_call(page, stage)
        await page.keyboard.type("9031184206")
        await expect(page.locator(".nc-side h3")).to_contain_text("Громова")
        await page.locator("#nc-symptoms").fill("Кашель")

        async def lose(route: object) -> None:
            await route.fetch()  # type: ignore[attr-defined]
            await route.abort()  # type: ignore[attr-defined]

        await page.route("**/admin/calls/new", lose, times=1)
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("[data-alert]")).to_contain_text("Связь прервалась")
        assert await page.input_value("#nc-symptoms") == "Кашель"
        await page.keyboard.press("Control+Enter")
        await page.wait_for_url("**/admin/board?call=*")
    assert len(await stage.calls()) == 1


async def test_the_layer_over_the_board_speaks_english(stage: Stage) -> None:
    async with at_page(stage.browser, stage.address, stage.token, "en") as page:
        await page.goto(f"{stage.address}/admin/board")
        await expect(page.locator(".fresh")).to_contain_text("Live")
        await page.keyboard.press("KeyN")
        await expect(page.locator(".nc-layer h2")).to_have_text("New call by phone")
        await page.keyboard.type("9031184206")
        await expect(page.locator(".nc-side h3")).to_contain_text("Громова")
        await page.keyboard.press("Enter")
        await page.keyboard.type("Cough")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".nc-layer")).to_have_count(0)
        (call,) = await stage.calls()
        await expect(page.locator("#s-h")).to_have_text(call.label)


async def test_a_late_answer_never_shows_the_wrong_person(stage: Stage) -> None:
    async with transaction(stage.sessions) as session:
        await make.patient(session, phone="+79031184207", last_name="Другов")
    async with at_page(stage.browser, stage.address, stage.token) as page:
        await new_call(page, stage)
        await page.keyboard.type("9031184206")
        await expect(page.locator(".nc-side h3")).to_contain_text("Громова")
        await page.keyboard.press("Backspace")
        await page.keyboard.type("7")
        await expect(page.locator(".nc-side h3")).to_contain_text("Другов")
        assert "Громова" not in await page.locator("[data-part=people]").inner_text()


async def test_the_plain_form_works_without_script(stage: Stage) -> None:
    async with at_page(
        stage.browser, stage.address, stage.token, java_script_enabled=False
    ) as page:
        await page.goto(f"{stage.address}/admin/calls/new")
        await page.fill("#nc-phone", "9031184206")
        await page.click(".nc-find")
        await expect(page.locator(".nc-side h3")).to_contain_text("Громова")
        await page.fill("#nc-symptoms", "Кашель")
        await page.click("[data-create]")
        await page.wait_for_url("**/admin/board?call=*")
    assert len(await stage.calls()) == 1
