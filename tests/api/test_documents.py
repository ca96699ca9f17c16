"""Papers over HTTP: parts, limits, hostile files, repeated and parallel requests."""

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient, Response
from psycopg.errors import DeadlockDetected
from sqlalchemy import func
from sqlmodel import col, select

from api import documents as route
from api import uploads
from models import Document, Role, User
from models.doctor_application import ApplicationStatus
from models.document import DocumentStatus
from services import documents, files, settings
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from tests import factories, hostile
from tests.api.helpers import is_problem, key, signed_in, wrong_fields
from tests.factories import as_staff
from tests.papers import applicant

PATH = route.PREFIX
Headers = dict[str, str]


@pytest_asyncio.fixture(loop_scope="session")
async def user(sessions: Sessions) -> User:
    async with transaction(sessions) as session:
        return await applicant(session)


@pytest_asyncio.fixture(loop_scope="session")
async def headers(sessions: Sessions, user: User) -> Headers:
    return await signed_in(sessions, user)


async def upload(
    client: AsyncClient,
    headers: Headers,
    data: bytes | None = None,
    name: str = "diploma.jpg",
    **fields: Any,
) -> Response:
    content = hostile.picture() if data is None else data
    return await client.post(
        PATH,
        headers=headers,
        data={"kind": "diploma"} | fields,
        files={"file": (name, content, "image/svg+xml")},
    )


async def rows(sessions: Sessions) -> int:
    async with transaction(sessions) as session:
        return (await session.exec(select(func.count()).select_from(Document))).one()


async def test_a_paper_goes_there_and_back(
    client: AsyncClient, headers: Headers
) -> None:
    stated: dict[str, Any] = {
        "number": "АБ-1",
        "issued_on": "2020-01-01",
        "expires_on": "2100-01-01",
    }
    answer = await upload(client, headers, name="мой диплом.HTML", **stated)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made | stated == made
    assert made["status"] == "submitted"
    assert made["file_name"] == "мой диплом.jpg"
    assert made["media_type"] == "image/jpeg"
    assert {"storage_name", "sha256", "user_id"}.isdisjoint(made)
    file = await client.get(f"{PATH}/{made['id']}/file", headers=headers)
    assert file.status_code == 200
    assert len(file.content) == made["size_bytes"]
    assert file.headers["content-type"] == "image/jpeg"
    assert file.headers["content-disposition"].startswith("attachment; filename=")
    assert file.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in file.headers["content-security-policy"]
    assert file.headers["cache-control"] == "no-store"
    gone = await client.delete(f"{PATH}/{made['id']}", headers=headers)
    assert gone.status_code == 204
    file = await client.get(f"{PATH}/{made['id']}/file", headers=headers)
    is_problem(file, 404, "not_found")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (hostile.SVG, "JPEG, PNG, WebP and PDF"),
        (hostile.HTML, "JPEG, PNG, WebP and PDF"),
        (hostile.zip_bomb(), "JPEG, PNG, WebP and PDF"),
        (hostile.picture() + hostile.SCRIPT, "another type"),
        (hostile.pdf() + hostile.HTML, "damaged"),
        (hostile.png_bomb(60_000, 60_000), "50 million"),
        (hostile.locked_pdf(opens=True), "password"),
        (b"", "empty"),
    ],
    ids=["svg", "html", "zip bomb", "polyglot", "pdf and html", "bomb", "locked", "0"],
)
async def test_hostile_files_are_refused_with_a_clear_word(
    client: AsyncClient, sessions: Sessions, headers: Headers, data: bytes, word: str
) -> None:
    answer = await upload(client, headers, data)
    assert wrong_fields(answer) == {"file"}
    assert word in answer.json()["errors"][0]["message"]
    assert await rows(sessions) == 0


async def test_a_refusal_speaks_russian_to_a_russian(
    client: AsyncClient, headers: Headers
) -> None:
    answer = await upload(client, headers | {"accept-language": "ru"}, hostile.SVG)
    assert "Принимаются" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..%2f..%2fx", "a\x00b", "CON", "/etc/x", 'a"\r\nX-Evil: 1'],
)
async def test_a47_a_hostile_name_is_only_cleaned_and_shown(
    client: AsyncClient, headers: Headers, name: str
) -> None:
    answer = await upload(client, headers, name=name)
    assert answer.status_code == 201, answer.text
    shown = answer.json()["file_name"]
    assert shown.endswith(".jpg")
    assert {"/", "\\", "\x00", "\r", "\n", '"'}.isdisjoint(shown)
    file = await client.get(f"{PATH}/{answer.json()['id']}/file", headers=headers)
    assert "x-evil" not in file.headers
    assert file.headers["content-disposition"].isprintable()


async def test_the_limit_of_a_file_is_exact_and_of_its_body_too(
    client: AsyncClient, headers: Headers, settings: Settings
) -> None:
    whole = hostile.picture()
    largest = whole + bytes(settings.max_upload_bytes - len(whole))
    assert (await upload(client, headers, largest)).status_code == 201
    answer = await upload(client, headers, largest + b"\x00")
    is_problem(answer, 413, "too_large")
    answer = await upload(client, headers, largest + bytes(uploads.AROUND))
    is_problem(answer, 413, "too_large")


async def test_other_routes_take_no_large_bodies(
    client: AsyncClient, headers: Headers
) -> None:
    parts = {"file": ("x", bytes(2_000_000))}
    for method, path in (
        ("POST", "/v1/me/addresses"),
        ("PUT", PATH),
        ("POST", PATH + "/"),
    ):
        answer = await client.request(method, path, headers=headers, files=parts)
        is_problem(answer, 413, "too_large")


