"""The control of the local YooKassa, and what must keep it from real patients."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.outside import Outside
from sandbox.yookassa.config import Config, from_environment
from sandbox.yookassa.records import PAYMENT, Payment, new_id
from sandbox.yookassa.store import Store
from tests.sandbox.yookassa_shop import (
    Receiver,
    Shop,
    payment_body,
    receiver,
    sbp_body,
    until,
)
from tests.yookassa_server import (
    HTTP,
    ROOT,
    TOKEN,
    YooKassa,
    free_port,
    yookassa,
    yookassa_process,
)

DOORS = [
    ("POST", "reset"),
    ("POST", "clock"),
    ("POST", "faults"),
    ("GET", "faults"),
    ("DELETE", "faults"),
    ("GET", "journal"),
    ("GET", "payments"),
    ("GET", "refunds"),
    ("GET", "receipts"),
    ("GET", "payouts"),
    ("GET", "deliveries"),
    ("GET", "totals"),
    ("POST", "payments/x/pay"),
    ("POST", "payments/x/decline"),
    ("POST", "cabinet-refund"),
    ("POST", "deliveries/x/resend"),
    ("POST", "webhook"),
    ("POST", "forge"),
]


def knock(provider: YooKassa, method: str, path: str, **options: Any) -> httpx.Response:
    address = f"{provider.base_url}/_ctl/{path}"
    return HTTP.request(method, address, **options)


@pytest.mark.parametrize(("method", "path"), DOORS)
def test_the_control_needs_its_token(
    provider: YooKassa, method: str, path: str
) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"X-Sandbox-Token": ""},
        {"Authorization": "Basic dG9rZW4="},
    ):
        assert knock(provider, method, path, headers=headers).status_code == 401


def test_without_a_token_there_is_no_control() -> None:
    with yookassa(token="") as provider:
        for method, path in DOORS:
            for headers in ({}, {"Authorization": "Bearer"}, {"X-Sandbox-Token": ""}):
                answer = knock(provider, method, path, headers=headers)
                assert answer.status_code == 404, (method, path)


@pytest.mark.parametrize("header", ["Authorization", "X-Sandbox-Token"])
def test_both_headers_carry_the_token(provider: YooKassa, header: str) -> None:
    token = f"Bearer {TOKEN}" if header == "Authorization" else TOKEN
    assert knock(provider, "GET", "totals", headers={header: token}).is_success


def test_the_journal_keeps_requests_without_their_secrets(
    shop: Shop, provider: YooKassa
) -> None:
    made = shop.done("POST", "/payments", payment_body(), "key-1")
    shop.ask("GET", "/payments", params={"limit": 3})
    shop.ask("GET", "/me", auth=None)
    HTTP.get(made["confirmation"]["confirmation_url"])
    made_entry, listed, stranger, page = provider.journal()
    assert made_entry["path"] == "/v3/payments"
    assert made_entry["headers"]["idempotence-key"] == "key-1"
    assert '"2500.00"' in made_entry["body"]
    assert made_entry["status"] == 200
    assert listed["query"] == {"limit": "3"}
    assert stranger["status"] == 401
    assert page["path"] == f"/pay/{made['id']}"
    assert "authorization" not in str(provider.journal()).lower()
    assert len(provider.journal("POST", "/payments")) == 1


def test_a_hanging_request_is_in_the_journal_already(
    shop: Shop, provider: YooKassa
) -> None:
    provider.faults("hang_before", s=30)
    with pytest.raises(httpx.ReadTimeout):
        shop.ask("GET", "/me", timeout=0.2)
    entry = provider.journal()[0]
    assert entry["path"] == "/v3/me"
    assert entry.get("status") in {None, 499}


def test_reset_forgets_everything(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    shop.refund(shop.pay()["id"], "1.00")
    provider.advance(100)
    provider.faults("500_before")
    provider.reset()
    assert set(provider.totals().values()) == {0}
    assert provider.journal() == []
    assert provider.ctl("GET", "faults")["items"] == []
    assert provider.ctl("GET", "clock")["ahead_s"] == 0
    for kind in ("payments", "refunds", "receipts", "payouts", "deliveries"):
        assert provider.listing(kind) == []
    shop.pay()
    assert provider.deliveries() == []  # The address was set by the control, too.


def test_totals_are_what_the_provider_believes(shop: Shop, provider: YooKassa) -> None:
    card, sbp = shop.pay(), shop.pay(sbp_body("1000.00"))
    shop.pay(payment_body(capture=False))
    shop.refund(card["id"], "500.00")
    shop.refund(sbp["id"], "1000.00")
    told = provider.totals()
    assert told["captured"] == 350_000
    assert told["refunded"] == 50_000
    assert told["refunds_pending"] == 100_000
    assert told["fees"] == 8750 + 700
    assert (told["payments"], told["payments_succeeded"]) == (3, 2)


@pytest.mark.parametrize(
    ("path", "body", "status", "parameter"),
    [
        ("clock", {"advance_s": -1}, 400, "advance_s"),
        ("clock", {"advance_s": "long"}, 400, "advance_s"),
        ("clock", {"ahead": 5}, 400, "advance_s"),
        ("payments/nothing/pay", {}, 404, None),
        ("payments/nothing/decline", {}, 404, None),
        ("refunds/nothing/finish", {}, 404, None),
        ("payouts/nothing/finish", {}, 404, None),
        ("deliveries/nothing/resend", {}, 404, None),
        ("cabinet-refund", {"payment_id": "nothing"}, 404, None),
        ("cabinet-refund", {"payment_id": "nothing", "sum": 5}, 400, "sum"),
        ("forge", {"object_id": "nothing"}, 404, None),
        ("forge", {"kind": "strange"}, 400, "kind"),
        ("forge", {"kind": "raw", "url": "http://example.com/"}, 400, "url"),
        ("nothing", {}, 404, None),
    ],
)
def test_a_wrong_order_is_told(
    provider: YooKassa,
    path: str,
    body: dict[str, Any],
    status: int,
    parameter: str | None,
) -> None:
    answer = knock(
        provider, "POST", path, json=body, headers={"X-Sandbox-Token": TOKEN}
    )
    assert (answer.status_code, answer.json().get("parameter")) == (status, parameter)


def test_a_list_that_is_not_kept(provider: YooKassa) -> None:
    headers = {"X-Sandbox-Token": TOKEN}
    assert knock(provider, "GET", "secrets", headers=headers).status_code == 404


@pytest.mark.parametrize("profile", ["production", "PRODUCTION", " production "])
def test_it_refuses_to_start_in_production(
    monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    monkeypatch.setenv("TOT_PROFILE", profile)
    for start in (Config, from_environment, Outside):
        with pytest.raises(SystemExit, match="production"):
            start()


@pytest.mark.parametrize("module", ["sandbox.yookassa", "sandbox.outside"])
def test_its_programs_refuse_to_start_in_production(module: str) -> None:
    ports = ["--port", str(free_port())]
    if module == "sandbox.outside":
        ports += ["--smtp-port", str(free_port())]
    done = subprocess.run(
        [sys.executable, "-m", module, *ports],
        cwd=ROOT,
        env=os.environ | {"TOT_PROFILE": "production"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "production" in done.stderr


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "TOT_YOOKASSA_SHOP_ID": "42",
        "TOT_YOOKASSA_SECRET_KEY": "key",
        "TOT_YOOKASSA_OTHER_SHOPS": "gateway:other",
        "TOT_SANDBOX_TOKEN": "token",
        "TOT_YOOKASSA_FISCALIZATION": "0",
        "TOT_YOOKASSA_QR_MODE": "strict",
        "TOT_YOOKASSA_SPEED": "10",
        "TOT_YOOKASSA_REFUND_S": "3",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    config = from_environment("http://127.0.0.1:1/", "state")
    wanted = Config(
        shop="42",
        key="key",
        other_shops={"gateway": "other"},
        token="token",
        webhook_url="http://127.0.0.1:1/",
        state="state",
        fiscalization=False,
        strict_qr=True,
        speed=10.0,
        refund_s=3.0,
    )
    assert config == wanted
    assert (config.key_of("42"), config.key_of("gateway")) == ("key", "other")
    assert config.key_of("nobody") is None
    monkeypatch.setenv("EMU_CTL", "0")
    assert from_environment().token == ""
    monkeypatch.setenv("EMU_CTL", "1")
    assert from_environment().token == "token"


def test_without_a_token_in_the_environment_there_is_no_control(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TOT_SANDBOX_TOKEN", raising=False)
    monkeypatch.setenv("EMU_CTL", "1")
    assert from_environment() == replace(Config(), token="")


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="speed"):
        Config(speed=0)
    with pytest.raises(ValueError, match="loopback"):
        Config(webhook_url="https://shop.example/webhooks")
    assert Config(webhook_url="http://0.0.0.0:8000/").webhook_url


def test_the_journal_can_be_begun_anew(shop: Shop, provider: YooKassa) -> None:
    paid = shop.pay()
    provider.ctl("DELETE", "journal")
    assert provider.journal() == []
    assert shop.payment(paid["id"]) == paid
    assert [each["n"] for each in provider.journal()] == [1]


def test_a_reset_during_a_delivery_leaves_nothing(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    webhooks.answers = [0.3]
    shop.pay()
    webhooks.wait(1)
    provider.reset()
    time.sleep(0.5)
    assert provider.deliveries() == []
    shop.pay()


def test_a_second_one_on_the_same_state_is_refused(tmp_path: Path) -> None:
    first = Store(str(tmp_path / "state"))
    code = (
        f"from sandbox.yookassa.store import Store; Store({str(tmp_path / 'state')!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    first.db.close()
    assert "database is locked" in done.stderr


def test_what_it_knew_survives_a_kill(tmp_path: Path) -> None:
    with receiver() as listening, yookassa_process(tmp_path / "state") as process:
        provider = process.start()
        shop = Shop(provider)
        paid = shop.pay()
        going = shop.pay(sbp_body())
        refund = shop.refund(going["id"], "1.00")
        waiting = shop.done("POST", "/payments", payment_body(), "key-1")
        provider.advance(10)
        listening.answers = [500]
        provider.webhook(listening.url)
        last = shop.pay()
        until(lambda: provider.deliveries()[0]["attempts"])
        before = provider.totals()
        process.kill()

        assert process.start() == provider
        assert provider.totals() == before
        assert shop.payment(paid["id"]) == paid
        assert shop.done("POST", "/payments", payment_body(), "key-1") == waiting
        assert provider.ctl("GET", "clock")["ahead_s"] >= 10
        provider.advance(60)
        assert shop.done("GET", f"/refunds/{refund['id']}")["status"] == "succeeded"
        until(lambda: not provider.deliveries(status="pending"))
        told = [each["object"] for each in listening.got]
        assert [each for each in told if each["id"] == last["id"]] == [last] * 2
        newest = [each["id"] for each in shop.done("GET", "/payments")["items"]]
        assert newest == [last["id"], waiting["id"], going["id"], paid["id"]]


def test_payments_may_be_put_into_the_state_beforehand(tmp_path: Path) -> None:
    """As the demo's past is: paid long ago, with nothing known about how."""
    store, at = Store(str(tmp_path / "state")), 1_700_000_000_000
    paid = Payment(
        id=new_id(PAYMENT, at),
        seq=store.next(),
        shop=Config.shop,
        created_at=at,
        captured_at=at,
        amount=250_000,
        method="sbp",
        method_asked=False,
        capture=True,
        confirmation={},
        status="succeeded",
    )
    store.put(paid)
    store.commit()
    store.db.close()
    with yookassa(state=str(tmp_path / "state")) as provider:
        shop = Shop(provider)
        provider.advance(0)
        assert shop.ask("GET", f"/payments/{paid.id}").json()["status"] == "succeeded"
        for page in ("admin", f"pay/{paid.id}", f"qr/{paid.id}"):
            assert HTTP.get(f"{provider.base_url}/{page}").is_success
        act = HTTP.post(
            f"{provider.base_url}/pay/{paid.id}/act", data={"action": "pay"}
        )
        assert act.headers["location"] == f"{provider.base_url}/pay/{paid.id}"


