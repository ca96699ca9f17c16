"""The second factor in the console: half a sign-in opens nothing (A9, A10, A15)."""

import re
from collections.abc import AsyncIterator

import pyotp
import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient
from sqlmodel import col

from models import AuditEvent, Role, User
from services import clock, passwords, second_factor, staff_sessions
from services.config import Settings, use_settings
from services.database import Sessions
from services.edges import transaction
from services.errors import Unauthenticated
from services.staff_sessions import Client
from tests import factories
from tests.backoffice.browser import OURS, SCRIPT, Browser, anonymous, signed_in
from tests.backoffice.test_matrix import NOBODY_ID, TABLE

PASSWORD = "correct horse battery"
HERE = "/me/second-factor"
OPEN_TO_HALVES = {"GET /me/second-factor", "POST /me/theme", "POST /me/language"} | {
    f"POST /me/second-factor/{step}" for step in ("begin", "confirm", "check")
}


@pytest_asyncio.fixture(loop_scope="session")
async def required(settings: Settings) -> AsyncIterator[None]:
    use_settings(settings.model_copy(update={"require_staff_totp": True}))
    yield
    use_settings(settings)


class Phone:
    """The authenticator app, on the database's clock."""

    def __init__(self, sessions: Sessions, page: str) -> None:
        found = re.search(r'class="secret" translate="no">([A-Z2-7 ]+)<', page)
        assert found is not None
        self.app, self.sessions = pyotp.TOTP(found[1].replace(" ", "")), sessions
        self.ahead = 0

    async def code(self) -> str:
        """A code not used yet; there are two, as a step ahead is accepted too."""
        async with transaction(self.sessions) as session:
            now = await clock.now(session)
        code = self.app.at(now, counter_offset=self.ahead)
        self.ahead += 1
        assert self.ahead <= 2
        return code


async def enrol(browser: Browser, sessions: Sessions) -> tuple[Phone, list[str]]:
    await browser.post(f"{HERE}/begin")
    page = await browser.page(HERE)
    assert 'class="qr"' in page
    phone = Phone(sessions, page)
    sheet = await browser.post(f"{HERE}/confirm", code=await phone.code())
    assert sheet.status_code == 200
    return phone, re.findall(r"<li>([a-z2-9]{5}-[a-z2-9]{5})</li>", sheet.text)


async def member(sessions: Sessions, role: Role = Role.DISPATCHER) -> User:
    async with transaction(sessions) as session:
        hashed = await passwords.hash(PASSWORD)
        return await factories.person(session, role, password_hash=hashed)


async def knock(client: AsyncClient, user: User, wanted: str = "") -> Browser:
    """Give the right password; what comes is half a sign-in."""
    data = {"username": user.email, "password": PASSWORD, "next": wanted}
    assert (await client.post("/admin/login", data=data, headers=OURS)).is_redirect
    page = await client.get(f"/admin{HERE}")
    token = re.search(r'name="csrf_token" value="([\w-]+)"', page.text)
    assert token is not None
    return Browser(client, user, token[1])


async def actions(sessions: Sessions) -> list[str]:
    async with transaction(sessions) as session:
        query = sa.select(col(AuditEvent.action)).order_by(col(AuditEvent.id))
        return list((await session.scalars(query)).all())


