"""What must not be done with a borrowed screen asks for the password again."""

import html
import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from sqlmodel import col, select

from models import AuditEvent, Role, RoleGrant, StaffSession
from services import clock, passwords
from services.database import Sessions
from services.edges import transaction
from services.permissions import Permission
from tests import factories
from tests.backoffice.browser import OURS, SCRIPT, Browser, signed_in
from tests.backoffice.test_matrix import NOBODY_ID
from tests.backoffice.test_second_factor import csrf, enrol

PASSWORD = "correct horse battery"
WHY = "новая «смена» <b>"
FRESH = {
    "/users/{pk}/grant": Role.ADMIN,
    "/users/{pk}/revoke": Role.ADMIN,
    "/users/{pk}/senior": Role.ADMIN,
    "/users/{pk}/password": Role.ADMIN,
    "/users/{pk}/unblock": Role.ADMIN,
    "/doctors/{pk}/unblock": Role.CURATOR,
    "/users/{pk}/second-factor/reset": Role.ADMIN,
    "/staff": Role.ADMIN,
    "/doctors": Role.CURATOR,
    "/applications/{pk}/approve": Role.CURATOR,
    "/applications/{pk}/restore": Role.CURATOR,
    "/papers/{pk}/accept": Role.CURATOR,
    "/profile-changes/{pk}/approve": Role.CURATOR,
    "/clinics/{pk}/managers": Role.CURATOR,
    "/clinics/{pk}/managers/{user}/remove": Role.CURATOR,
    "/clinics/{pk}/invitations": Role.CURATOR,
    "/refunds/{pk}/approve": Role.FINANCE,
    "/refunds/{pk}/give_up": Role.FINANCE,
    "/withdrawals/{pk}/approve": Role.FINANCE,
    "/payouts/{pk}/approve": Role.FINANCE,
    "/payouts/{pk}/reverse": Role.FINANCE,
    "/refund-policy": Role.FINANCE,
    "/me/second-factor/begin": Role.FINANCE,
    "/me/second-factor/codes": Role.FINANCE,
    "/me/second-factor/off": Role.FINANCE,
}

# Whatever gives, takes or restores a role or a right stands in FRESH; what only
# holds somebody off, or takes back what was not used yet, stands here.
P = Permission
WATCHED = {
    P.ROLE_GRANT,
    P.STAFF_CREATE,
    P.USER_BLOCK,
    P.SECOND_FACTOR_RESET,
    P.DOCTOR_MANAGE,
    P.DOCTOR_BLOCK,
    P.DOCTOR_SUSPEND,
    P.APPLICATION_REVIEW,
    P.CLINIC_MANAGE,
    P.CLINIC_INVITE,
    P.REFUND_APPROVE,
    P.WITHDRAWAL_APPROVE,
    P.PAYOUT_APPROVE,
}
NEEDS_NO_PROOF = {
    "/users/{pk}/block",
    "/doctors/{pk}/block",
    "/doctors/{pk}/edit",
    "/applications/{pk}/ask_more",
    "/applications/{pk}/reject",
    "/applications/{pk}/suspend",
    "/papers/{pk}/reject",
    "/profile-changes/{pk}/reject",
    "/refunds/{pk}/reject",
    "/clinics/{pk}/invitations/{code}/revoke",
}


def commands(app: FastAPI) -> Iterator[tuple[str, Permission, bool]]:
    """Every command of the console: its path, its permission, whether it is fresh."""
    for route in app.state.console.admin.router.routes:
        endpoint = getattr(route, "endpoint", None)
        # sqladmin wraps what it serves; the marks are on the command inside.
        while endpoint is not None and not hasattr(endpoint, "fresh"):
            endpoint = getattr(endpoint, "__wrapped__", None)
        if endpoint is not None:
            yield route.path, endpoint.permission, endpoint.fresh


def test_every_command_about_roles_and_approvals_is_in_one_of_the_tables(
    app: FastAPI,
) -> None:
    found = list(commands(app))
    assert {path for path, _, fresh in found if fresh} == set(FRESH)
    watched = {path for path, permission, _ in found if permission in WATCHED}
    assert watched - set(FRESH) == NEEDS_NO_PROOF


async def age(sessions: Sessions, browser: Browser, minutes: int = 31) -> None:
    """Let the proof of this session lie back, while the session itself goes on."""
    async with transaction(sessions) as session:
        await session.execute(
            sa.update(StaffSession)
            .where(col(StaffSession.user_id) == browser.user.id)
            .values(
                reauthenticated_at=sa.func.app_now()
                - sa.func.make_interval(0, 0, 0, 0, 0, minutes)
            )
        )


@pytest_asyncio.fixture(loop_scope="session")
async def boss(app: FastAPI, sessions: Sessions) -> AsyncIterator[Browser]:
    hashed = await passwords.hash(PASSWORD)
    browser = await signed_in(app, sessions, Role.ADMIN, password_hash=hashed)
    await age(sessions, browser)
    yield browser


async def held(sessions: Sessions, user_id: object) -> set[Role]:
    async with transaction(sessions) as session:
        query = select(RoleGrant.role).where(
            col(RoleGrant.user_id) == user_id, col(RoleGrant.revoked_at).is_(None)
        )
        return set((await session.exec(query)).all())


