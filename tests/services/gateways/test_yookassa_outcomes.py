"""Whatever the provider does, a call comes to one of three outcomes."""

import asyncio
import json
import logging
import socket
import ssl
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests.adapters
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from yookassa import Configuration
from yookassa.logging.adapter import Adapter

from services.gateways import yookassa
from services.gateways.yookassa_client import Client, Shop
from services.gateways.yookassa_outcomes import (
    Definite,
    Done,
    Outcome,
    Unknown,
    judge,
)
from tests.services.gateways.raw_server import (
    Behaviour,
    RawServer,
    Seen,
    answer,
    drip,
    hang_up,
    raw_server,
    reset,
    silent,
)

ID = "2a1b3c4d-000f-5000-8000-1a2b3c4d5e6f"
BODY = '{"amount": {"currency": "RUB",  "value": "2500.00"},"capture":true}'
OBJECT = json.dumps({"id": ID, "status": "pending"}).encode()
ERROR = json.dumps(
    {
        "type": "error",
        "id": "ab5a11cd-13cc-4e33-af8b-75a74e18dd09",
        "code": "invalid_request",
        "description": "Receipt is missing or illegal",
        "parameter": "receipt",
    }
).encode()
HTML = b"<html>Bad Gateway</html>"


def shop(server: RawServer, name: str = "100500") -> Shop:
    return Shop(server.url, name, f"test_secret_{name}")


async def post(server: RawServer, *, seconds: float = 3, key: str = "k-1") -> Outcome:
    return await yookassa.create_payment(shop(server), key, BODY, seconds=seconds)


async def test_the_stored_body_goes_over_the_wire_byte_for_byte_and_once() -> None:
    with raw_server(answer(200, OBJECT)) as server:
        outcome = await post(server)
    assert outcome == Done({"id": ID, "status": "pending"})
    (seen,) = server.seen
    assert seen.line == "POST /v3/payments HTTP/1.1"
    assert seen.body == BODY.encode()
    assert seen.headers["idempotence-key"] == "k-1"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["ym-user-agent"].endswith("YooKassa.Python/3.13.0")
    assert seen.headers["authorization"].startswith("Basic ")


async def test_each_call_asks_its_own_address() -> None:
    lists = answer(200, b'{"type": "list", "items": []}')
    since = datetime(2026, 11, 24, 12, tzinfo=timezone(timedelta(hours=3)))
    with raw_server(lists) as server:
        for call in (
            partial(yookassa.list_payments, created_gte=since, created_lt=since),
            partial(yookassa.list_refunds, payment_id=ID, cursor="c/1", limit=7),
            partial(yookassa.list_refunds, created_gte=since, created_lt=since),
            partial(yookassa.list_receipts, refund_id=ID, payment_id=ID),
            partial(yookassa.list_receipts, created_gte=since),
        ):
            assert await call(shop(server)) == Done({"type": "list", "items": []})
        server.behaviour = answer(200, OBJECT)
        assert isinstance(await yookassa.get_payment(shop(server), ID), Done)
        assert isinstance(await yookassa.get_refund(shop(server), ID), Done)
        assert isinstance(await yookassa.create_refund(shop(server), "r", "{}"), Done)
        assert isinstance(await yookassa.create_receipt(shop(server), "c", "{}"), Done)
        server.behaviour = answer(200, json.dumps({"id": f"rt-{ID}"}).encode())
        assert isinstance(await yookassa.get_receipt(shop(server), f"rt-{ID}"), Done)
        server.behaviour = answer(200, b'{"account_id": "100500", "test": true}')
        assert isinstance(await yookassa.get_me(shop(server)), Done)
    stamp = "2026-11-24T09%3A00%3A00.000Z"
    window = f"created_at.gte={stamp}&created_at.lt={stamp}&limit=100"
    assert [each.line.removesuffix(" HTTP/1.1") for each in server.seen] == [
        f"GET /v3/payments?{window}",
        f"GET /v3/refunds?payment_id={ID}&cursor=c%2F1&limit=7",
        f"GET /v3/refunds?{window}",
        f"GET /v3/receipts?payment_id={ID}&refund_id={ID}&limit=100",
        f"GET /v3/receipts?created_at.gte={stamp}&limit=100",
        f"GET /v3/payments/{ID}",
        f"GET /v3/refunds/{ID}",
        "POST /v3/refunds",
        "POST /v3/receipts",
        f"GET /v3/receipts/rt-{ID}",
        "GET /v3/me",
    ]
    asked = [each for each in server.seen if each.line.startswith("GET")]
    assert not any("idempotence-key" in each.headers for each in asked)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "bad"), (401, "no"), (403, "no"), (404, "none"), (405, ""), (415, "")],
)
async def test_what_the_provider_refuses_was_not_executed(
    status: int, code: str
) -> None:
    told = {"type": "error", "description": "x" * 300, "parameter": "a"}
    body = json.dumps(told | ({"code": code} if code else {})).encode()
    with raw_server(answer(status, body)) as server:
        outcome = await post(server)
    assert outcome == Definite(code or f"http_{status}", "a", "x" * 200, status)
    assert outcome.conclusive == (status == 400)
    assert len(server.seen) == 1


