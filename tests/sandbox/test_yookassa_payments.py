"""Payments of the local YooKassa: making, reading, capturing, expiring."""

import re
from datetime import datetime
from typing import Any

import pytest

from tests.sandbox.yookassa_shop import BACK, Shop, payment_body, rub, sbp_body
from tests.yookassa_server import HTTP, YooKassa, yookassa

HOUR = 3600
LINK = r"https://qr\.nspk\.ru/[0-9A-Z]{32}\?type=02&bank=\d{12}&sum=\d+&cur=RUB&crc=[0-9A-F]{4}"


def test_a_card_payment_waits_at_its_page(shop: Shop) -> None:
    made = shop.done("POST", "/payments", payment_body())
    assert made["status"] == "pending"
    assert made["amount"] == rub("2500.00")
    assert made["paid"] is False
    assert made["refundable"] is False
    assert made["metadata"] == {"attempt_id": "a-1"}
    page = f"{shop.provider.base_url}/pay/{made['id']}"
    assert made["confirmation"] == {
        "type": "redirect",
        "return_url": BACK,
        "confirmation_url": page,
    }
    assert shop.payment(made["id"]) == made


def test_sbp_gives_a_link_that_opens_here(shop: Shop) -> None:
    made = shop.done("POST", "/payments", sbp_body())
    page = f"{shop.provider.base_url}/qr/{made['id']}"
    assert made["confirmation"] == {"type": "qr", "confirmation_data": page}
    assert HTTP.get(page).status_code == 200


def test_sbp_gives_a_link_of_nspk_when_it_must_be_strict() -> None:
    with yookassa(strict_qr=True) as provider:
        made = Shop(provider).done("POST", "/payments", sbp_body("99.50"))
    link = made["confirmation"]["confirmation_data"]
    assert re.fullmatch(LINK, link)
    assert "sum=9950&" in link


def test_sbp_may_be_confirmed_by_redirect(shop: Shop) -> None:
    body = sbp_body(confirmation={"type": "redirect", "return_url": BACK})
    made = shop.done("POST", "/payments", body)
    assert made["confirmation"]["confirmation_url"].endswith(f"/pay/{made['id']}")


def test_a_paid_card_shows_its_details(shop: Shop) -> None:
    paid = shop.pay()
    assert paid["status"] == "succeeded"
    assert paid["income_amount"] == rub("2412.50")
    assert paid["refunded_amount"] == rub("0.00")
    assert paid["payment_method"]["card"]["last4"] == "4444"
    assert paid["authorization_details"]["three_d_secure"] == {"applied": True}
    assert paid["refundable"] is True


def test_a_paid_sbp_shows_the_bank(shop: Shop) -> None:
    paid = shop.pay(sbp_body())
    assert paid["income_amount"] == rub("2482.50")
    assert len(paid["payment_method"]["sbp_operation_id"]) == 32
    assert paid["payment_method"]["payer_bank_details"]["bic"] == "044525225"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"amount": None}, "amount"),
    ({"amount": rub("0.00")}, "amount.value"),
    ({"amount": rub("-5.00")}, "amount.value"),
    ({"amount": rub("10")}, "amount.value"),
    ({"amount": rub("10.5")}, "amount.value"),
    ({"amount": rub("10.555")}, "amount.value"),
    ({"amount": rub("١٠.٠٠")}, "amount.value"),
    ({"amount": rub("350000.01")}, "amount.value"),
    ({"amount": {"value": 10.5, "currency": "RUB"}}, "amount.value"),
    ({"amount": {"value": "10.00", "currency": "USD"}}, "amount.currency"),
    ({"amount": {"value": "10.00"}}, "amount.currency"),
    ({"description": "д" * 129}, "description"),
    ({"description": 5}, "description"),
    ({"capture": "true"}, "capture"),
    ({"confirmation": None}, "confirmation"),
    ({"confirmation": {"type": "redirect"}}, "confirmation.return_url"),
    (
        {"confirmation": {"type": "redirect", "return_url": "javascript:1"}},
        "confirmation.return_url",
    ),
    (
        {"confirmation": {"type": "redirect", "return_url": "http://a/" + "b" * 2048}},
        "confirmation.return_url",
    ),
    ({"confirmation": {"type": "qr"}}, "confirmation.type"),
    ({"confirmation": {"type": "embedded"}}, "confirmation.type"),
    ({"payment_method_data": {"type": "cash"}}, "payment_method_data.type"),
    ({"metadata": {f"k{n}": "v" for n in range(17)}}, "metadata"),
    ({"metadata": {"k" * 33: "v"}}, "metadata"),
    ({"metadata": {"k": "v" * 513}}, "metadata"),
    ({"metadata": {"k": 5}}, "metadata"),
    ({"metadata": []}, "metadata"),
    ({"merchant_customer_id": "m" * 201}, "merchant_customer_id"),
]


