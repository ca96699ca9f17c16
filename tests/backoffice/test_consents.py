"""The page where an administrator publishes the texts of consents."""

from fastapi import FastAPI

from models import Role
from services.database import Sessions
from tests.backoffice.browser import signed_in

NEW = {
    "kind": "personal_data",
    "version": "2026-11",
    "text_ru": "Я согласен <script>alert(1)</script>",
    "text_en": "I agree",
}


async def test_an_administrator_publishes_a_text(
    app: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(app, sessions, Role.ADMIN)
    assert "Ещё ничего не опубликовано" in await browser.page("/consents")
    assert (await browser.post("/consents", **NEW)).status_code == 303
    page = await browser.page("/consents")
    assert "Редакция 2026-11 опубликована." in page
    assert "<script>alert(1)" not in page
    await browser.post("/consents", **NEW | {"version": "2026-12"})
    page = await browser.page("/consents")
    assert page.index("2026-12") < page.index("2026-11")
    assert page.count("pill good") == 1


async def test_a_version_is_published_once_and_typed_text_is_not_lost(
    app: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(app, sessions, Role.ADMIN)
    await browser.post("/consents", **NEW)
    again = await browser.post("/consents", **NEW | {"text_en": "Something new"})
    assert again.status_code == 409
    assert "Something new" in again.text
    assert "Эта версия уже опубликована" in again.text


async def test_an_unfit_kind_or_an_empty_text_is_refused(
    app: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(app, sessions, Role.ADMIN)
    for wrong in ({"kind": "Вид"}, {"text_ru": ""}, {"version": "x" * 41}):
        answer = await browser.post("/consents", **NEW | wrong)
        assert answer.status_code == 422
        assert 'class="why"' in answer.text
