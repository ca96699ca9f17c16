"""Hostile words in every text that people bring: no page takes them for its own (A50)."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from models.role_grant import Role
from services import talk_links
from services.database import Sessions
from services.edges import transaction
from tests.api.helpers import signed_in as api_headers
from tests.backoffice.browser import OURS, Browser, anonymous, signed_in
from tests.hostile_words import EVIL, PAYLOADS, hostile
from tests.talking import Talk

RAW = ("alert(1)", EVIL)
# Streams never end, files are no pages, and the provider's pages are elsewhere.
LEFT_OUT = ("/board/stream", ".csv", "/statics", "/login", "/file", "/page/{number}")
NO_SCRIPTS = {"application/json", "module", "text/plain"}


class Page(HTMLParser):
    """Notes every element and attribute that nobody of ours wrote."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline = False
        self.feed(text)
        self.close()

    def handle_starttag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        told = dict(attributes)
        self.inline = tag == "script" and told.get("type") not in NO_SCRIPTS
        self.inline = self.inline and "src" not in told
        if tag == EVIL or (tag in {"svg"} and EVIL in told):
            self.found.append(tag)
        for name, value in attributes:
            address = name in {"href", "src", "action", "formaction"}
            script = address and (value or "").strip().lower().startswith("javascript:")
            if name == EVIL or name.startswith("on") or script:
                self.found.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        if self.inline and data.strip():
            self.found.append(f"inline script {data[:60]}")

    def handle_comment(self, data: str) -> None:
        if EVIL in data:
            self.found.append(f"comment {data[:60]}")


def test_the_net_catches_what_is_not_escaped() -> None:
    for payload in PAYLOADS[:-2]:
        for frame in (
            "<p>{}</p>",
            '<input value="{}">',
            "<input value='{}'>",
            "<textarea>{}</textarea>",
            "<title>{}</title>",
            '<script type="application/json">"{}"</script>',
            "<!-- {} -->",
        ):
            if Page(frame.format(payload)).found:
                break
        else:
            pytest.fail(payload)
    assert Page(f'<a href="{PAYLOADS[-2]}">x</a>').found
    assert Page("<p>&lt;x-evil&gt;</p><a href='/x'>on</a>").found == []


@pytest.fixture
async def here(sessions: Sessions) -> Talk:
    async with transaction(sessions) as session:
        return await hostile(session)


def addresses(app: FastAPI, here: Talk) -> Iterator[tuple[str, str]]:
    """Every page of the console, with the ids of the hostile call and its people."""
    identities = [view.identity for view in app.state.console.views]
    for route in app.state.console.admin.router.routes:
        path = getattr(route, "path", "")
        methods = getattr(route, "methods", None) or {"GET"}
        if "GET" not in methods or any(each in path for each in LEFT_OUT):
            continue
        path = path.replace("{pk:path}", "{pk}").replace("{verb}", "assign")
        for identity in identities if "{identity}" in path else [""]:
            yield from _with_ids(path.replace("{identity}", str(identity)), here)


def _with_ids(path: str, here: Talk) -> Iterator[tuple[str, str]]:
    if "{" not in path:
        for role in ("dispatcher", "curator", "admin", "finance"):
            yield role, path
    elif path.count("{") == 1:
        yield "dispatcher", path.replace("{pk}", str(here.id))
        yield "finance", path.replace("{pk}", str(here.id))
        yield "curator", path.replace("{pk}", str(here.doctor_user.id))
        yield "admin", path.replace("{pk}", str(here.patient_user.id))


def found_in(answer: Any) -> list[str]:
    """What of an answer a browser would take for a page's own."""
    kind = answer.headers.get("content-type", "")
    assert answer.headers["x-content-type-options"] == "nosniff"
    if kind.startswith("text/html"):
        return Page(answer.text).found
    if "json" in kind:
        return [each for html in _html(json.loads(answer.text)) for each in html]
    return []


def _html(value: Any) -> Iterator[list[str]]:
    """Pieces that a script puts into its page as they are."""
    match value:
        case {"html": str(piece), **rest}:
            yield Page(piece).found
            yield from _html(rest)
        case dict():
            for each in value.values():
                yield from _html(each)
        case list():
            for each in value:
                yield from _html(each)


@pytest.mark.timeout(300)
async def test_no_page_of_the_console_takes_hostile_words_for_its_own(
    app: FastAPI, sessions: Sessions, here: Talk
) -> None:
    browsers: dict[str, Browser] = {
        role.value: await signed_in(app, sessions, role)
        for role in (Role.DISPATCHER, Role.CURATOR, Role.ADMIN, Role.FINANCE)
    }
    hostile_pages, read = [], 0
    for role, path in addresses(app, here):
        answer = await browsers[role].get(path)
        assert answer.status_code < 500, (role, path)
        found = found_in(answer)
        assert found == [], (role, path, found)
        read += answer.status_code == 200
        if any(each in answer.text for each in RAW):
            hostile_pages.append(path)
    # The words were there, and many pages showed them.
    assert read > 60
    for shown in ("/chats", f"/calls/{here.id}/chat", f"/booking/{here.id}", "/board"):
        assert shown in hostile_pages
    assert "/quick-replies" in hostile_pages
    script = {"accept": "application/json"}
    for path in (f"/calls/{here.id}/chat", "/chats", "/board/snapshot"):
        answer = await browsers["dispatcher"].get(path, headers=script)
        assert answer.status_code == 200
        assert found_in(answer) == [], path


async def open_page(
    client: AsyncClient, sessions: Sessions, here: Talk, role: Role
) -> Any:
    user = here.patient_user if role is Role.PATIENT else here.doctor_user
    async with transaction(sessions) as session:
        url = await talk_links.offer(session, user.id, role, here.id)
    path = "/t/" + url.rpartition("/")[2]
    opened = await client.post(path, headers=OURS)
    return await client.get(opened.headers["location"])


@pytest.mark.parametrize("role", [Role.PATIENT, Role.DOCTOR])
async def test_nor_does_the_page_behind_a_link(
    app: FastAPI, sessions: Sessions, here: Talk, role: Role
) -> None:
    async with anonymous(app) as client:
        page = await open_page(client, sessions, here, role)
        assert page.status_code == 200
        assert found_in(page) == []
        assert "&lt;x-evil&gt;" in page.text
        # What is typed and refused is drawn into the form again.
        place = str(page.url.path)
        token = page.text.partition('name="form_token" value="')[2].partition('"')[0]
        for field in PAYLOADS:
            typed = {
                "form_token": token,
                "client_id": field,
                "text": field + "я" * 4001,
            }
            refused = await client.post(place, data=typed, headers=OURS)
            assert refused.status_code == 422
            assert found_in(refused) == []
            ending = {"actual_minutes": field, "conclusion": field}
            refused = await client.post(
                f"{place}/complete", data=typed | ending, headers=OURS
            )
            assert refused.status_code in {403, 422}
            assert found_in(refused) == []


async def test_rest_gives_the_words_as_data(
    app: FastAPI, sessions: Sessions, here: Talk
) -> None:
    headers = await api_headers(sessions, here.patient_user)
    async with anonymous(app) as client:
        for path in (
            f"/v1/bookings/{here.id}",
            f"/v1/bookings/{here.id}/messages",
            "/v1/me",
            "/v1/me/export",
        ):
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"].startswith("application/json")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert EVIL in answer.text