async def test_half_a_sign_in_opens_no_page_and_no_command(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    async with anonymous(app) as client:
        await enrol(await knock(client, user), sessions)
    async with anonymous(app) as client:
        half = await knock(client, user)
        for line in set(TABLE) - OPEN_TO_HALVES:
            method, _, path = line.partition(" ")
            path = "/admin" + path.replace("{pk}", NOBODY_ID)
            headers = OURS | {"x-csrf-token": half.csrf}
            page = await client.request(method, path, headers=headers)
            assert page.status_code == 302, line
            assert page.headers["location"].startswith(f"/admin{HERE}"), line
            script = await client.request(method, path, headers=headers | SCRIPT)
            assert script.status_code == 403, line
            assert script.json()["code"] == "second_factor_required", line
        lost = await client.get("/admin/nothing-here")
        assert "<nav>" not in lost.text


async def test_a_code_finishes_the_sign_in_under_another_session(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    async with anonymous(app) as client:
        phone, _ = await enrol(await knock(client, user), sessions)
    async with anonymous(app) as client:
        half = await knock(client, user)
        before = client.cookies["tot_staff"]
        onward = "/admin/calls/list"
        answer = await half.post(f"{HERE}/check", code=await phone.code(), next=onward)
        assert (answer.status_code, answer.headers["location"]) == (303, onward)
        assert client.cookies["tot_staff"] != before
        assert (await client.get(onward)).status_code == 200
    async with anonymous(app) as old:
        old.cookies.set("tot_staff", before)
        assert (
            (await old.get(f"/admin{HERE}"))
            .headers["location"]
            .startswith("/admin/login")
        )


async def test_a_code_seen_over_the_shoulder_is_worth_nothing(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    async with anonymous(app) as client:
        phone, recovery = await enrol(await knock(client, user), sessions)
    seen = await phone.code()
    for typed in (seen, recovery[0]):
        async with anonymous(app) as mine, anonymous(app) as theirs:
            first, second = await knock(mine, user), await knock(theirs, user)
            assert (await first.post(f"{HERE}/check", code=typed)).status_code == 303
            again = await second.post(f"{HERE}/check", code=typed)
            assert again.status_code == 422
            assert "Код неверен" in again.text
    assert "second_factor.refused" in await actions(sessions)


async def test_guessing_stops_after_five_tries_even_for_the_right_code(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    async with anonymous(app) as client:
        phone, _ = await enrol(await knock(client, user), sessions)
    async with transaction(sessions) as session:
        await session.execute(sa.text("DELETE FROM rate_limit"))
    async with anonymous(app) as client:
        half = await knock(client, user)
        codes = [
            (await half.post(f"{HERE}/check", code="000000")).status_code
            for _ in range(5)
        ]
        late = await half.post(f"{HERE}/check", code=phone.app.now())
    assert codes == [422] * 5
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) > 0
    assert (await actions(sessions)).count("second_factor.refused") == 5


async def test_a_broken_limiter_lets_nobody_past_the_second_factor(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    async with anonymous(app) as client:
        phone, recovery = await enrol(await knock(client, user), sessions)
    async with anonymous(app) as client:
        half = await knock(client, user)
        async with transaction(sessions) as session:
            await session.execute(sa.text("ALTER TABLE rate_limit RENAME TO away"))
        try:
            for typed in (await phone.code(), recovery[0]):
                shut = await half.post(f"{HERE}/check", code=typed)
                assert shut.status_code == 503
        finally:
            async with transaction(sessions) as session:
                await session.execute(sa.text("ALTER TABLE away RENAME TO rate_limit"))
        opened = await half.post(f"{HERE}/check", code=recovery[0])
        assert opened.status_code == 303


async def test_a_code_needs_a_form_of_our_own(app: FastAPI, sessions: Sessions) -> None:
    user = await member(sessions)
    async with anonymous(app) as client:
        half = await knock(client, user)
        half.csrf = "guessed"
        for step in ("begin", "confirm", "check"):
            assert (await half.post(f"{HERE}/{step}", code="1")).status_code == 403


@pytest.mark.usefixtures("required")
async def test_where_it_is_required_the_first_sign_in_sets_it_up(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions, Role.ADMIN)
    async with anonymous(app) as client:
        half = await knock(client, user)
        page = await client.get("/admin/journal/list")
        assert page.headers["location"] == f"/admin{HERE}?next=/admin/journal/list"
        missing = await half.post(f"{HERE}/confirm", code="123456")
        assert missing.status_code == 404
        _, recovery = await enrol(half, sessions)
        assert len(set(recovery)) == 10
        assert (await client.get("/admin/journal/list")).status_code == 200


async def test_one_renews_the_codes_and_changes_the_phone(
    app: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(app, sessions, Role.FINANCE)
    assert "data-second" not in await browser.page("/me")
    _, recovery = await enrol(browser, sessions)
    browser.csrf = await csrf(browser)
    assert "Осталось запасных кодов" in await browser.page(HERE)
    sheet = await browser.post(f"{HERE}/codes")
    assert recovery[0] not in sheet.text
    assert len(re.findall(r"<li>[a-z2-9]{5}-[a-z2-9]{5}</li>", sheet.text)) == 10
    await browser.post(f"{HERE}/off")
    assert "Второй фактор выключен" in await browser.page("/")
    assert "Подключение второго фактора" in await browser.page(HERE)
    taken = await browser.post(f"{HERE}/check", code="123456", _headers=SCRIPT)
    assert taken.json()["code"] == "not_found"


async def csrf(browser: Browser) -> str:
    found = re.search(r'csrf-token" content="([\w-]+)"', await browser.page("/me"))
    assert found is not None
    return found[1]


async def test_an_administrator_resets_it_and_the_person_signs_in_anew(
    app: FastAPI, sessions: Sessions, admin: Browser
) -> None:
    other = await signed_in(app, sessions, Role.CURATOR)
    assert "second-factor/reset" not in await admin.page(
        f"/users/details/{other.user.id}"
    )
    await enrol(other, sessions)
    assert "second-factor/reset" in await admin.page(f"/users/details/{other.user.id}")
    here = f"/users/{other.user.id}/second-factor/reset"
    assert (await admin.post(here, reason="Телефон утонул")).status_code == 303
    assert (await other.get("/me")).headers["location"].startswith("/admin/login")


async def test_who_is_in_already_gets_no_fresh_proof_for_a_code_alone(
    app: FastAPI, sessions: Sessions, admin: Browser
) -> None:
    _, recovery = await enrol(admin, sessions)
    admin.csrf = await csrf(admin)
    await grow_stale(sessions)
    taken = await admin.post(f"{HERE}/check", code=recovery[0])
    assert taken.status_code == 404
    asked = await admin.post("/staff", role="admin", reason="x")
    assert asked.status_code == 403


async def grow_stale(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        await session.execute(
            sa.text(
                "UPDATE staff_session SET"
                " reauthenticated_at = reauthenticated_at - interval '1 hour'"
            )
        )


@pytest.mark.usefixtures("required")
async def test_a_secret_is_shown_only_where_it_was_begun(
    app: FastAPI, sessions: Sessions
) -> None:
    user = await member(sessions)
    async with anonymous(app) as mine, anonymous(app) as theirs:
        victim, thief = await knock(mine, user), await knock(theirs, user)
        await victim.post(f"{HERE}/begin")
        assert 'class="qr"' in await victim.page(HERE)
        assert 'class="qr"' not in await thief.page(HERE)
        phone = Phone(sessions, await victim.page(HERE))
        stolen = await thief.post(f"{HERE}/confirm", code=await phone.code())
        assert stolen.status_code == 404
        sheet = await victim.post(f"{HERE}/confirm", code=phone.app.now())
        assert sheet.status_code == 200


async def test_a_half_that_ended_meanwhile_is_not_finished(
    app: FastAPI, sessions: Sessions, admin: Browser
) -> None:
    user = await member(sessions)
    async with anonymous(app) as client:
        _, recovery = await enrol(await knock(client, user), sessions)
    async with anonymous(app) as client:
        await knock(client, user)
        token = client.cookies["tot_staff"]
    async with transaction(sessions) as session:
        seen = await staff_sessions.find(session, token, 30)
    assert seen is not None
    await admin.post(f"/users/{user.id}/password")
    async with transaction(sessions) as session:
        assert await second_factor.check(session, user.id, recovery[0])
        with pytest.raises(Unauthenticated):
            await second_factor.complete(session, seen, Client(None, None), 12)