@pytest.mark.parametrize("told", [{}, {"code": 7, "parameter": [], "description": {}}])
async def test_a_refusal_without_a_code_concludes_nothing_about_the_past(
    told: dict[str, Any],
) -> None:
    with raw_server(answer(400, json.dumps(told).encode())) as server:
        outcome = await post(server)
    assert outcome == Definite("http_400", None, "", 400)
    assert not outcome.conclusive


@pytest.mark.parametrize("parameter", ["Idempotence-Key", "idempotence-key"])
async def test_a_key_known_already_asks_for_a_look(parameter: str) -> None:
    told = {"type": "error", "code": "invalid_request", "parameter": parameter}
    with raw_server(answer(400, json.dumps(told).encode())) as server:
        outcome = await post(server)
    assert isinstance(outcome, Unknown)
    assert outcome.accepted


@pytest.mark.parametrize("status", [201, 202, 204, 409, 410, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [ERROR, HTML, OBJECT, b""])
async def test_every_other_status_leaves_the_outcome_open(
    status: int, body: bytes
) -> None:
    retry = "Retry-After: 0"
    with raw_server(answer(status, b"" if status == 204 else body, retry)) as server:
        outcome = await post(server)
    assert outcome == Unknown(f"http_{status}")
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 405, 415])
@pytest.mark.parametrize(
    "body",
    [
        HTML,
        b"",
        b"[]",
        b"null",
        b'"done"',
        b"\xff\xfe",
        b'{"id": NaN}',
        b'{"id": 1e999}',
        b'{"id": "a\\u0000"}',
        b'{"id": "\\ud800"}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
    ],
)
async def test_an_answer_that_is_no_storable_object_leaves_the_outcome_open(
    status: int, body: bytes
) -> None:
    with raw_server(answer(status, body)) as server:
        outcome = await post(server)
    assert isinstance(outcome, Unknown)
    assert outcome.reason.startswith(f"http_{status}: not ")


@settings(deadline=None)
@given(st.integers(200, 599), st.binary(max_size=40))
def test_reading_an_answer_never_raises(status: int, body: bytes) -> None:
    assert isinstance(judge(status, body), Done | Definite | Unknown)


@pytest.mark.parametrize("body", [b"{}", b'{"id": null}', b'{"id": 7}'])
async def test_a_success_without_an_id_is_none(body: bytes) -> None:
    with raw_server(answer(200, body)) as server:
        assert await post(server) == Unknown("answer without id")


async def test_an_answer_about_another_object_is_none() -> None:
    with raw_server(answer(200, OBJECT)) as server:
        outcome = await yookassa.get_payment(shop(server), ID.replace("2", "3"))
    assert outcome == Unknown("answer about something else")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    with raw_server(answer(200, OBJECT)) as other:
        to = f"Location: {other.url}/payments"
        with raw_server(answer(status, b"", to)) as server:
            assert await post(server) == Unknown(f"http_{status}")
        assert (len(server.seen), other.seen) == (1, [])


@pytest.mark.parametrize("behaviour", [hang_up, reset])
async def test_a_lost_connection_leaves_the_outcome_open(behaviour: Behaviour) -> None:
    with raw_server(behaviour) as server:
        assert await post(server) == Unknown("connection lost")
        assert await yookassa.get_me(shop(server)) == Unknown("connection lost")
    assert len(server.seen) == 2


async def test_a_connection_lost_within_the_answer_leaves_the_outcome_open() -> None:
    def half(link: socket.socket, seen: Seen) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + OBJECT)

    with raw_server(half) as server:
        assert await post(server) == Unknown("connection lost")


@pytest.mark.parametrize(
    "head", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
)
async def test_an_answer_that_is_not_http_leaves_the_outcome_open(head: bytes) -> None:
    with raw_server(lambda link, seen: link.sendall(head)) as server:
        assert isinstance(await post(server), Unknown)


