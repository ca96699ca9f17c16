"""The page behind the link of a forgotten password."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient
from sqlmodel import col, select

from models import Notification, User
from services import password_reset, sealing
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import anonymous

PASSWORD = "очень длинный пароль"
PLACE = password_reset.PAGE


async def sent_link(sessions: Sessions) -> tuple[User, str]:
    """Have a link sent to somebody; give its token."""
    async with transaction(sessions) as session:
        user = await factories.patient(session, password_hash="x")
        await password_reset.send(session, str(user.id))
        query = select(Notification.sealed).where(
            col(Notification.kind) == "password_reset"
        )
        sealed = (await session.exec(query)).one()
    return user, sealing.unseal(str(sealed)).partition("token=")[2]


async def post(client: AsyncClient, token: str, **typed: str) -> tuple[int, str]:
    fields = {"token": token, "new_password": PASSWORD, "repeated": PASSWORD}
    answer = await client.post(PLACE, data=fields | typed)
    return answer.status_code, answer.text


async def test_a_password_is_set_on_the_page_once(
    app: FastAPI, sessions: Sessions
) -> None:
    user, token = await sent_link(sessions)
    async with anonymous(app) as client:
        page = await client.get(PLACE, params={"token": token})
        assert page.status_code == 200
        assert str(user.email) in page.text
        assert page.headers["cache-control"] == "no-store"
        assert "style-src 'self'" in page.headers["content-security-policy"]
        status, text = await post(client, token)
        assert (status, "Новый пароль задан" in text) == (200, True)
        login = {"login": user.email, "password": PASSWORD}
        assert (await client.post("/v1/auth/login", json=login)).status_code == 200
        status, text = await post(client, token)
        assert (status, "Ссылка уже использована" in text) == (422, True)
        english = await client.get(PLACE, params={"token": token, "lang": "en"})
        assert "The link was used already" in english.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"repeated": "другой длинный пароль"}, "Пароли не совпадают"),
        ({"new_password": "12345678", "repeated": "12345678"}, "why"),
        ({"new_password": "x" * 200, "repeated": "x" * 200}, "why"),
    ],
    ids=["differs", "weak", "long"],
)
async def test_a_refused_password_leaves_the_link_good(
    app: FastAPI, sessions: Sessions, typed: dict[str, str], said: str
) -> None:
    _, token = await sent_link(sessions)
    async with anonymous(app) as client:
        status, text = await post(client, token, **typed)
        assert (status, said in text, token in text) == (422, True, True)
        assert (await post(client, token))[0] == 200


@pytest.mark.parametrize("token", ["", "x.y", "x" * 5000, "'><script>"])
async def test_a_link_that_is_none_of_ours_shows_no_form(
    app: FastAPI, sessions: Sessions, token: str
) -> None:
    async with anonymous(app) as client:
        page = await client.get(PLACE, params={"token": token})
        assert page.status_code == 422
        assert "new_password" not in page.text
        assert "<script>" not in page.text.replace("<script src", "")
        assert (await post(client, token))[0] == 422


async def test_without_its_counters_the_page_lets_nobody_try(
    app: FastAPI, sessions: Sessions
) -> None:
    _, token = await sent_link(sessions)
    async with transaction(sessions) as session:
        await session.execute(sa.text("ALTER TABLE rate_limit RENAME TO away"))
    try:
        async with anonymous(app) as client:
            assert (await post(client, token))[0] == 503
    finally:
        async with transaction(sessions) as session:
            await session.execute(sa.text("ALTER TABLE away RENAME TO rate_limit"))