@pytest.mark.parametrize(("change", "parameter"), WRONG)
def test_a_wrong_payment_is_refused(
    shop: Shop, change: dict[str, Any], parameter: str
) -> None:
    body = {k: v for k, v in payment_body(**change).items() if v is not None}
    assert shop.refused("/payments", body) == ("invalid_request", parameter)
    assert shop.provider.listing("payments") == []


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"capture": False}, "capture"),
        ({"capture": None}, "capture"),
        ({"amount": rub("700000.01")}, "amount.value"),
    ],
)
def test_a_wrong_sbp_payment_is_refused(
    shop: Shop, change: dict[str, Any], parameter: str
) -> None:
    body = {k: v for k, v in sbp_body(**change).items() if v is not None}
    assert shop.refused("/payments", body) == ("invalid_request", parameter)


@pytest.mark.parametrize(
    "body",
    [
        payment_body("350000.00"),
        payment_body("1.00", description="д" * 128, metadata={"k" * 32: "v" * 512}),
        payment_body(statements=[], transfers=[], unheard_of={"a": 1}),
        payment_body(merchant_customer_id="m" * 200),
        sbp_body("700000.00"),
    ],
)
def test_the_utmost_is_taken(shop: Shop, body: dict[str, Any]) -> None:
    shop.done("POST", "/payments", body)


def test_a_payer_who_may_choose_pays_by_card(shop: Shop) -> None:
    body = payment_body()
    del body["payment_method_data"]
    made = shop.done("POST", "/payments", body)
    assert "payment_method" not in made
    shop.provider.pay(made["id"])
    assert shop.payment(made["id"])["payment_method"]["type"] == "bank_card"


def test_a_hold_is_captured_whole(shop: Shop) -> None:
    held = shop.pay(payment_body(capture=False))
    assert held["status"] == "waiting_for_capture"
    assert held["paid"] is True
    made, until = (
        datetime.fromisoformat(held[name]) for name in ("created_at", "expires_at")
    )
    assert 0 <= (until - made).total_seconds() - 7 * 24 * HOUR < 60
    done = shop.done("POST", f"/payments/{held['id']}/capture")
    assert done["status"] == "succeeded"
    assert done["amount"] == rub("2500.00")


def test_a_hold_is_captured_in_part(shop: Shop) -> None:
    held = shop.pay(payment_body(capture=False))
    body = {"amount": rub("1000.00"), "transfers": []}
    done = shop.done("POST", f"/payments/{held['id']}/capture", body)
    assert done["amount"] == rub("1000.00")
    assert shop.provider.totals()["captured"] == 100_000


def test_more_than_was_held_is_not_captured(shop: Shop) -> None:
    held = shop.pay(payment_body(capture=False))
    path = f"/payments/{held['id']}/capture"
    refused = shop.refused(path, {"amount": rub("2500.01")})
    assert refused == ("invalid_request", "amount.value")


def test_a_hold_is_released_by_the_shop(shop: Shop) -> None:
    held = shop.pay(payment_body(capture=False))
    gone = shop.done("POST", f"/payments/{held['id']}/cancel")
    assert gone["status"] == "canceled"
    told = {"party": "merchant", "reason": "canceled_by_merchant"}
    assert gone["cancellation_details"] == told


@pytest.mark.parametrize("verb", ["capture", "cancel"])
def test_only_a_hold_is_captured_or_cancelled(shop: Shop, verb: str) -> None:
    made = shop.done("POST", "/payments", payment_body())
    assert shop.refused(f"/payments/{made['id']}/{verb}", None)[0] == "invalid_request"
    shop.provider.pay(made["id"])
    assert shop.refused(f"/payments/{made['id']}/{verb}", None)[0] == "invalid_request"
    assert shop.payment(made["id"])["status"] == "succeeded"


