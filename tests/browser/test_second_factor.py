"""A newcomer sets up the second factor from the picture, and signs in with it."""

import asyncio
import os

import pyotp
import pytest
from fastapi import FastAPI
from playwright.async_api import Page, expect

from models import Role
from services import passwords
from services.config import Settings, use_settings
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.browser.stage import at_page, chromium, served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]
PICTURES = os.environ.get("TOT_PICTURES")
PASSWORD = "correct horse battery"


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


async def knock(page: Page, address: str, login: str) -> None:
    await page.goto(f"{address}/admin/journal/list")
    await page.get_by_label("Почта или телефон").fill(login)
    await page.get_by_label("Пароль").fill(PASSWORD)
    await page.keyboard.press("Enter")


async def test_a_newcomer_scans_the_picture_and_signs_in_with_the_phone(
    app: FastAPI, sessions: Sessions, settings: Settings
) -> None:
    hashed = await passwords.hash(PASSWORD)
    async with transaction(sessions) as session:
        user = await make.person(session, Role.ADMIN, password_hash=hashed)
    use_settings(settings.model_copy(update={"require_staff_totp": True}))
    try:
        async with (
            served(app) as address,
            chromium() as browser,
            at_page(browser, address, "nobody") as page,
        ):
            await knock(page, address, str(user.email))
            await expect(page.get_by_role("heading")).to_have_text(
                "Подключение второго фактора"
            )
            await picture(page, "totp-why")
            await page.get_by_role("button", name="Начать").click()
            drawn = page.locator("svg.qr")
            await expect(drawn).to_be_visible()
            await picture(page, "totp-enrol")
            box = await drawn.bounding_box()
            assert box is not None
            assert box["width"] > 150
            await page.get_by_text("Нет камеры?").click()
            letters = await page.locator(".secret").inner_text()
            phone = pyotp.TOTP(letters.replace(" ", ""))
            await page.get_by_label("6 цифр").fill(phone.now())
            await page.keyboard.press("Enter")
            await expect(page.locator(".recovery li")).to_have_count(10)
            await picture(page, "totp-codes")
            codes = await page.locator(".recovery li").all_inner_texts()
            async with page.expect_download() as saved:
                await page.get_by_text("Сохранить в файл").click()
            path = await (await saved.value).path()
            kept = await asyncio.to_thread(path.read_text)
            assert kept.split() == codes
            await page.get_by_text("Коды сохранены").click()
            await expect(page).to_have_url(f"{address}/admin/journal/list")
            await page.goto(f"{address}/admin/me")
            await page.get_by_role("button", name="Выйти").click()
            await knock(page, address, str(user.email))
            await expect(page.get_by_role("heading")).to_have_text("Код из приложения")
            await picture(page, "totp-code")
            await page.get_by_label("6 цифр").fill("000000")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("alert")).to_contain_text("Код неверен")
            await page.get_by_label("6 цифр").fill(codes[0])
            await page.keyboard.press("Enter")
            await expect(page).to_have_url(f"{address}/admin/journal/list")
    finally:
        use_settings(settings)
