"""Every page: reading changes nothing, text stays text, headers hold, words speak."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from models import Role
from models.base import metadata
from models.booking_words import CancelReason
from services import bookings, clinics, doctors, plain_tables, staff
from services.actor import Actor, Via
from services.database import Sessions
from services.doctors import DoctorFacts
from services.edges import transaction
from services.i18n import catalog
from services.people import NewPerson
from tests import factories
from tests.backoffice.browser import OURS, SCRIPT, Browser, anonymous, signed_in

EVIL = "<img src=x onerror=alert(1)>'\"{{7*7}}${7*7}"
SHORT_EVIL = "<b>'\"{{7*7}}"
# Written by the act of looking itself: who was here, and who read what.
TRACES = {"staff_session", "audit_event", "rate_limit", "presence"}


@pytest_asyncio.fixture(loop_scope="session")
async def house(app: FastAPI, sessions: Sessions) -> AsyncIterator[dict[str, Any]]:
    """A house in which every text that anybody may type is an attack."""
    boss = await signed_in(app, sessions, Role.ADMIN, first_name=EVIL, last_name=EVIL)
    actor = Actor(boss.user.id, Role.ADMIN, Via.CONSOLE)
    async with transaction(sessions) as session:
        clinic = await plain_tables.create(
            session, actor, plain_tables_of("clinic_profile"), clinic_values()
        )
        price = await plain_tables.create(
            session, actor, plain_tables_of("price_item"), price_values()
        )
        doctor, _ = await doctors.create(
            session, actor, person(1), doctor_facts(clinic)
        )
        await clinics.add_manager(session, actor, clinic.id, person(2))
        member, _ = await staff.create_staff(
            session, actor, person(3), Role.DISPATCHER, EVIL
        )
        patient = await factories.patient(
            session, first_name=EVIL, last_name=EVIL, middle_name=EVIL
        )
        address = factories.address(text=EVIL, notes=EVIL, entrance=SHORT_EVIL)
        facts = {"symptoms": EVIL, "address": address}
        booking = await factories.booking(session, patient, **facts)
        other = await factories.booking(session, patient, **facts)
        caller = await factories.dispatcher(session, first_name=EVIL, last_name=EVIL)
        cancelled = await bookings.cancel(
            session, factories.as_staff(caller), other.id, CancelReason.OTHER, EVIL
        )
        await staff.block(session, actor, member.id, EVIL)
    yield {
        "admin": boss,
        "clinic": clinic.id,
        "price": price.id,
        "doctor": doctor.id,
        "member": member.id,
        "booking": booking.id,
        "cancelled": cancelled.id,
    }


def plain_tables_of(name: str) -> Any:
    return next(t for t in plain_tables.PLAIN if t.__tablename__ == name)


def clinic_values() -> dict[str, Any]:
    return {"name": EVIL, "address": EVIL, "licence_number": EVIL, "active": True}


def price_values() -> dict[str, Any]:
    return {"kind": "extra", "title_ru": EVIL, "title_en": EVIL, "price_kopecks": 1}


def person(number: int) -> NewPerson:
    return NewPerson(
        first_name=EVIL,
        last_name=EVIL,
        middle_name=EVIL,
        phone=f"+7926000000{number}",
        email=f"evil{number}@example.org",
    )


def doctor_facts(clinic: Any) -> DoctorFacts:
    return DoctorFacts(
        specializations=("therapist",),
        licence_number=EVIL,
        licence_expires_on="2099-01-01",
        home_district=EVIL,
        clinic_id=clinic.id,
    )


def pages(house: dict[str, Any], role: Role) -> list[str]:
    own = ["/", "/me", "/me/password", "/nosuch", "/nosuch/list"]
    of_role = {
        Role.ADMIN: [
            "/users/list",
            f"/users/details/{house['member']}",
            "/staff/new",
            "/journal/list",
            f"/journal/list?object={house['member']}",
            "/settings",
            "/prices/list",
            "/prices/create",
            f"/prices/edit/{house['price']}",
            "/doctors/list",
            f"/doctors/details/{house['doctor']}",
            f"/doctors/{house['doctor']}/edit",
            "/doctors/new",
            "/clinics/list",
            "/clinics/create",
            f"/clinics/details/{house['clinic']}",
            f"/clinics/edit/{house['clinic']}",
        ],
        Role.DISPATCHER: [
            "/calls/list",
            "/calls/new",
            f"/booking/{house['booking']}",
            f"/booking/{house['cancelled']}",
            "/board",
            "/board/snapshot",
            f"/board/calls/{house['booking']}/row",
            f"/board/calls/{house['booking']}/card",
            f"/board/calls/{house['booking']}/candidates",
            "/doctors/list",
            f"/doctors/details/{house['doctor']}",
            f"/clinics/details/{house['clinic']}",
            "/prices/list",
        ],
        Role.FINANCE: [
            "/calls-finance/list",
            f"/calls-finance/details/{house['booking']}",
            "/prices/list",
        ],
    }
    return own + of_role[role]


async def browser_of(
    app: FastAPI, sessions: Sessions, house: dict[str, Any], role: Role
) -> Browser:
    if role is Role.ADMIN:
        boss: Browser = house["admin"]
        return boss
    return await signed_in(app, sessions, role, first_name=EVIL, last_name=EVIL)


ROLES = [Role.ADMIN, Role.DISPATCHER, Role.FINANCE]


@pytest.mark.parametrize("role", ROLES)
async def test_no_text_becomes_markup(
    app: FastAPI, sessions: Sessions, house: dict[str, Any], role: Role
) -> None:
    browser = await browser_of(app, sessions, house, role)
    seen = 0
    for path in pages(house, role):
        for query in ("", "?search=<img+src=x+onerror=alert(1)>&role=<img+src=x"):
            answer = await browser.get(path + query)
            assert answer.headers["x-content-type-options"] == "nosniff"
            if answer.headers["content-type"] == "application/json":
                continue
            assert "<img src=x" not in answer.text, path
            seen += "&lt;img src=x" in answer.text
    assert seen > 3


async def test_what_was_typed_comes_back_as_text(house: dict[str, Any]) -> None:
    boss: Browser = house["admin"]
    for path in ("/staff", "/doctors", "/clinics/create", "/prices/create"):
        typed = dict.fromkeys(
            ("last_name", "name", "title_ru", "licence_number", "phone"), EVIL
        )
        answer = await boss.post(path, **typed)
        assert answer.status_code in {400, 422}, path
        assert "&lt;img src=x" in answer.text, path
        assert "<img src=x" not in answer.text, path


async def fingerprint(engine: AsyncEngine) -> dict[str, str]:
    """What each table holds, in one word."""
    prints = {}
    async with engine.connect() as connection:
        for table in sorted(set(metadata.tables) - TRACES):
            query = (
                f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t"
            )
            prints[table] = str(await connection.scalar(sa.text(query)))
    return prints


@pytest.mark.parametrize("role", ROLES)
async def test_reading_every_page_changes_nothing(
    app: FastAPI,
    sessions: Sessions,
    engine: AsyncEngine,
    house: dict[str, Any],
    role: Role,
) -> None:
    browser = await browser_of(app, sessions, house, role)
    before = await fingerprint(engine)
    todo = set(pages(house, role))
    done: set[str] = set()
    while todo and len(done) < 150:
        path = todo.pop()
        done.add(path)
        answer = await browser.get(path)
        assert answer.status_code < 500, path
        await browser.client.head("/admin" + path)
        links = re.findall(r'(?:href|action|formaction)="/admin(/[^"]*)"', answer.text)
        todo |= (
            {link.replace("&amp;", "&") for link in links} - done - {"/board/stream"}
        )
    assert len(done) > 10
    assert await fingerprint(engine) == before


async def test_headers_hold_on_every_answer(app: FastAPI, admin: Browser) -> None:
    answers = [
        await admin.get(path) for path in ("/", "/journal/list", "/nosuch", "/login")
    ]
    answers.append(await admin.post("/nosuch"))
    answers.append(await admin.client.post("/admin/login"))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "frame-ancestors 'none'; base-uri 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
    static = await admin.client.get("/static/console.css")
    assert static.headers["cache-control"] == "public, max-age=3600"
    api = await admin.client.get("/health/live")
    assert api.headers["content-security-policy"].startswith(
        "default-src 'none'; frame"
    )


async def test_no_page_has_an_inline_script_or_style(
    app: FastAPI, sessions: Sessions, house: dict[str, Any]
) -> None:
    for role in ROLES:
        browser = await browser_of(app, sessions, house, role)
        for path in pages(house, role):
            answer = await browser.get(path)
            if answer.headers["content-type"] == "application/json":
                continue
            found = Inline()
            found.feed(answer.text)
            assert found.inline == [], path


class Inline(HTMLParser):
    """Gathers what a strict policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        data = (facts.get("type") or "").endswith("json")
        if tag == "style" or (tag == "script" and "src" not in facts and not data):
            self.inline.append(tag)
        for name, value in attrs:
            script = (value or "").strip().lower().startswith("javascript:")
            if name == "style" or name.startswith("on") or script:
                self.inline.append(f"{tag} {name}")


