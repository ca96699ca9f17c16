"""Who may open and do what in the console: one table, written by hand.

A route that stands in no line fails the test, so nobody adds a door by accident.
"""

from collections.abc import Iterator, Mapping

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from models import Role
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.backoffice.browser import OURS, SCRIPT, Browser, anonymous, signed_in

NOBODY_ID = "00000000-0000-7000-8000-000000000000"
A, C, D, F = Role.ADMIN, Role.CURATOR, Role.DISPATCHER, Role.FINANCE
EVERYBODY = frozenset({A, C, D, F})
NOBODY: frozenset[Role] = frozenset()
ADMINS, DISPATCHERS = frozenset({A}), frozenset({D})
HR = frozenset({A, C})
CURATORS = frozenset({C})
FINANCE = frozenset({F})

# Built-in pages of sqladmin: (list, details, create, edit); nothing is deleted.
LISTS = {
    "calls": (DISPATCHERS, NOBODY, NOBODY, NOBODY),
    "calls-finance": (frozenset({F}), frozenset({F}), NOBODY, NOBODY),
    "payments": (frozenset({F}), NOBODY, NOBODY, NOBODY),
    "doctors": (HR | {D}, HR | {D}, NOBODY, NOBODY),
    "clinics": (HR | {D}, HR | {D}, HR, HR),
    "prices": (frozenset({A, D, F}), NOBODY, frozenset({A, F}), frozenset({A, F})),
    "users": (ADMINS, ADMINS, NOBODY, NOBODY),
    "notifications": (ADMINS, ADMINS, NOBODY, NOBODY),
    "journal": (ADMINS, ADMINS, NOBODY, NOBODY),
}
PAGES = {
    "GET /": EVERYBODY,
    "GET /me": EVERYBODY,
    "GET /me/password": EVERYBODY,
    "POST /me/password": EVERYBODY,
    "POST /me/theme": EVERYBODY,
    "GET /me/sessions": EVERYBODY,
    "POST /me/sessions/{pk}/end": EVERYBODY,
    "POST /me/sessions/end-others": EVERYBODY,
    "POST /me/language": EVERYBODY,
    "GET /me/notices": EVERYBODY,
    "GET /notification-texts": ADMINS,
    "POST /notifications/{pk}/retry": ADMINS,
    "GET /users/{pk}/access": ADMINS,
    "GET /users/{pk}/access.csv": ADMINS,
    "GET /me/second-factor": EVERYBODY,
    "POST /me/second-factor/begin": EVERYBODY,
    "POST /me/second-factor/confirm": EVERYBODY,
    "POST /me/second-factor/check": EVERYBODY,
    "POST /me/second-factor/codes": EVERYBODY,
    "POST /me/second-factor/off": EVERYBODY,
    "GET /staff/new": ADMINS,
    "POST /staff": ADMINS,
    "GET /settings": ADMINS,
    "POST /settings": ADMINS,
    "POST /settings/telegram": ADMINS,
    "GET /consents": ADMINS,
    "POST /consents": ADMINS,
    "POST /users/{pk}/block": ADMINS,
    "POST /users/{pk}/unblock": ADMINS,
    "POST /users/{pk}/grant": ADMINS,
    "POST /users/{pk}/revoke": ADMINS,
    "POST /users/{pk}/senior": ADMINS,
    "POST /users/{pk}/password": ADMINS,
    "POST /users/{pk}/second-factor/reset": ADMINS,
    "GET /doctors/new": HR,
    "POST /doctors": HR,
    "GET /doctors/{pk}/edit": HR,
    "POST /doctors/{pk}/edit": HR,
    "POST /doctors/{pk}/block": HR,
    "POST /doctors/{pk}/unblock": HR,
    "POST /clinics/{pk}/managers": HR,
    "POST /clinics/{pk}/managers/{user}/remove": HR,
    "POST /clinics/{pk}/invitations": HR,
    "POST /clinics/{pk}/invitations/{code}/revoke": HR,
    "GET /doctors/{pk}/plan": frozenset({C, D}),
    "POST /doctors/{pk}/plan": frozenset({C, D}),
    "POST /doctors/{pk}/plan/days": frozenset({C, D}),
    "POST /doctors/{pk}/plan/days/remove": frozenset({C, D}),
    "GET /holidays": HR,
    "POST /holidays": HR,
    "POST /holidays/{pk}/remove": HR,
    "GET /documents/{pk}/file": CURATORS,
    "GET /documents/{pk}/page/{number}": CURATORS,
    "GET /applications": CURATORS,
    "GET /applications/{pk}": CURATORS,
    "POST /applications/{pk}/approve": CURATORS,
    "POST /applications/{pk}/ask_more": CURATORS,
    "POST /applications/{pk}/reject": CURATORS,
    "POST /applications/{pk}/suspend": CURATORS,
    "POST /applications/{pk}/restore": CURATORS,
    "GET /mismatches": frozenset({A, F}),
    "POST /mismatches/{pk}/take": frozenset({A, F}),
    "POST /mismatches/{pk}/resolve": frozenset({A, F}),
    "GET /ledger": FINANCE,
    "GET /ledger/accounts/{pk}": FINANCE,
    "GET /ledger/journals/{pk}": FINANCE,
    "GET /payments/call/{pk}": FINANCE,
    "GET /payments/{pk}": FINANCE,
    "GET /payments/{pk}/outlook": FINANCE,
    "POST /payments/{pk}/refund": FINANCE,
    "POST /payments/call/{pk}/waive": FINANCE,
    "POST /payments/call/{pk}/compensate": FINANCE,
    "GET /refunds": FINANCE,
    "GET /refunds/{pk}": FINANCE,
    "POST /refunds/{pk}/approve": FINANCE,
    "POST /refunds/{pk}/reject": FINANCE,
    "POST /refunds/{pk}/amend": FINANCE,
    "POST /refunds/{pk}/transfer": FINANCE,
    "POST /refunds/{pk}/give_up": FINANCE,
    "GET /claims": FINANCE,
    "GET /claims/{pk}": FINANCE,
    "POST /claims/{pk}/accept": FINANCE,
    "POST /claims/{pk}/decline": FINANCE,
    "GET /withdrawals": FINANCE,
    "GET /withdrawals/{pk}": FINANCE,
    "POST /withdrawals/{pk}/prepare": FINANCE,
    "POST /withdrawals/{pk}/approve": FINANCE,
    "POST /withdrawals/{pk}/transfer": FINANCE,
    "POST /withdrawals/{pk}/reject": FINANCE,
    "GET /stuck": FINANCE,
    "GET /money/days": FINANCE,
    "GET /money/export/{part}.csv": FINANCE,
    "POST /money/shop": FINANCE,
    "GET /payouts": FINANCE,
    "POST /payouts": FINANCE,
    "GET /payouts/{pk}": FINANCE,
    "GET /payouts/{pk}/register.csv": FINANCE,
    "POST /payouts/{pk}/approve": FINANCE,
    "POST /payouts/{pk}/export": FINANCE,
    "POST /payouts/{pk}/pay": FINANCE,
    "POST /payouts/{pk}/reverse": FINANCE,
    "POST /payouts/{pk}/discard": FINANCE,
    "GET /tariffs": FINANCE,
    "POST /tariffs": FINANCE,
    "GET /refund-policy": FINANCE,
    "POST /refund-policy": FINANCE,
    "GET /profile-changes": CURATORS,
    "GET /profile-changes/{pk}": CURATORS,
    "POST /profile-changes/{pk}/approve": CURATORS,
    "POST /profile-changes/{pk}/reject": CURATORS,
    "GET /papers": CURATORS,
    "POST /papers/{pk}/accept": CURATORS,
    "POST /papers/{pk}/reject": CURATORS,
    "GET /board": DISPATCHERS,
    "GET /board/snapshot": DISPATCHERS,
    "GET /board/stream": DISPATCHERS,
    "POST /board/watch": DISPATCHERS,
    "GET /board/calls/{pk}/row": DISPATCHERS,
    "GET /board/calls/{pk}/card": DISPATCHERS,
    "GET /board/calls/{pk}/candidates": DISPATCHERS,
    "GET /board/calls/{pk}/dialog": DISPATCHERS,
    "GET /board/calls/{pk}/ways": DISPATCHERS,
    "POST /board/calls/{pk}/assign": DISPATCHERS,
    "POST /board/calls/{pk}/reassign": DISPATCHERS,
    "POST /board/calls/{pk}/unassign": DISPATCHERS,
    "POST /board/calls/{pk}/undo": DISPATCHERS,
    "POST /board/calls/{pk}/cancel": DISPATCHERS,
    "POST /board/calls/{pk}/flag": DISPATCHERS,
    "POST /board/calls/{pk}/point": DISPATCHERS,
    "GET /quick-replies": frozenset({A, D}),
    "POST /quick-replies": frozenset({A, D}),
    "POST /quick-replies/usual": frozenset({A, D}),
    "POST /quick-replies/{pk}/edit": frozenset({A, D}),
    "POST /quick-replies/{pk}/move": frozenset({A, D}),
    "POST /quick-replies/{pk}/remove": frozenset({A, D}),
    "GET /chats": DISPATCHERS,
    "GET /calls/{pk}/chat": DISPATCHERS,
    "GET /calls/{pk}/chat/{message}/picture": DISPATCHERS,
    "POST /calls/{pk}/chat/send": DISPATCHERS,
    "POST /calls/{pk}/chat/read": DISPATCHERS,
    "POST /calls/{pk}/chat/typing": DISPATCHERS,
    "POST /calls/{pk}/chat/{message}/hide": DISPATCHERS,
    "GET /calls/new": DISPATCHERS,
    "POST /calls/new": DISPATCHERS,
    "POST /calls/lookup": DISPATCHERS,
    "POST /calls/streets": DISPATCHERS,
    "GET /booking/{pk}": DISPATCHERS,
    "GET /booking/{pk}/{verb}": DISPATCHERS,
    "POST /booking/{pk}/presence": DISPATCHERS,
    "POST /booking/{pk}/assign": DISPATCHERS,
    "POST /booking/{pk}/reassign": DISPATCHERS,
    "POST /booking/{pk}/unassign": DISPATCHERS,
    "POST /booking/{pk}/replan": DISPATCHERS,
    "POST /booking/{pk}/accept": DISPATCHERS,
    "POST /booking/{pk}/depart": DISPATCHERS,
    "POST /booking/{pk}/start": DISPATCHERS,
    "POST /booking/{pk}/complete": DISPATCHERS,
    "POST /booking/{pk}/cancel": DISPATCHERS,
    "POST /booking/{pk}/flag": DISPATCHERS,
    "POST /booking/{pk}/edit": DISPATCHERS,
    "POST /booking/{pk}/join": DISPATCHERS,
    "POST /booking/{pk}/hand_to_clinic": DISPATCHERS,
    "POST /booking/{pk}/take_back": DISPATCHERS,
}
# Doors that open without a session, or only close one.
OPEN = {
    "GET /login",
    "POST /login",
    "POST /logout",
    "GET /login/provider",
    "GET /login/provider/back",
}
# A stream does not end by itself; the board's own tests read from it.
ENDLESS = {"GET /board/stream"}


