"""Idempotency of the local YooKassa: one key, one operation, for a day."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.yookassa_shop import Shop, payment_body, rub
from tests.yookassa_server import YooKassa

DAY = 24 * 3600


def count(shop: Shop, kind: str = "payments") -> int:
    return len(shop.provider.listing(kind))


def test_a_repeated_request_is_answered_as_the_first(shop: Shop) -> None:
    first = shop.done("POST", "/payments", payment_body(), "key-1")
    shop.provider.pay(first["id"])
    again = shop.done("POST", "/payments", payment_body(), "key-1")
    assert again == first  # And not as the payment is now.
    assert count(shop) == 1


def test_the_order_of_fields_is_no_difference(shop: Shop) -> None:
    body = payment_body()
    first = shop.done("POST", "/payments", body, "key-1")
    turned = json.dumps(dict(reversed(body.items())), indent=2).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}
    again = shop.ask(
        "POST", "/payments", None, "key-1", content=turned, headers=headers
    )
    assert again.json() == first


def test_a_key_with_another_body_is_refused(shop: Shop) -> None:
    shop.done("POST", "/payments", payment_body(), "key-1")
    answer = shop.ask("POST", "/payments", payment_body("1.00"), "key-1")
    assert answer.status_code == 400
    assert answer.json()["parameter"] == "Idempotence-Key"
    assert count(shop) == 1


def test_the_same_body_with_another_key_is_another_payment(shop: Shop) -> None:
    ids = {shop.done("POST", "/payments", payment_body())["id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_key_is_forgotten_after_a_day(shop: Shop, provider: YooKassa) -> None:
    first = shop.done("POST", "/payments", payment_body(), "key-1")
    provider.advance(DAY - 60)
    assert shop.done("POST", "/payments", payment_body(), "key-1") == first
    provider.advance(60)
    assert shop.done("POST", "/payments", payment_body(), "key-1") != first
    assert count(shop) == 2


def test_the_day_is_counted_from_the_first_request(
    shop: Shop, provider: YooKassa
) -> None:
    first = shop.done("POST", "/payments", payment_body(), "key-1")
    for _ in range(2):
        provider.advance(DAY / 2 - 30)
        shop.ask("POST", "/payments", payment_body(), "key-1")
    provider.advance(60)
    assert shop.done("POST", "/payments", payment_body(), "key-1") != first


def test_one_key_in_many_hands_at_once_makes_one_payment(shop: Shop) -> None:
    def make(_: int) -> str:
        return str(shop.done("POST", "/payments", payment_body(), "key-1")["id"])

    with ThreadPoolExecutor(16) as pool:
        ids = set(pool.map(make, range(48)))
    assert len(ids) == 1
    assert count(shop) == 1


def test_a_refusal_keeps_no_key(shop: Shop) -> None:
    answer = shop.ask("POST", "/payments", payment_body("0.00"), "key-1")
    assert answer.status_code == 400
    assert (
        shop.done("POST", "/payments", payment_body(), "key-1")["status"] == "pending"
    )


def test_a_key_belongs_to_its_shop_and_path(shop: Shop) -> None:
    first = shop.done("POST", "/payments", payment_body(), "key-1")
    other = ("200600", "key_of_another_shop")
    theirs = shop.ask("POST", "/payments", payment_body(), "key-1", auth=other).json()
    assert theirs["id"] != first["id"]
    shop.provider.pay(first["id"])
    body = {"payment_id": first["id"], "amount": rub("1.00")}
    assert shop.done("POST", "/refunds", body, "key-1")["status"] == "succeeded"


def test_a_repeated_refund_and_capture_are_done_once(shop: Shop) -> None:
    held = shop.pay(payment_body(capture=False))
    path = f"/payments/{held['id']}/capture"
    first = shop.done("POST", path, None, "key-1")
    assert shop.done("POST", path, None, "key-1") == first
    body = {"payment_id": held["id"], "amount": rub("2500.00")}
    refund = shop.done("POST", "/refunds", body, "key-2")
    assert shop.done("POST", "/refunds", body, "key-2") == refund
    assert shop.provider.totals()["refunded"] == 250_000


@pytest.mark.parametrize("key", [None, "k" * 65, "ключ", "a b", "a/b", "a\tb"])
def test_a_key_must_be_there_and_right(shop: Shop, key: str | None) -> None:
    headers = {} if key is None else {"Idempotence-Key": key.encode()}
    answer = shop.ask("POST", "/payments", payment_body(), None, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["parameter"] == "Idempotence-Key"
    assert count(shop) == 0


@pytest.mark.parametrize("key", ["k", "k" * 64, "0-aZ_.+"])
def test_keys_of_the_alphabet_are_taken(shop: Shop, key: str) -> None:
    shop.done("POST", "/payments", payment_body(), key)