async def test_a_foreign_host_is_refused(app: FastAPI) -> None:
    transport = ASGITransport(app)
    async with AsyncClient(
        transport=transport, base_url="http://evil.example"
    ) as client:
        assert (await client.get("/admin/login")).status_code == 400


async def test_an_unknown_error_shows_a_reference_only(
    admin: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whose = "".join(["Ковал", "ёва"])

    async def broken(*_: object) -> None:
        raise RuntimeError(whose)

    monkeypatch.setattr("backoffice.home.figures.people", broken)
    page = await admin.get("/")
    reference = page.headers["x-request-id"]
    assert page.status_code == 500
    assert reference in page.text
    script = await admin.get("/", headers=SCRIPT)
    assert script.json()["code"] == "internal_error"
    assert whose not in page.text + script.text + caplog.text
    assert reference in caplog.text


async def test_a_lost_database_is_503(
    admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("backoffice.guard.staff_sessions.find", gone)
    page = await admin.get("/")
    assert (page.status_code, page.headers["retry-after"]) == (503, "2")


CYRILLIC = re.compile("[А-Яа-яЁё]")
# Own names of things: they are the same in every language.
SAME = {"Русский", "РУ", "Твоя Точка Опоры"}


async def test_russian_pages_have_no_english_sentence(
    app: FastAPI, sessions: Sessions, house: dict[str, Any]
) -> None:
    """Look for msgids of the catalog that were left as they are."""
    russian = catalog("ru")
    known = {
        key
        for key, value in russian._catalog.items()
        if isinstance(key, str) and re.search("[a-z] [a-z]", key) and value != key
    }
    for role in ROLES:
        browser = await browser_of(app, sessions, house, role)
        for path in pages(house, role):
            text = visible((await browser.get(path)).text)
            assert not [each for each in known if each in text], path


async def test_english_pages_have_no_russian_word(
    app: FastAPI, sessions: Sessions, house: dict[str, Any]
) -> None:
    for role in ROLES:
        browser = await browser_of(app, sessions, house, role)
        for path in pages(house, role):
            text = visible((await browser.get(path + "?lang=en")).text)
            words = {w for w in re.findall(r"[^\W\d_]+", text) if CYRILLIC.search(w)}
            assert words <= {"Русский", "РУ", "Твоя", "Точка", "Опоры", *NAMES}, path


# Said by people of this test, in their own language.
NAMES = {
    "Тверская",
    "улица",
    "Пенициллин",
    "Астма",
    "К",
    "ЛО",
    "Б",
    "Иван",
    "Петров",
    "Ильич",
    "Анна",
    "Петровна",
    "П",
    "И",
}


def visible(page: str) -> str:
    page = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    labels = " ".join(
        re.findall(r'(?:title|placeholder|aria-label|alt)="([^"]*)"', page)
    )
    return re.sub(r"<[^>]+>", " ", page) + " " + labels


async def test_an_anonymous_reader_gets_the_static_files_only(app: FastAPI) -> None:
    async with anonymous(app) as client:
        assert (await client.get("/static/console.js")).status_code == 200
        assert (await client.get("/static/../app.py")).status_code == 404
        assert (await client.get("/", headers=OURS)).headers["location"] == "/admin/"