def table() -> dict[str, frozenset[Role]]:
    lines = dict(PAGES)
    for identity, (listed, details, create, edit) in LISTS.items():
        lines[f"GET /{identity}/list"] = listed
        lines[f"GET /{identity}/details/{NOBODY_ID}"] = details
        lines[f"GET /{identity}/create"] = create
        lines[f"POST /{identity}/create"] = create
        lines[f"GET /{identity}/edit/{NOBODY_ID}"] = edit
        lines[f"POST /{identity}/edit/{NOBODY_ID}"] = edit
        lines[f"DELETE /{identity}/delete?pks={NOBODY_ID}"] = NOBODY
    return lines


TABLE = table()


def routes(app: FastAPI) -> Iterator[str]:
    for route in app.state.console.admin.router.routes:
        if isinstance(route, Route):
            for method in (route.methods or set()) - {"HEAD"}:
                yield f"{method} {route.path}"


def test_every_route_stands_in_the_table(app: FastAPI) -> None:
    of_lists = {line for line in routes(app) if "{identity}" in line}
    assert {line.split("/")[2] for line in of_lists} == {
        "list",
        "details",
        "create",
        "edit",
        "delete",
    }
    assert set(routes(app)) - of_lists == set(PAGES) | OPEN
    models = {v.identity for v in app.state.console.views if v.is_model}
    assert models == set(LISTS)


