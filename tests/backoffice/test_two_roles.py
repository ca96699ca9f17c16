"""Staff who are patients as well: one password, two doors, the stricter rule."""

from fastapi import FastAPI
from httpx import AsyncClient

from models import Role, User
from services import passwords
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import bearer
from tests.backoffice.browser import Browser, anonymous, session_of

PASSWORD = "correct horse battery"
NEXT = "another horse battery"


async def both(sessions: Sessions) -> User:
    hashed = await passwords.hash(PASSWORD)
    async with transaction(sessions) as session:
        roles = (Role.DISPATCHER, Role.PATIENT)
        return await factories.person(session, *roles, password_hash=hashed)


async def token(client: AsyncClient, user: User, password: str = PASSWORD) -> str:
    body = {"login": user.email, "password": password}
    answer = await client.post("/v1/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    client.headers.update(bearer(answer.json()))
    return str(answer.json()["refresh_token"])


async def refreshed(client: AsyncClient, refresh: str) -> int:
    body = {"refresh_token": refresh}
    return (await client.post("/v1/auth/refresh", json=body)).status_code


async def test_a_short_password_over_rest_does_not_weaken_the_console(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await both(sessions)
    async with anonymous(app) as client:
        await token(client, user)
        body = {"current_password": PASSWORD, "new_password": "qk7vbx2m"}
        short = await client.put("/v1/me/password", json=body)
        assert short.status_code == 422
        body["new_password"] = NEXT
        assert (await client.put("/v1/me/password", json=body)).status_code == 204


async def test_a_new_password_in_the_console_ends_the_sign_ins_over_rest(
    app: FastAPI, sessions: Sessions, admin: Browser
) -> None:
    user = await both(sessions)
    browser = await session_of(app, sessions, user, Role.DISPATCHER)
    async with anonymous(app) as client:
        before = await token(client, user)
        new = {"new_password": NEXT, "repeated": NEXT}
        await browser.post("/me/password", current_password=PASSWORD, **new)
        assert await refreshed(client, before) == 401
        again = await token(client, user, NEXT)
        await admin.post(f"/users/{user.id}/password")
        assert await refreshed(client, again) == 401


async def test_a_patient_who_joins_the_house_chooses_a_longer_password_first(
    app: FastAPI, sessions: Sessions, admin: Browser
) -> None:
    hashed = await passwords.hash("qk7vbx2m")
    async with transaction(sessions) as session:
        user = await factories.person(session, Role.PATIENT, password_hash=hashed)
    role = {"role": "dispatcher", "reason": "приняли на работу"}
    assert (await admin.post(f"/users/{user.id}/grant", **role)).status_code == 303
    async with transaction(sessions) as session:
        user = await session.get_one(User, user.id)
    browser = await session_of(app, sessions, user, Role.DISPATCHER)
    board = await browser.get("/board")
    assert board.headers["location"] == "/admin/me/password"