def test_an_hour_without_the_payer_cancels(shop: Shop) -> None:
    made = shop.done("POST", "/payments", payment_body())
    shop.provider.advance(HOUR - 60)
    assert shop.payment(made["id"])["status"] == "pending"
    shop.provider.advance(60)
    gone = shop.payment(made["id"])
    told = {"party": "yoo_money", "reason": "expired_on_confirmation"}
    assert gone["cancellation_details"] == told


def test_a_week_without_the_shop_releases_the_hold(shop: Shop) -> None:
    held = shop.pay(payment_body(capture=False))
    shop.provider.advance(7 * 24 * HOUR)
    gone = shop.payment(held["id"])
    told = {"party": "yoo_money", "reason": "expired_on_capture"}
    assert gone["cancellation_details"] == told


def test_final_states_never_change(shop: Shop) -> None:
    paid = shop.pay()
    assert shop.provider.decline(paid["id"])["status"] == "succeeded"
    made = shop.done("POST", "/payments", payment_body())
    shop.provider.decline(made["id"], reason="fraud_suspected")
    assert shop.provider.pay(made["id"])["status"] == "canceled"
    shop.provider.advance(30 * 24 * HOUR)
    assert shop.payment(paid["id"]) == paid
    reason = shop.payment(made["id"])["cancellation_details"]["reason"]
    assert reason == "fraud_suspected"


def test_a_payment_of_another_shop_is_not_there(shop: Shop) -> None:
    made = shop.done("POST", "/payments", payment_body())
    other = ("200600", "key_of_another_shop")
    for method, path in (
        ("GET", f"/payments/{made['id']}"),
        ("POST", f"/payments/{made['id']}/capture"),
    ):
        answer = shop.ask(method, path, auth=other)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    body = {"payment_id": made["id"], "amount": rub("1.00")}
    answer = shop.ask("POST", "/refunds", body, auth=other)
    assert answer.json()["parameter"] == "payment_id"
    assert shop.ask("GET", "/payments", auth=other).json()["items"] == []


@pytest.mark.parametrize(
    "options",
    [
        {"auth": None},
        {"auth": ("100500", "wrong")},
        {"auth": ("nobody", "test_local_shop")},
        {"auth": None, "headers": {"Authorization": "Basic %%%"}},
        {"auth": None, "headers": {"Authorization": "Bearer token"}},
        {"auth": None, "headers": {"Authorization": "Basic /////w=="}},
    ],
)
def test_a_stranger_is_turned_away(shop: Shop, options: dict[str, Any]) -> None:
    answer = shop.ask("GET", "/me", **options)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/payments/", 404),
        ("GET", "/payments/a/b", 404),
        ("DELETE", "/payments", 405),
        ("PUT", "/payments/x", 405),
        ("GET", "/payments/x/capture", 405),
        ("POST", "/me", 405),
    ],
)
def test_ways_that_do_not_exist(
    shop: Shop, method: str, path: str, status: int
) -> None:
    assert shop.ask(method, path).status_code == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_json_by_its_type_is_415(shop: Shop, kind: str) -> None:
    answer = shop.ask(
        "POST", "/payments", content=b"{}", headers={"Content-Type": kind}
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"5", b"\xff", b"[" * 100_000, b'{"description": "\\ud800"}'],
)
def test_a_body_that_is_not_an_object_is_refused(shop: Shop, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = shop.ask("POST", "/payments", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_the_shop_reads_its_settings(shop: Shop) -> None:
    told = shop.done("GET", "/me")
    assert told["account_id"] == shop.provider.shop
    assert told["fiscalization"] == {"enabled": False}
    assert told["payment_methods"] == ["bank_card", "sbp"]


def test_times_are_those_of_the_provider(shop: Shop, provider: YooKassa) -> None:
    provider.advance(10 * 24 * HOUR)
    made = datetime.fromisoformat(
        shop.done("POST", "/payments", payment_body())["created_at"]
    )
    now = datetime.fromisoformat(provider.ctl("GET", "clock")["now"])
    assert 0 <= (now - made).total_seconds() < 60