async def test_a_refused_connection_was_not_executed() -> None:
    with raw_server() as server:
        pass
    outcome = await post(server)
    assert outcome == Definite("not_sent", description="NewConnectionError")
    assert not outcome.conclusive


async def test_a_name_that_leads_nowhere_was_not_executed() -> None:
    lost = Shop("http://provider.invalid/v3", "1", "s")
    outcome = await yookassa.get_me(lost)
    assert isinstance(outcome, Definite)
    assert outcome.code == "not_sent"


async def test_a_connection_that_nobody_takes_was_not_executed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.gateways.yookassa_client.CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        queue = [socket.socket() for _ in range(4)]
        for each in queue:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        outcome = await yookassa.get_me(Shop(f"http://127.0.0.1:{port}/v3", "1", "s"))
        for each in queue:
            each.close()
    assert outcome == Definite("not_sent", description="ConnectTimeoutError")


async def test_a_silent_provider_costs_no_more_than_the_time_given() -> None:
    with raw_server() as server:
        server.behaviour = silent(server)
        began = asyncio.get_running_loop().time()
        assert await post(server, seconds=0.3) == Unknown("timeout")
        assert asyncio.get_running_loop().time() - began < 1
        blocking = Client(shop(server), 0.3).request("GET", "/me")
        assert blocking == Unknown("timeout")
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b" "),
    ],
)
async def test_a_dripping_provider_costs_no_more_than_the_time_given(
    head: bytes, drop: bytes
) -> None:
    with raw_server() as server:
        server.behaviour = drip(head, drop, 60, server)
        began = asyncio.get_running_loop().time()
        assert await post(server, seconds=0.3) == Unknown("timeout")
        assert asyncio.get_running_loop().time() - began < 1


async def test_the_thread_of_a_dripping_body_ends_with_its_time() -> None:
    with raw_server() as server:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
        server.behaviour = drip(head, b" ", 60, server)
        assert Client(shop(server), 0.3).request("GET", "/me") == Unknown("timeout")


async def test_an_answer_without_an_end_is_cut() -> None:
    with raw_server(answer(200, b" " * 4_100_000)) as server:
        assert await post(server) == Unknown("answer too large")


async def test_a_call_that_found_no_thread_in_time_is_never_sent() -> None:
    with raw_server() as server:
        server.behaviour = silent(server)
        busy = [post(server, seconds=1.0, key=f"k-{one}") for one in range(16)]
        waiting = asyncio.gather(*busy)
        await asyncio.sleep(0.3)
        assert await post(server, seconds=0.2, key="late") == Unknown("timeout")
        assert set(await waiting) == {Unknown("timeout")}
        await asyncio.sleep(0.3)
    keys = {each.headers["idempotence-key"] for each in server.seen}
    assert len(keys) == 16
    assert "late" not in keys


@pytest.mark.parametrize("key", ["", "ключ", "k" * 65, "a b", "a\r\nX: y", "a\n"])
async def test_a_key_that_the_provider_would_not_take_is_never_sent(key: str) -> None:
    with raw_server(answer(200, OBJECT)) as server:
        outcome = await post(server, key=key)
    assert outcome == Definite("invalid_key", "Idempotence-Key")
    assert not outcome.conclusive
    assert server.seen == []


@pytest.mark.parametrize(
    "ident",
    ["", "../refunds/x", f"{ID}?a=1", ID.upper(), f"{ID}\n", f"{ID}/cancel", "." * 36],
)
async def test_an_id_from_outside_leads_nowhere_else(ident: str) -> None:
    with raw_server(answer(200, OBJECT)) as server:
        for call in (yookassa.get_payment, yookassa.get_refund, yookassa.get_receipt):
            assert await call(shop(server), ident) == Definite("invalid_id")
        for ours in (f"rt-{ID}\n", ID, f"po-{ID}"):
            outcome = await yookassa.get_receipt(shop(server), ours)
            assert outcome == Definite("invalid_id")
    assert server.seen == []


