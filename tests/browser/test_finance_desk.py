"""A refund in two browsers: one person asks and reads what it needs, another agrees."""

import os

import pytest
from fastapi import FastAPI
from playwright.async_api import Page, expect
from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking import Status
from models.refund import RefundStatus
from models.role_grant import Role
from services import staff_sessions
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests import factories as make
from tests import refunding
from tests.browser.stage import at_page, chromium, served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]
PICTURES = os.environ.get("TOT_PICTURES")


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


async def finance(session: AsyncSession, **named: str) -> str:
    """Hire somebody for the money; give the token of their session."""
    user = await make.person(session, Role.FINANCE, **named)
    found = Candidate(user, Role.FINANCE)
    return await staff_sessions.begin(session, found, Client(None, None), 12)


async def test_one_asks_for_a_refund_and_another_agrees(
    app: FastAPI, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        stage = await refunding.paid_call(
            session, Status.COMPLETED, method_title="•••• 4444"
        )
        maria = await finance(session, first_name="Мария", last_name="Соколова")
        oleg = await finance(session, first_name="Олег", last_name="Виноградов")
    card = f"/admin/payments/call/{stage.booking.id}"
    async with (
        served(app) as address,
        chromium() as browser,
        at_page(browser, address, maria) as page,
        at_page(browser, address, oleg) as other,
    ):
        await page.bring_to_front()
        await page.goto(address + card)
        await page.get_by_role("link", name="Вернуть").click()
        amount = page.get_by_label("Сумма, ₽").first
        await expect(amount).to_be_focused()
        said = page.locator("[data-said]")
        await amount.fill("5 001")
        await expect(said).to_contain_text("Вернуть можно не больше 5 000 ₽")
        await amount.fill("1 200")
        await expect(said).to_contain_text("Нужен второй человек")
        await expect(said).to_contain_text("Сумма не та, что по правилам возврата")
        agreed = page.get_by_label("Пациент сам выбрал кошелёк")
        await expect(agreed).to_be_hidden()
        await page.get_by_label("В кошелёк").check()
        await expect(agreed).to_be_visible()
        await expect(said).to_contain_text("Деньги идут не туда, откуда платили")
        await page.get_by_label("Туда, откуда платили").check()
        await expect(said).not_to_contain_text("Деньги идут не туда")
        await page.get_by_label("Причина").first.select_option("poor_service")
        pro_rata = page.locator('[data-share="pro_rata"]')
        await expect(pro_rata).to_contain_text("840 ₽ из оплаты врача")
        await page.get_by_label("Врач и сервис по долям").check()
        await picture(page, "refund-asked")
        await page.get_by_role("button", name="Запросить возврат").click()
        await expect(page.locator(".toast")).to_contain_text(
            "Возврат уйдёт, когда согласится второй человек"
        )
        await page.get_by_role("link", name="Посмотреть").click()
        await expect(page.locator("main")).to_contain_text(
            "Кто запросил возврат, тот его не одобряет"
        )
        await expect(page.get_by_role("button", name="Одобрить")).to_have_count(0)

        await other.goto(f"{address}/admin/refunds")
        await expect(other.locator("main")).to_contain_text("Соколова М.")
        await other.get_by_role("link", name="Посмотреть").click()
        await picture(other, "refund-seen")
        await other.get_by_role("button", name="Одобрить 1 200 ₽").click()
        await expect(other.locator(".toast")).to_contain_text(
            "возвращаются туда, откуда платили"
        )
    async with transaction(sessions) as session:
        [made] = await refunding.refunds_of(session, stage.booking)
    assert (made.status, made.amount_kopecks) == (RefundStatus.APPROVED, 120_000)