@pytest.mark.parametrize("path", FRESH)
async def test_every_such_command_asks_a_stale_session_first(
    app: FastAPI, sessions: Sessions, path: str
) -> None:
    browser = await signed_in(app, sessions, FRESH[path])
    await age(sessions, browser)
    path = path.replace("{pk}", NOBODY_ID).replace("{user}", NOBODY_ID)
    asked = await browser.post(path, reason=WHY)
    assert asked.status_code == 403
    assert "Подтвердите, что это вы" in asked.text
    script = await browser.post(path, reason=WHY, _headers=SCRIPT)
    assert (script.status_code, script.json()["code"]) == (403, "reauth_required")


async def test_thirty_minutes_are_fresh_and_no_more(
    app: FastAPI, sessions: Sessions
) -> None:
    browser = await signed_in(app, sessions, Role.FINANCE)
    await age(sessions, browser, 29)
    assert (await browser.post("/me/second-factor/off")).status_code == 404
    await age(sessions, browser, 30)
    assert (await browser.post("/me/second-factor/off")).status_code == 403


async def test_the_password_lets_go_on_with_everything_that_was_typed(
    sessions: Sessions, boss: Browser
) -> None:
    async with transaction(sessions) as session:
        other = await factories.person(session, Role.PATIENT)
    path, typed = f"/users/{other.id}/grant", {"role": "doctor", "reason": WHY}
    onward = f"/admin/users/details/{other.id}"
    asked = await boss.post(path, **typed, next=onward)
    shown = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
    shown = {name: html.unescape(value) for name, value in shown.items()}
    assert shown == typed | {"next": onward, "csrf_token": boss.csrf}
    assert await held(sessions, other.id) == {Role.PATIENT}
    wrong = await boss.post(path, **shown, own_password="nobody's")
    assert wrong.status_code == 403
    assert "Пароль или код неверен" in wrong.text
    assert await held(sessions, other.id) == {Role.PATIENT}
    shown["role"] = "dispatcher"
    right = await boss.post(path, **shown, own_password=PASSWORD)
    assert (right.status_code, right.headers["location"]) == (303, onward)
    async with transaction(sessions) as session:
        query = sa.select(col(AuditEvent.action), sa.cast(AuditEvent.data, sa.Text))
        lines = (await session.execute(query)).all()
    names = [name for name, _ in lines]
    assert {"staff.reauthenticated", "staff.reauthentication_refused"} <= set(names)
    assert PASSWORD not in str(lines)
    again = await boss.post(path, **typed)
    assert again.status_code == 303


async def test_guessing_the_password_there_is_limited(
    sessions: Sessions, boss: Browser
) -> None:
    path = f"/users/{NOBODY_ID}/grant"
    codes = [
        (await boss.post(path, own_password="wrong")).status_code for _ in range(11)
    ]
    assert codes == [403] * 10 + [429]
    late = await boss.post(path, own_password=PASSWORD, _headers=SCRIPT)
    assert late.json()["code"] == "too_many_requests"


async def test_whoever_has_a_second_factor_shows_it_as_well(
    sessions: Sessions, boss: Browser
) -> None:
    await age(sessions, boss, 0)
    phone, _ = await enrol(boss, sessions)
    boss.csrf = await csrf(boss)
    await age(sessions, boss)
    async with transaction(sessions) as session:
        await clock.shift(session, 300)
    await age(sessions, boss)
    path = f"/users/{NOBODY_ID}/grant"
    fields = {"role": "doctor", "reason": WHY, "own_password": PASSWORD}
    assert 'name="own_code"' in (await boss.post(path, **fields)).text
    wrong = await boss.post(path, **fields, own_code="000000")
    assert wrong.status_code == 403
    right = await boss.post(path, **fields, own_code=await phone.code())
    assert right.status_code in {303, 404}
    assert "Подтвердите" not in right.text


async def test_tries_at_ones_own_password_are_counted_and_kept(
    sessions: Sessions, boss: Browser
) -> None:
    new = {"new_password": "ещё один пароль", "repeated": "ещё один пароль"}
    codes = [
        (await boss.post("/me/password", current_password="no", **new)).status_code
        for _ in range(11)
    ]
    assert codes == [422] * 10 + [429]
    late = await boss.post("/me/password", current_password=PASSWORD, **new)
    assert late.status_code == 429
    async with transaction(sessions) as session:
        query = sa.select(col(AuditEvent.action))
        actions = (await session.scalars(query)).all()
    assert actions.count("staff.reauthentication_refused") == 10


@pytest.mark.parametrize("path", ["/staff", "/me/password", "/me/second-factor/begin"])
async def test_half_a_surrogate_pair_is_no_text(boss: Browser, path: str) -> None:
    fields = ("own_password", "current_password", "code")
    body = "{" + ", ".join(f'"{each}": "\\ud800"' for each in fields) + "}"
    headers = OURS | SCRIPT | {"x-csrf-token": boss.csrf}
    headers["content-type"] = "application/json"
    answer = await boss.client.post(f"/admin{path}", content=body, headers=headers)
    assert answer.status_code == 400
