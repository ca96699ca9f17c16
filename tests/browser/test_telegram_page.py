"""The page of the local Telegram: both phones are used as people use theirs."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.stage import chromium
from tests.telegram_server import HTTP, Telegram, picture

DOCTOR, PATIENT = 700000101, 700000202
HOSTILE = '<img src=x onerror="document.title=1"><b>жирный</b>'


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    """A page that must say nothing in the browser's console."""
    faults: list[str] = []
    async with chromium() as browser:
        opened = await browser.new_page(viewport={"width": 1300, "height": 900})
        opened.on("console", lambda said: faults.append(said.text))
        opened.on("pageerror", lambda error: faults.append(str(error)))
        yield opened
    assert faults == []


def send(telegram: Telegram, chat_id: int, text: str, *buttons: str) -> None:
    row = [{"text": each, "callback_data": each} for each in buttons]
    keys = {"inline_keyboard": [row]} if row else None
    body = {"chat_id": chat_id, "text": text, "reply_markup": keys}
    address = f"{telegram.api_url}/bot{telegram.token}/sendMessage"
    assert HTTP.post(address, json=body).is_success


def updates(telegram: Telegram) -> list[dict]:
    address = f"{telegram.api_url}/bot{telegram.token}/getUpdates"
    return HTTP.post(address).json()["result"]


async def test_two_phones_talk_to_the_bot(page: Page, telegram: Telegram) -> None:
    telegram.phone(DOCTOR, name="Доктор")
    telegram.phone(PATIENT, name="Пациент")
    send(telegram, DOCTOR, "Новый вызов", "Принять", "Отказаться")
    telegram.phone(PATIENT).photo(picture())
    await page.goto(f"{telegram.page_url}#{DOCTOR},{PATIENT}")
    doctor, patient = page.locator(".phone").nth(0), page.locator(".phone").nth(1)
    await doctor.get_by_role("button", name="Принять").click()
    image = patient.get_by_role("img", name="Снимок")
    await expect(image).to_have_js_property("naturalWidth", 64)
    send(telegram, PATIENT, HOSTILE)
    await expect(patient.get_by_text(HOSTILE)).to_be_visible()
    assert await page.title() != "1"
    field = patient.get_by_role("textbox", name="Сообщение")
    await field.fill(f"https://t.me/{telegram.bot_name}?start=k1")
    await field.press("Enter")
    await expect(patient.get_by_text("/start k1")).to_be_visible()
    await doctor.get_by_role("button", name="Место", exact=True).click()
    await doctor.get_by_role("button", name="Транслировать").click()
    await expect(doctor.get_by_text("место в эфире")).to_be_visible()
    kinds = [
        next(key for key in each if key != "update_id") for each in updates(telegram)
    ]
    assert kinds == ["message", "callback_query", "message", "message"]


async def test_phones_that_nobody_chose_are_not_empty(
    page: Page, telegram: Telegram
) -> None:
    for chat_id in (DOCTOR, PATIENT):
        telegram.phone(chat_id)
        for _ in range(30):
            send(telegram, chat_id, f"Здесь {chat_id}")
    await page.goto(telegram.page_url)
    for chat_id in (DOCTOR, PATIENT):
        await expect(page.get_by_text(f"Здесь {chat_id}").first).to_be_visible()


async def test_faults_are_switched_on_the_page(page: Page, telegram: Telegram) -> None:
    telegram.phone(DOCTOR, name="Доктор")
    await page.goto(telegram.page_url)
    await page.locator("#flood").get_by_role("button").click()
    await page.get_by_label("Каждое обновление дважды").check()
    await expect(page.locator("#faults-now")).to_contain_text("все чаты")
    assert telegram.faults()["floods"] == {"0": {"seconds": 10, "times": 3}}
    assert telegram.faults()["twice"]
    await page.get_by_role("button", name="Выключить все сбои").click()
    await expect(page.locator("#faults-now")).to_be_empty()
    await (
        page.locator(".phone")
        .nth(0)
        .get_by_role("button", name="Заблокировать")
        .click()
    )
    await expect(page.get_by_text("бот заблокирован")).to_be_visible()
    await page.get_by_label("Имя").fill("Новый")
    await page.get_by_role("button", name="Добавить").click()
    await expect(page.locator(".phone").nth(1)).to_be_visible()
