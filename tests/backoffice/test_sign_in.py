"""The door: passwords, limits, first passwords, languages."""

import re

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from backoffice.app import create_app
from models import AuditEvent, Role, RoleGrant, StaffSession, User
from services import passwords
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.errors import InvalidCredentials
from tests import factories
from tests.backoffice.browser import OURS, SCRIPT, Browser, anonymous

PASSWORD = "correct horse battery"


async def member(
    sessions: Sessions, role: Role = Role.DISPATCHER, **facts: object
) -> User:
    async with transaction(sessions) as session:
        hashed = await passwords.hash(PASSWORD)
        return await factories.person(session, role, password_hash=hashed, **facts)


async def knock(
    client: AsyncClient, login: str, password: str = PASSWORD, **more: str
) -> Response:
    data = {"username": login, "password": password} | more
    return await client.post("/admin/login", data=data, headers=OURS)


async def test_the_right_password_opens_by_e_mail_and_by_phone(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    for login in (str(user.email).upper(), "8" + str(user.phone)[2:]):
        async with anonymous(app) as client:
            answer = await knock(client, f" {login} ")
            assert (answer.status_code, answer.headers["location"]) == (303, "/admin/")
            assert "csrf-token" in (await client.get("/admin/")).text


async def test_the_cookie_holds_a_random_id_and_is_new_at_each_sign_in(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    async with anonymous(app) as client:
        client.cookies.set("tot_staff", "chosen-by-somebody-else")
        first = (await knock(client, str(user.email))).headers["set-cookie"]
        second = (await knock(client, str(user.email))).headers["set-cookie"]
    assert first != second
    assert "chosen" not in first + second
    assert re.fullmatch(r"tot_staff=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", first)
    async with transaction(sessions) as session:
        hashes = (await session.scalars(sa.select(col(StaffSession.token_hash)))).all()
    assert not any(each in first + second for each in hashes)


@pytest.mark.parametrize("case", ["password", "unknown", "patient", "blocked", "empty"])
async def test_everybody_else_gets_the_same_answer_and_a_line_in_the_journal(
    app: FastAPI, sessions: Sessions, engine: AsyncEngine, case: str
) -> None:
    role = Role.PATIENT if case == "patient" else Role.DISPATCHER
    user = await member(sessions, role)
    login = {"unknown": "nobody@example.org", "empty": ""}.get(case, str(user.email))
    if case == "blocked":
        async with engine.begin() as connection:
            await connection.execute(
                sa.text("UPDATE app_user SET blocked_at = app_now()")
            )
    async with anonymous(app) as client:
        answer = await knock(client, login, "wrong" if case == "password" else PASSWORD)
    assert answer.status_code == 401
    assert InvalidCredentials().message in answer.text
    assert "set-cookie" not in answer.headers
    async with transaction(sessions) as session:
        actions = (await session.scalars(sa.select(col(AuditEvent.action)))).all()
    assert actions == ["staff.sign_in_refused"]


async def test_tries_are_limited_for_the_account(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    async with anonymous(app) as client:
        codes = [
            (await knock(client, str(user.email), "wrong")).status_code
            for _ in range(11)
        ]
        right = await knock(client, str(user.email))
        as_json = await client.post(
            "/admin/login",
            data={"username": user.email, "password": "x"},
            headers=OURS | SCRIPT,
        )
    assert codes == [401] * 10 + [429]
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0
    assert as_json.json()["code"] == "too_many_requests"


async def test_sign_in_leads_back_but_never_away(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    for wanted, reached in (
        ("/admin/calls/list", "/admin/calls/list"),
        ("//evil.example", "/admin/"),
        ("https://evil.example/admin/", "/admin/"),
        ("/admin\\@evil.example", "/admin/"),
        ("/adminx", "/admin/"),
        ("javascript:alert(1)", "/admin/"),
        ("/admin/\nx", "/admin/"),
    ):
        async with anonymous(app) as client:
            answer = await knock(client, str(user.email), next=wanted)
        assert answer.headers["location"] == reached, wanted


async def test_a_newcomer_changes_the_one_time_password_first(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions, Role.ADMIN, must_change_password=True)
    async with anonymous(app) as client:
        await knock(client, str(user.email))
        page = await client.get("/admin/journal/list")
        assert page.headers["location"] == "/admin/me/password"
        assert (await client.get("/admin/x", headers=SCRIPT)).status_code in {403, 404}
        form = await client.get("/admin/me/password")
        token = re.search(r'name="csrf_token" value="([\w-]+)"', form.text)
        assert token is not None
        browser = Browser(client, user, token[1])
        assert (await browser.post("/prices/create")).status_code == 302
        fields = {
            "current_password": PASSWORD,
            "new_password": "ещё один пароль",
            "repeated": "ещё один пароль",
        }
        for wrong in (
            {"current_password": "no"},
            {"repeated": "other"},
            {"new_password": "short", "repeated": "short"},
            {"new_password": PASSWORD, "repeated": PASSWORD},
        ):
            answer = await browser.post("/me/password", **(fields | wrong))
            assert answer.status_code == 422, wrong
            assert PASSWORD not in answer.text
        answer = await browser.post("/me/password", **fields)
        assert answer.status_code == 303
        assert "Пароль изменён" in (await client.get("/admin/")).text
    async with anonymous(app) as client:
        assert (await knock(client, str(user.email))).status_code == 401
        fresh = await knock(client, str(user.email), "ещё один пароль")
        assert fresh.status_code == 303


async def test_the_language_is_asked_for_remembered_and_kept_with_the_person(
    app: FastAPI, sessions: Sessions, admin: Browser
) -> None:
    async with anonymous(app) as client:
        assert '<html lang="ru"' in (await client.get("/admin/login")).text
        english = await client.get("/admin/login?lang=en")
        assert "tot_lang=en" in english.headers["set-cookie"]
        assert '<html lang="en"' in (await client.get("/admin/login")).text
        odd = await client.get("/admin/login?lang=de")
        assert "set-cookie" not in odd.headers
    assert '<html lang="ru"' in await admin.page("/")
    answer = await admin.post("/me/language", language="en")
    assert "tot_lang=en" in answer.headers["set-cookie"]
    async with transaction(sessions) as session:
        assert (await session.get_one(User, admin.user.id)).locale == "en"
    admin.client.cookies.delete("tot_lang")
    assert '<html lang="en"' in await admin.page("/")
    for path, field in (("/me/language", "language"), ("/me/theme", "theme")):
        wrong = await admin.post(path, **{field: "xx", "_headers": SCRIPT})
        assert wrong.status_code == 422


async def test_under_https_the_cookie_is_bound_to_the_host(
    settings: Settings, database_url: str, sessions: Sessions
) -> None:
    user = await member(sessions)
    secure = settings.model_copy(update={"base_url": "https://testserver"})
    app = create_app(secure, database_url)
    transport = ASGITransport(app)
    base = "https://testserver"
    async with AsyncClient(transport=transport, base_url=base) as client:
        answer = await knock(client, str(user.email))
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-tot_staff=")
        assert cookie.endswith("; HttpOnly; Path=/; SameSite=lax; Secure")
        hsts = answer.headers["strict-transport-security"]
        assert hsts == "max-age=31536000; includeSubDomains"
        assert "csrf-token" in (await client.get("/admin/")).text
    await app.state.engine.dispose()


async def test_the_theme_is_kept_with_the_person(admin: Browser) -> None:
    assert 'class="theme-auto"' in await admin.page("/")
    await admin.post("/me/theme", theme="dark")
    assert 'class="theme-dark"' in await admin.page("/")


async def test_losing_the_staff_role_closes_the_door(
    app: FastAPI, sessions: Sessions, engine: AsyncEngine
) -> None:
    user = await member(sessions)
    async with engine.begin() as connection:
        await connection.execute(
            sa.update(RoleGrant).values(revoked_at=sa.func.app_now())
        )
    async with anonymous(app) as client:
        assert (await knock(client, str(user.email))).status_code == 401
