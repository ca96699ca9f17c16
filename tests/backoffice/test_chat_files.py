"""Pictures in a conversation of the console: cleaned, bounded, given as files."""

from collections.abc import Mapping
from typing import Any

import pytest
from httpx import Response

from models import AuditEvent, Message
from services import rate_limits
from services.files import path_of
from tests import factories as make
from tests import hostile
from tests.backoffice.talk_desk import JSON, Talk

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def send(
    talk: Talk, content: bytes, name: str = "фото.jpg", **fields: Any
) -> Response:
    """Send the form of the page with a file in it, as a browser writes it."""
    return await talk.desk.client.post(
        f"{talk.path}/send",
        data={"csrf_token": talk.desk.csrf} | fields,
        files={"picture": (name, content, "image/jpeg")},
        headers=JSON,
    )


async def test_a_picture_is_cleaned_and_comes_back_as_a_file(talk: Talk) -> None:
    sent = await send(talk, hostile.photo_with_place(), text="Вот она", client_id="p")
    assert sent.status_code == 200, sent.text
    kept = (await talk.all(Message))[-1]
    assert (kept.media_type, kept.text) == ("image/jpeg", "Вот она")
    assert b"SecretCamera" not in path_of(kept.storage_name).read_bytes()
    html = (await talk.read())["messages"][-1]["html"]
    path = html.split('href="')[1].split('"')[0]
    answer = await talk.desk.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]
    reads = [row for row in await talk.all(AuditEvent) if row.action == "read.chat"]
    assert len(reads) == 1


async def test_the_same_picture_sent_twice_is_one_message(talk: Talk) -> None:
    content = hostile.picture()
    first = await send(talk, content, client_id="one")
    again = await send(talk, content, client_id="one")
    assert first.json()["seq"] == again.json()["seq"]
    assert len([row for row in await talk.all(Message) if row.media_type]) == 1


@pytest.mark.parametrize(
    ("content", "name"),
    [(hostile.SVG, "a.jpg"), (hostile.HTML, "a.png"), (b"", "a.jpg")],
    ids=["svg", "html", "empty"],
)
async def test_what_is_no_picture_is_refused(
    talk: Talk, content: bytes, name: str
) -> None:
    assert (await send(talk, content, name)).status_code == 422
    assert [row for row in await talk.all(Message) if row.media_type] == []


async def test_a_pdf_is_a_file_but_no_picture(talk: Talk) -> None:
    assert (await send(talk, hostile.pdf(), "a.pdf")).status_code == 422


@pytest.mark.parametrize(
    "name", ['"><img src=x onerror=alert(1)>.jpg', "../../etc.jpg"]
)
async def test_a_file_name_is_only_a_name(talk: Talk, name: str) -> None:
    await send(talk, hostile.picture(), name)
    html = (await talk.read())["messages"][-1]["html"]
    assert "<img src=x" not in html
    assert ".." not in (await talk.all(Message))[-1].file_name


async def test_too_much_is_not_read(talk: Talk) -> None:
    settings = talk.desk.client._transport.app.state.settings  # type: ignore[attr-defined]
    large = bytes(settings.max_upload_bytes + 100_000)
    assert (await send(talk, large)).status_code == 413
    plain = await talk.desk.client.post(
        f"{talk.path}/read",
        data={"csrf_token": talk.desk.csrf, "up_to_seq": "1" * 1_100_000},
        headers=JSON,
    )
    assert plain.status_code == 413


async def test_files_are_counted_and_foreign_calls_opened_none(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = await talk.desk.client.post(
        f"/admin/calls/{make.nobody()}/chat/send",
        data={"csrf_token": talk.desk.csrf},
        files={"picture": ("a.jpg", hostile.picture(), "image/jpeg")},
        headers=JSON,
    )
    assert lost.status_code == 404
    tries: list[Mapping[str, Any]] = []

    async def counted(session: Any, user_id: Any) -> None:
        tries.append({"user": user_id})

    monkeypatch.setattr(rate_limits, "upload", counted)
    await send(talk, hostile.picture())
    assert tries == [{"user": talk.desk.user.id}]


async def test_only_one_file_and_only_here(talk: Talk) -> None:
    two = await talk.desk.client.post(
        f"{talk.path}/send",
        data={"csrf_token": talk.desk.csrf},
        files=[
            ("picture", ("a.jpg", hostile.picture(), "image/jpeg")),
            ("picture", ("b.jpg", hostile.picture(), "image/jpeg")),
        ],
        headers=JSON,
    )
    assert two.status_code == 400
    elsewhere = await talk.desk.client.post(
        f"{talk.path}/read",
        data={"csrf_token": talk.desk.csrf},
        files={"picture": ("a.jpg", hostile.picture(), "image/jpeg")},
        headers=JSON,
    )
    assert elsewhere.status_code == 400
    foreign = await talk.desk.client.post(
        f"{talk.path}/send",
        data={"csrf_token": "another"},
        files={"picture": ("a.jpg", hostile.picture(), "image/jpeg")},
        headers=JSON,
    )
    assert foreign.status_code == 403


async def test_a_picture_of_nobody_is_not_found(talk: Talk) -> None:
    said = await talk.say(talk.patient, "Без картинки")
    for message in (said.id, make.nobody(), "x"):
        answer = await talk.desk.get(f"{talk.path}/{message}/picture")
        assert answer.status_code == 404