@pytest.mark.parametrize("token", [None, "Bearer nonsense", "Basic x"])
async def test_who_is_not_signed_in_sends_no_large_body(
    client: AsyncClient, token: str | None
) -> None:
    headers = {"authorization": token} if token else {}
    answer = await upload(client, headers, bytes(2_000_000))
    is_problem(answer, 413, "too_large")
    is_problem(await upload(client, headers), 401, "unauthenticated")


async def test_malformed_forms_are_refused(
    client: AsyncClient, headers: Headers
) -> None:
    file = ("file", ("x.jpg", hostile.picture()))
    kind = ("kind", (None, "diploma"))

    async def send(*parts: Any) -> set[str]:
        return wrong_fields(await client.post(PATH, headers=headers, files=parts))

    assert await send(kind) == {"file"}
    assert await send(kind, ("scan", file[1])) == {"file"}
    assert await send(file) == {"kind"}
    assert await send(file, ("kind", (None, "spell"))) == {"kind"}
    assert await send(file, kind, kind) == {"kind"}
    assert await send(file, kind, ("status", (None, "accepted"))) == {"status"}
    assert await send(file, kind, ("number", (None, "a\x00b"))) == {"number"}
    assert await send(file, kind, ("expires_on", (None, "31.12.2030"))) == {
        "expires_on"
    }
    assert await send(file, kind, ("expires_on", (None, "2001-01-01"))) == {
        "expires_on"
    }
    assert await send(file, kind, ("file", (None, "text"))) == {"file"}
    many = [(f"f{n}", (None, "x")) for n in range(20)]
    answer = await client.post(PATH, headers=headers, files=[file, kind, *many])
    is_problem(answer, 422, "validation_error")
    answer = await client.post(PATH, headers=headers, files=[file, file, kind])
    is_problem(answer, 422, "validation_error")
    answer = await client.post(PATH, headers=headers, json={"kind": "diploma"})
    assert wrong_fields(answer) == {"body"}
    broken = headers | {"content-type": "multipart/form-data; boundary=x"}
    answer = await client.post(PATH, headers=broken, content=b"--y\r\nrubbish")
    assert answer.status_code == 422


async def test_empty_fields_of_a_form_were_not_filled_in(
    client: AsyncClient, headers: Headers
) -> None:
    answer = await upload(client, headers, number="", issued_on="", expires_on="")
    assert answer.status_code == 201
    assert answer.json()["number"] is None


async def test_without_a_token_or_an_application_nothing_is_opened(
    client: AsyncClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(files, "run_apart", never)
    is_problem(await upload(client, {}), 401, "unauthenticated")
    async with transaction(sessions) as session:
        stranger = await factories.patient(session)
        waiting = await applicant(session, ApplicationStatus.SUBMITTED)
    answer = await upload(client, await signed_in(sessions, stranger))
    is_problem(answer, 404, "not_found")
    answer = await upload(client, await signed_in(sessions, waiting))
    is_problem(answer, 409, "illegal_transition")


async def test_a_repeated_upload_is_answered_and_not_redone(
    client: AsyncClient, sessions: Sessions, headers: Headers
) -> None:
    own = headers | key()
    first = await upload(client, own)
    # The client draws another boundary each time.
    again = await upload(client, own)
    assert again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert await rows(sessions) == 1
    others: list[dict[str, Any]] = [
        {"data": hostile.picture("PNG")},
        {"number": "1"},
        {"name": "x.jpg"},
    ]
    for other in others:
        answer = await upload(client, own, **other)
        is_problem(answer, 422, "idempotency_key_reused")


async def test_twins_of_an_upload_make_one_paper(
    client: AsyncClient, sessions: Sessions, headers: Headers
) -> None:
    own = headers | key()
    answers = await asyncio.gather(*[upload(client, own) for _ in range(5)])
    assert {each.status_code for each in answers} <= {201, 409}
    made = {each.json()["id"] for each in answers if each.status_code == 201}
    assert len(made) == 1
    assert await rows(sessions) == 1


async def test_a48_parallel_uploads_do_not_pass_the_quota(
    client: AsyncClient, sessions: Sessions, headers: Headers
) -> None:
    async with transaction(sessions) as session:
        admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
        await settings.put(session, admin, settings.DOCUMENTS_MOST, 4)
    answers = await asyncio.gather(*[upload(client, headers) for _ in range(12)])
    assert sorted(each.status_code for each in answers) == [201] * 4 + [409] * 8
    for refused in answers:
        if refused.status_code == 409:
            is_problem(refused, 409, "quota_exceeded")
    async with transaction(sessions) as session:
        waiting = select(Document).where(
            col(Document.status) == DocumentStatus.SUBMITTED
        )
        assert len((await session.exec(waiting)).all()) == 1


async def test_a48_refused_files_are_limited_as_well(
    client: AsyncClient, headers: Headers
) -> None:
    codes = [(await upload(client, headers, b"x")).status_code for _ in range(31)]
    assert codes == [422] * 30 + [429]


async def test_a_lost_race_goes_on_with_the_file_it_has(
    client: AsyncClient, headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, add = [], documents.add

    async def once(*given: Any) -> Document:
        opened.append(given[-1])
        if len(opened) == 1:
            raise DeadlockDetected
        return await add(*given)

    monkeypatch.setattr(documents, "add", once)
    assert (await upload(client, headers)).status_code == 201
    assert opened[0] is opened[1]


def test_the_document_says_what_the_form_holds(app: Any) -> None:
    paths = app.openapi()["paths"]
    body = paths[PATH]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert set(body["schema"]["required"]) == {"kind", "file"}
    answers = paths[PATH + "/{document_id}/file"]["get"]["responses"]["200"]["content"]
    assert set(answers) == {"image/jpeg", "image/png", "application/pdf"}
    assert json.dumps(body)
