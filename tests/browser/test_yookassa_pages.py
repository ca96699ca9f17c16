"""The pages of the local YooKassa in a browser, on a phone's screen."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Page

from tests.browser.stage import chromium
from tests.sandbox.yookassa_shop import Shop, payment_body, sbp_body
from tests.yookassa_server import YooKassa, yookassa

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def provider() -> Iterator[YooKassa]:
    with yookassa() as served:
        yield served


async def fits(page: Page) -> bool:
    """Nothing is wider than the screen."""
    width = await page.evaluate("document.documentElement.scrollWidth")
    return bool(width <= PHONE["width"])


async def opened(browser: Browser, address: str, faults: list[str]) -> Page:
    page = await browser.new_page(viewport=PHONE)
    page.on("console", lambda said: faults.append(said.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(address)
    return page


async def test_a_payer_pays_declines_and_confirms(provider: YooKassa) -> None:
    shop, faults = Shop(provider), list[str]()
    back = {"type": "redirect", "return_url": f"{provider.base_url}/admin"}
    card, declined = (
        shop.done("POST", "/payments", payment_body(confirmation=back))
        for _ in range(2)
    )
    sbp = shop.done("POST", "/payments", sbp_body())
    async with chromium() as browser:
        page = await opened(browser, card["confirmation"]["confirmation_url"], faults)
        assert await fits(page)
        await page.get_by_role("button", name="Оплатить").dblclick()
        await page.wait_for_url(back["return_url"])
        assert await fits(page)
        await page.go_back()
        await page.reload()
        assert await page.get_by_text("Оплачено").is_visible()
        assert await page.get_by_role("button").count() == 0

        address = declined["confirmation"]["confirmation_url"]
        page = await opened(browser, address, faults)
        await page.get_by_role("button", name="недостаточно средств").click()
        await page.wait_for_url(back["return_url"])

        link = sbp["confirmation"]["confirmation_data"]
        page = await opened(browser, link, faults)
        assert await fits(page)
        await page.get_by_role("button", name="Подтвердить").click()
        await page.get_by_text("Оплачено").wait_for()
    assert faults == []
    states = [each["status"] for each in provider.listing("payments")]
    assert states == ["succeeded", "canceled", "succeeded"]
    assert provider.totals()["captured"] == 500_000