async def ask(browser: Browser, line: str, real: Mapping[str, str] = {}) -> int:
    method, _, path = line.partition(" ")
    key = real.get(path.split("/")[1])
    path = path.replace(NOBODY_ID, key) if key else path
    path = path.replace("{pk}", NOBODY_ID).replace("{verb}", "cancel")
    path = path.replace("{number}", "1").replace("{part}", "payments")
    headers = OURS | {"x-csrf-token": browser.csrf}
    answer = await browser.client.request(method, "/admin" + path, headers=headers)
    return answer.status_code


@pytest.mark.parametrize("role", sorted(EVERYBODY))
async def test_each_role_opens_its_own_and_nothing_else(
    app: FastAPI, sessions: Sessions, role: Role
) -> None:
    browser = await signed_in(app, sessions, role)
    async with transaction(sessions) as session:
        clinic, price = await factories.clinic(session), await factories.price(session)
    real = {"clinics": str(clinic.id), "prices": str(price.id)}
    wrong = []
    for line, allowed in TABLE.items():
        if line in ENDLESS and role in allowed:
            continue
        code = await ask(browser, line, real)
        if (code == 403) is (role in allowed) or code >= 500:
            wrong.append((line, code))
    assert wrong == []


@pytest.mark.parametrize("role", [Role.PATIENT, Role.DOCTOR, Role.CLINIC])
async def test_people_of_the_api_have_no_session_here(
    app: FastAPI, sessions: Sessions, role: Role
) -> None:
    browser = await signed_in(app, sessions, role)
    assert {await ask(browser, line) for line in TABLE} == {302}


