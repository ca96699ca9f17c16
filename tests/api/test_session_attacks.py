"""Attacks on sessions, tokens and links: A9 to A12 of the checklist."""

import re

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlmodel import select

from backoffice.guard import cookie_name
from models import Role, User
from services import passwords, staff
from services.config import get_settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import (
    PASSWORD,
    bearer,
    is_problem,
    registered,
)
from tests.api.proofs import RESET, asked_link, last_secret
from tests.backoffice.browser import OURS, signed_in

LOGIN = "/v1/auth/login"


async def test_a9_a_planted_cookie_is_replaced_at_sign_in(
    app: FastAPI, sessions: Sessions
) -> None:
    victim = await signed_in(app, sessions, Role.DISPATCHER)
    name = cookie_name(False)
    async with transaction(sessions) as session:
        user = await session.get_one(User, victim.user.id)
        user.password_hash = await passwords.hash(PASSWORD)
        email = user.email
    victim.client.cookies.clear()
    victim.client.cookies.set(name, "planted", domain="testserver.local")
    form = {"username": email, "password": PASSWORD}
    answer = await victim.client.post("/admin/login", data=form, headers=OURS)
    assert answer.status_code == 303
    given = re.search(rf"{name}=([^;]+)", answer.headers["set-cookie"])
    assert given
    assert given[1] != "planted"
    assert len(given[1]) >= 22


@pytest.mark.parametrize("ended", ["logout", "block"])
async def test_a10_an_old_cookie_opens_nothing(
    app: FastAPI, sessions: Sessions, ended: str
) -> None:
    desk = await signed_in(app, sessions, Role.DISPATCHER)
    name = cookie_name(False)
    cookie = desk.client.cookies[name]
    assert (await desk.get("/")).status_code == 200
    if ended == "logout":
        await desk.post("/logout")
    else:
        async with transaction(sessions) as session:
            admin = await factories.person(session, Role.ADMIN, password_hash="x")
            actor = factories.as_staff(admin, Role.ADMIN)
            await staff.block(session, actor, desk.user.id, "Уволен")
    desk.client.cookies.clear()
    desk.client.cookies.set(name, cookie, domain="testserver.local")
    answer = await desk.get("/", headers={"accept": "application/json"})
    assert answer.status_code == 401


async def test_a10_a_reset_ends_the_consoles_sessions_too(
    app: FastAPI, client: AsyncClient, sessions: Sessions
) -> None:
    desk = await signed_in(app, sessions, Role.CURATOR, password_hash="x")
    token = await asked_link(client, sessions, str(desk.user.email))
    body = {"token": token, "new_password": "a wholly new passphrase"}
    assert (await client.post(f"{RESET}/confirm", json=body)).status_code == 204
    answer = await desk.get("/", headers={"accept": "application/json"})
    assert answer.status_code == 401


async def test_a11_tokens_are_used_once_for_their_own_use_and_die_with_the_account(
    client: AsyncClient, sessions: Sessions
) -> None:
    me = await registered(client)
    refresh = {"refresh_token": me["refresh_token"]}
    crossed = await client.get("/v1/me", headers=bearer(me["refresh_token"]))
    is_problem(crossed, 401, "unauthenticated")
    second = (await client.post("/v1/auth/refresh", json=refresh)).json()
    stolen = await client.post("/v1/auth/refresh", json=refresh)
    is_problem(stolen, 401, "unauthenticated")
    for token in (me, second):
        gone = await client.get("/v1/me", headers=bearer(token))
        is_problem(gone, 401, "unauthenticated")
    fresh = (
        await client.post(
            LOGIN, json={"login": me["user"]["email"], "password": PASSWORD}
        )
    ).json()
    async with transaction(sessions) as session:
        admin = await factories.person(session, Role.ADMIN, password_hash="x")
        actor = factories.as_staff(admin, Role.ADMIN)
        user = (
            await session.exec(select(User).where(User.email == me["user"]["email"]))
        ).one()
        await staff.block(session, actor, user.id, "Мошенник")
    gone = await client.get("/v1/me", headers=bearer(fresh))
    is_problem(gone, 401, "unauthenticated")


@pytest.mark.parametrize(
    "header", ["x-forwarded-host", "x-host", "forwarded", "x-original-host", "host"]
)
async def test_a12_a_link_stands_on_our_own_address(
    client: AsyncClient, sessions: Sessions, header: str
) -> None:
    email = (await registered(client))["user"]["email"]
    poison = {header: "host=evil.example" if header == "forwarded" else "evil.example"}
    asked = await client.post(RESET, json={"login": email}, headers=poison)
    if header == "host":
        assert asked.status_code == 400
        return
    assert asked.status_code == 202
    # The helper checks what the link begins with.
    await asked_link(client, sessions, email)
    sealed = await last_secret(sessions, email)
    assert sealed.startswith(f"{get_settings().base_url}/reset-password?token=")
    assert "evil" not in sealed