async def test_proxies_and_netrc_of_the_machine_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with raw_server(answer(200, OBJECT)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        netrc = tmp_path / "netrc"
        netrc.write_text("default login stranger password guess\n")
        monkeypatch.setenv("NETRC", str(netrc))
        with raw_server(answer(200, OBJECT)) as server:
            assert isinstance(await post(server), Done)
    assert proxy.seen == []
    expected = Client.basic_auth("100500", "test_secret_100500")
    assert server.seen[0].headers["authorization"] == expected


async def test_two_shops_in_parallel_never_mix_their_logins() -> None:
    with raw_server(answer(200, OBJECT)) as server:
        await asyncio.gather(
            *(
                yookassa.create_payment(shop(server, name), f"{name}-{one}", "{}")
                for one in range(100)
                for name in ("house", "payouts")
            )
        )
    assert len(server.seen) == 200
    for each in server.seen:
        name = each.headers["idempotence-key"].partition("-")[0]
        expected = Client.basic_auth(name, f"test_secret_{name}")
        assert each.headers["authorization"] == expected
    assert Configuration.account_id is None


async def test_nothing_secret_is_logged_even_if_somebody_asks_the_sdk_to(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    listener = Adapter(logging.getLogger("yookassa"), {"context": {}})
    monkeypatch.setattr(Configuration, "logger", listener)
    body = '{"receipt": {"customer": {"email": "anna@example.org"}}}'
    with raw_server(answer(200, OBJECT)) as server:
        ours = shop(server)
        assert isinstance(await yookassa.create_payment(ours, "k-1", body), Done)
        server.behaviour = reset
        await yookassa.create_payment(ours, "k-1", body)
    await yookassa.create_payment(ours, "k-1", body)
    token = Client.basic_auth(ours.shop_id, ours.secret_key)
    for secret in (ours.secret_key, token, "anna@example.org"):
        assert secret not in caplog.text
    assert ours.secret_key not in repr(ours)
    assert ID not in repr(Done({"id": ID}))


def page(*ids: str, after: str | None = None) -> bytes:
    told: dict[str, Any] = {"type": "list", "items": [{"id": each} for each in ids]}
    return json.dumps(told | ({"next_cursor": after} if after else {})).encode()


async def test_all_pages_of_a_list_are_read() -> None:
    pages = {"": page("a", "b", after="2 "), "2+": page("c", after="3"), "3": page("d")}

    def by_cursor(link: socket.socket, seen: Seen) -> None:
        cursor = seen.line.partition("cursor=")[2].partition("&")[0]
        answer(200, pages[cursor])(link, seen)

    with raw_server(by_cursor) as server:
        ask = partial(yookassa.list_refunds, shop(server), payment_id=ID)
        found = await yookassa.every(ask)
    assert found == [{"id": each} for each in "abcd"]
    assert all(f"payment_id={ID}" in each.line for each in server.seen)


async def test_half_a_list_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_the_first(link: socket.socket, seen: Seen) -> None:
        missing = "cursor=" in seen.line
        answer(500 if missing else 200, page("a", after="2"))(link, seen)

    with raw_server(only_the_first) as server:
        ask = partial(yookassa.list_payments, shop(server))
        assert await yookassa.every(ask) == Unknown("http_500")
        server.behaviour = answer(401, ERROR)
        assert isinstance(await yookassa.every(ask), Definite)
        monkeypatch.setattr(yookassa, "MOST_PAGES", 3)
        server.behaviour = answer(200, page("a", after="2"))
        assert await yookassa.every(ask) == Unknown("list without an end")


@pytest.mark.parametrize("body", [b'{"items": [1]}', b'{"items": {}}', b"{}"])
async def test_a_list_of_something_else_is_none(body: bytes) -> None:
    with raw_server(answer(200, body)) as server:
        assert isinstance(await yookassa.list_payments(shop(server)), Unknown)
        assert isinstance(await yookassa.list_receipts(shop(server)), Unknown)


def certified(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate that nobody knows, and a server that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    own = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(own, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return pem, context


async def test_an_unknown_certificate_gets_no_request(tmp_path: Path) -> None:
    _, tls = certified(tmp_path)
    with raw_server(answer(200, OBJECT), tls) as server:
        far = Shop(f"https://localhost:{server.port}/v3", "1", "s")
        outcome = await yookassa.create_payment(far, "k-1", BODY)
    assert outcome == Definite("not_sent", description="SSLCertVerificationError")
    assert server.seen == []


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (answer(200, OBJECT), Done({"id": ID, "status": "pending"})),
        (answer(202, ERROR), Unknown("http_202")),
        (answer(429, ERROR, "Retry-After: 1"), Unknown("http_429")),
        (answer(503, ERROR, "Retry-After: 1"), Unknown("http_503")),
        (hang_up, Unknown("connection lost")),
        (reset, Unknown("connection lost")),
    ],
)
async def test_over_tls_too_a_request_is_sent_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: Behaviour,
    expected: Outcome,
) -> None:
    pem, tls = certified(tmp_path)
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(pem))
    with raw_server(behaviour, tls) as server:
        far = Shop(f"https://localhost:{server.port}/v3", "1", "s")
        assert await yookassa.create_payment(far, "k-1", BODY) == expected
    assert [each.body for each in server.seen] == [BODY.encode()]