async def test_without_a_session_every_door_leads_to_the_sign_in_page(
    app: FastAPI,
) -> None:
    async with anonymous(app) as client:
        for line in TABLE:
            method, _, path = line.partition(" ")
            path = "/admin" + path.replace("{pk}", NOBODY_ID)
            page = await client.request(method, path, headers=OURS)
            assert page.status_code == 302, line
            assert page.headers["location"].startswith("/admin/login"), line
            script = await client.request(method, path, headers=OURS | SCRIPT)
            assert script.status_code == 401, line


async def test_the_menu_shows_each_role_its_own(
    app: FastAPI, sessions: Sessions
) -> None:
    shown = {
        A: {
            "doctors",
            "clinics",
            "prices",
            "users",
            "journal",
            "notifications",
            "consents",
            "settings",
            "mismatches",
        },
        C: {"applications", "doctors", "clinics"},
        D: {"board", "chats", "calls", "doctors", "clinics", "prices"},
        F: {
            "refunds",
            "mismatches",
            "payments",
            "calls-finance",
            "ledger",
            "money",
            "payouts",
            "tariffs",
            "refund-policy",
            "prices",
        },
    }
    for role, names in shown.items():
        browser = await signed_in(app, sessions, role)
        menu = (await browser.page("/")).split("<nav>")[1].split("</nav>")[0]
        links = {part.split('"')[0].split("/")[2] for part in menu.split('href="')[1:]}
        assert links == names, role
