"""What never reaches an endpoint: large, deep and poisoned requests."""

import json
import time
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from starlette.types import Message, Receive, Scope, Send

from api.front import DEEPEST, Front
from tests.api.helpers import bearer, is_problem, registered, registration, wrong_fields

JSON = {"content-type": "application/json"}
MEGABYTE = b"x" * 1_000_000


async def test_a_declared_large_body_is_refused_unread(client: AsyncClient) -> None:
    answer = await client.post(
        "/v1/auth/login", content=b"{}", headers=JSON | {"content-length": "200000000"}
    )
    is_problem(answer, 413, "too_large")


async def test_200_megabytes_in_chunks_are_refused_and_not_kept(
    client: AsyncClient,
) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(200):
            sent += 1
            yield MEGABYTE

    tracemalloc.start()
    answer = await client.post("/v1/auth/login", content=body(), headers=JSON)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    is_problem(answer, 413, "too_large")
    assert peak < 20_000_000


@pytest.mark.parametrize("opening", ["[", '{"a":'])
async def test_deep_json_is_refused(client: AsyncClient, opening: str) -> None:
    answer = await client.post(
        "/v1/auth/login", content=(opening * 200_000).encode(), headers=JSON
    )
    assert wrong_fields(answer) == {"body"}


async def test_brackets_in_texts_are_not_depth(client: AsyncClient) -> None:
    body = {"login": '[{"\\' * 50, "password": "x"}
    answer = await client.post("/v1/auth/login", json=body)
    is_problem(answer, 401, "invalid_credentials")


async def test_many_shallow_brackets_are_not_depth(client: AsyncClient) -> None:
    consents = [{"kind": f"kind{number}", "version": "1"} for number in range(20)]
    body = registration(consents=consents + consents)
    assert wrong_fields(await client.post("/v1/auth/register", json=body)) == {
        "consents"
    }
    assert DEEPEST < 40


@pytest.mark.parametrize(
    "body",
    [
        b'{"login": "a\\u0000b", "password": "x"}',
        b'{"login": "a\x00b", "password": "x"}',
        b'{"login": "a", "password": "x\\\\\\u0000"}',
    ],
)
async def test_nul_is_refused(client: AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/auth/login", content=body, headers=JSON)
    assert wrong_fields(answer) == {"body"}


async def test_an_escaped_backslash_before_u0000_is_text(client: AsyncClient) -> None:
    answer = await client.post(
        "/v1/auth/login",
        content=b'{"login": "a\\\\u0000", "password": "x"}',
        headers=JSON,
    )
    is_problem(answer, 401, "invalid_credentials")


async def test_nul_in_addresses(client: AsyncClient) -> None:
    is_problem(await client.get("/v1/me%00"), 404, "not_found")
    answer = await client.get("/v1/me/addresses?cursor=%00")
    assert wrong_fields(answer) == {"query"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"login": "\\ud800", "password": "x"}',
        b'{"login": ' + b"9" * 5000 + b', "password": "x"}',
        b'{"login": ["a"], "password": {"a": 1}}',
    ],
    ids=lambda body: str(body[:20]),
)
async def test_nonsense_is_422(client: AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/auth/login", content=body, headers=JSON)
    is_problem(answer, 422, "validation_error")


async def test_json_has_to_say_that_it_is_json(client: AsyncClient) -> None:
    body = json.dumps({"login": "a", "password": "x"}).encode()
    for kind in ({}, {"content-type": "text/plain"}):
        answer = await client.post("/v1/auth/login", content=body, headers=kind)
        is_problem(answer, 422, "validation_error")


async def test_the_last_of_two_equal_keys_holds_and_is_checked(
    client: AsyncClient,
) -> None:
    pair = await registered(client)
    answer = await client.patch(
        "/v1/me",
        content=b'{"first_name": "A", "first_name": ""}',
        headers=bearer(pair) | JSON,
    )
    assert wrong_fields(answer) == {"first_name"}


async def test_unknown_addresses_and_methods_are_problems(client: AsyncClient) -> None:
    is_problem(await client.get("/v1/nothing"), 404, "not_found")
    answer = await client.delete("/v1/auth/login")
    is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    override = {"x-http-method-override": "DELETE"}
    is_problem(await client.get("/v1/me", headers=override), 401, "unauthenticated")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/metrics", "/.env", "/api.bak"])
async def test_forced_browsing_finds_nothing(client: AsyncClient, path: str) -> None:
    is_problem(await client.get(path), 404, "not_found")


async def test_every_answer_carries_the_headers(client: AsyncClient) -> None:
    pair = await registered(client)
    for answer in (
        await client.get("/health/live"),
        await client.get("/v1/me", headers=bearer(pair)),
        await client.get("/v1/me"),
        await client.get("/nowhere"),
        await client.post("/v1/auth/login", content=b"{", headers=JSON),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 16


async def test_a_foreign_host_is_refused(client: AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"host": "evil.example"})
    assert answer.status_code == 400


async def test_other_parts_of_the_application_are_left_alone() -> None:
    seen: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope.get("path", scope["type"]))

    async def never() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError(message)

    front = Front(inner, 10)
    await front({"type": "lifespan"}, never, send)
    for path in ("/admin/board", "/static/x.js"):
        await front({"type": "http", "path": path, "headers": []}, never, send)
    assert seen == ["lifespan", "/admin/board", "/static/x.js"]


async def test_after_the_body_only_the_leaving_of_the_client_is_news(
    app: FastAPI,
) -> None:
    heard: list[Message] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([await receive(), await receive()])

    messages: list[Message] = [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"c", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope = {
        "type": "http",
        "path": "/v1/x",
        "headers": [(b"content-length", b"3")],
        "query_string": b"",
    }
    await Front(inner, 10)(scope, receive, send)
    assert heard == [
        {"type": "http.request", "body": b"abc", "more_body": False},
        {"type": "http.disconnect"},
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * 450_000 + b"[" * 40,
        b"[" * 33 + b'"\\' * 300_000,
        b"[" + b"[]," * 300_000 + b"[]]",
        b'{"login": "' + b"\\\\" * 400_000 + b'"}' + b"[]" * 40,
        b'{"email": "' + b"a" * 900_000 + b'@example.com"}',
        b'{"email": "a@' + b"a." * 400_000 + b'com"}',
        b'{"phone": "' + b"7" * 900_000 + b'"}',
        b'{"first_name": "' + b" " * 900_000 + b'x"}',
        b'{"consents": [' + b'{"kind":"a","version":"1"},' * 30_000 + b"1]}",
    ],
    ids=[
        "escapes",
        "open string",
        "flat",
        "backslashes",
        "email",
        "domain",
        "phone",
        "blanks",
        "list",
    ],
)
async def test_no_input_keeps_the_service_busy(
    client: AsyncClient, body: bytes
) -> None:
    start = time.process_time()
    answer = await client.post("/v1/auth/register", content=body, headers=JSON)
    is_problem(answer, 422, "validation_error")
    assert time.process_time() - start < 2