def test_an_answer_is_never_ahead_of_what_is_kept(tmp_path: Path) -> None:
    with yookassa_process(tmp_path / "state") as process:
        shop = Shop(process.start())
        for turn in range(3):
            made = shop.done("POST", "/payments", payment_body(), f"key-{turn}")
            process.kill()
            process.start()
            again = shop.done("POST", "/payments", payment_body(), f"key-{turn}")
            assert again == made
        assert len(shop.provider.listing("payments")) == 3


def test_the_outside_world_serves_it_beside_the_rest(tmp_path: Path) -> None:
    """As `make demo` starts it: one port for the inbox, sign-in and YooKassa."""
    port, mail = free_port(), free_port()
    with receiver() as listening:
        arguments = [
            *("--port", str(port), "--smtp-port", str(mail)),
            *("--webhook-url", listening.url),
            *("--yookassa-state", str(tmp_path / "state")),
        ]
        settings = {"TOT_SANDBOX_TOKEN": TOKEN, "TOT_YOOKASSA_FISCALIZATION": "0"}
        running = subprocess.Popen(
            [sys.executable, "-m", "sandbox.outside", *arguments],
            cwd=ROOT,
            env=os.environ | settings,
        )
        try:
            provider = YooKassa(f"http://127.0.0.1:{port}/yookassa")
            until(lambda: answers(provider), 20)
            shop = Shop(provider)
            paid = shop.pay()
            assert listening.wait(1) == ["payment.succeeded"]
            assert listening.got[0]["object"] == paid
            provider.faults("reset_before")
            with pytest.raises(httpx.ReadError):
                shop.ask("GET", "/me")
            inbox = HTTP.get(f"http://127.0.0.1:{port}/inbox")
            assert inbox.is_success
        finally:
            running.terminate()
            running.wait(10)
    assert (tmp_path / "state").exists()


def answers(provider: YooKassa) -> bool:
    try:
        return bool(provider.totals())
    except httpx.TransportError:
        return False
