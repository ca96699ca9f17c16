"""Sessions and forgery: who is let through, and whether they meant it."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col
from starlette.routing import Route

from backoffice.guard import cookie_name
from models import Role, StaffSession
from services import living_sessions
from services.database import Sessions
from services.edges import transaction
from tests.backoffice.browser import OURS, SCRIPT, Browser, anonymous, session_of

UUID = "00000000-0000-7000-8000-000000000000"


def post_routes(app: FastAPI) -> list[str]:
    """Every path of the console that takes a POST, with its holes filled in."""
    paths = [
        route.path
        for route in app.state.console.admin.router.routes
        if isinstance(route, Route) and "POST" in (route.methods or ())
    ]
    return [fill(path) for path in paths]


def fill(path: str) -> str:
    holes = {"{pk:path}": UUID, "{pk}": UUID, "{identity}": "prices"}
    holes["{verb}"] = "cancel"
    for hole, filling in holes.items():
        path = path.replace(hole, filling)
    return path


async def update(engine: AsyncEngine, statement: str, **values: object) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text(statement), values)


async def test_no_post_is_taken_without_proof_of_origin(
    app: FastAPI, admin: Browser
) -> None:
    assert len(post_routes(app)) > 20
    for path in post_routes(app):
        body = {"csrf_token": admin.csrf}
        for headers in (
            {},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"sec-fetch-site": "none"},
            {"origin": "http://evil.example"},
            {"origin": "http://testserver:8103"},
            {"origin": "null"},
        ):
            answer = await admin.client.post(
                "/admin" + path, data=body, headers=headers
            )
            assert answer.status_code == 403, (path, headers)


async def test_no_post_is_taken_without_the_token_of_the_session(
    app: FastAPI, admin: Browser, dispatcher: Browser
) -> None:
    for path in post_routes(app):
        if path == "/login":
            continue
        for token in ("", "x", dispatcher.csrf):
            answer = await admin.client.post(
                "/admin" + path, data={"csrf_token": token}, headers=OURS
            )
            assert answer.status_code == 403, (path, token)
        answer = await admin.client.post(
            "/admin" + path, json={"csrf_token": admin.csrf}, headers=OURS
        )
        assert answer.status_code == 403, path


async def test_the_token_may_come_as_a_header_or_in_either_kind_of_form(
    admin: Browser,
) -> None:
    by_header = await admin.client.post(
        "/admin/me/theme",
        json={"theme": "dark"},
        headers=OURS | SCRIPT | {"x-csrf-token": admin.csrf},
    )
    assert by_header.json() == {"ok": True, "message": "", "theme": "dark"}
    multipart = await admin.client.post(
        "/admin/me/theme",
        files={"theme": (None, "light"), "csrf_token": (None, admin.csrf)},
        headers=OURS,
    )
    assert multipart.status_code == 303
    origin_only = await admin.client.post(
        "/admin/me/theme",
        data={"theme": "auto", "csrf_token": admin.csrf},
        headers={"origin": "http://testserver"},
    )
    assert origin_only.status_code == 303


async def test_a_token_given_twice_or_in_an_unknown_kind_of_body_is_refused(
    admin: Browser,
) -> None:
    twice = f"csrf_token={admin.csrf}&csrf_token={admin.csrf}"
    form = {"content-type": "application/x-www-form-urlencoded"}
    answers = [
        await admin.client.post("/admin/me/theme", content=twice, headers=OURS | form),
        await admin.client.post("/admin/me/theme", content=twice, headers=OURS),
    ]
    assert [each.status_code for each in answers] == [403, 403]


async def test_a_huge_body_is_refused(admin: Browser) -> None:
    answer = await admin.post("/me/theme", theme="x" * (2 * 1024 * 1024))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE staff_session SET last_seen_at = last_seen_at - interval '31 min'",
        "UPDATE staff_session SET expires_at = app_now() - interval '1 s'",
        "UPDATE staff_session SET ended_at = app_now()",
        "UPDATE app_user SET blocked_at = app_now()",
        "UPDATE app_user SET auth_version = auth_version + 1",
        "UPDATE role_grant SET revoked_at = app_now()",
    ],
)
async def test_a_session_ends_at_the_next_request(
    admin: Browser, engine: AsyncEngine, change: str
) -> None:
    assert "csrf-token" in await admin.page("/")
    await update(engine, change)
    page = await admin.get("/journal/list")
    assert (page.status_code, page.headers["location"]) == (
        302,
        "/admin/login?next=/admin/journal/list",
    )
    for accept in ("application/json", "text/event-stream"):
        script = await admin.get("/journal/list", headers={"accept": accept})
        assert (script.status_code, script.json()["code"]) == (401, "unauthenticated")


async def test_a_person_at_work_is_not_idle_but_a_background_poll_is(
    admin: Browser, engine: AsyncEngine, sessions: Sessions
) -> None:
    async def minutes_idle() -> float:
        async with transaction(sessions) as session:
            idle = sa.func.app_now() - col(StaffSession.last_seen_at)
            seconds = await session.scalar(sa.select(sa.extract("epoch", idle)))
        return float(seconds or 0) / 60

    back = "UPDATE staff_session SET last_seen_at = app_now() - interval '20 min'"
    await update(engine, back)
    for headers in ({"x-background": "1"}, {"accept": "text/event-stream"}):
        await admin.get("/me", headers=headers)
        assert await minutes_idle() > 19
    await admin.get("/me")
    assert await minutes_idle() < 1


async def test_signing_out_ends_the_session_on_the_server(
    app: FastAPI, admin: Browser
) -> None:
    stolen = [*admin.client.cookies.jar]
    answer = await admin.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
    async with anonymous(app) as thief:
        thief.cookies.update({cookie.name: str(cookie.value) for cookie in stolen})
        again = await thief.get("/admin/")
    assert again.status_code == 302


async def test_reading_never_signs_out(admin: Browser) -> None:
    assert (await admin.get("/logout")).status_code == 405
    assert "csrf-token" in await admin.page("/")


async def test_live_sessions_are_told_from_ended_ones(
    app: FastAPI, sessions: Sessions, admin: Browser, engine: AsyncEngine
) -> None:
    async with transaction(sessions) as session:
        ids = set((await session.scalars(sa.select(col(StaffSession.id)))).all())
        assert await living_sessions.living(session, ids) == ids
    await update(engine, "UPDATE app_user SET blocked_at = app_now()")
    async with transaction(sessions) as session:
        assert await living_sessions.living(session, ids) == set()


async def test_two_browsers_of_one_person_have_tokens_of_their_own(
    app: FastAPI, sessions: Sessions, admin: Browser
) -> None:
    other = await session_of(app, sessions, admin.user, Role.ADMIN)
    assert other.csrf != admin.csrf
    answer = await other.client.post(
        "/admin/me/theme",
        data={"theme": "dark", "csrf_token": admin.csrf},
        headers=OURS,
    )
    assert answer.status_code == 403


def test_the_cookie_is_bound_to_the_host_under_https() -> None:
    assert cookie_name(True) == "__Host-tot_staff"
    assert cookie_name(False) == "tot_staff"
