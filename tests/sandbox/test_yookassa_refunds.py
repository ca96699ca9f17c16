"""Refunds of the local YooKassa: limits, states, and what is left of a payment."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sandbox.yookassa_shop import (
    Shop,
    item,
    payment_body,
    receipt,
    registered,
    rub,
    sbp_body,
)
from tests.yookassa_server import YooKassa

YEARS = 3 * 365 * 24 * 3600


def refused(shop: Shop, payment_id: str, value: str, **other: Any) -> str | None:
    body = {"payment_id": payment_id, "amount": rub(value), **other}
    code, parameter = shop.refused("/refunds", body)
    assert code == "invalid_request"
    return parameter


def test_a_card_is_refunded_at_once(shop: Shop) -> None:
    paid = shop.pay()
    done = shop.refund(paid["id"], "500.00", description="Отмена выезда")
    assert done["status"] == "succeeded"
    assert done["refund_authorization_details"]["rrn"].isdigit()
    after = shop.payment(paid["id"])
    assert after["refunded_amount"] == rub("500.00")
    assert after["refundable"] is True
    assert after["amount"] == rub("2500.00")


def test_a_whole_refund_leaves_nothing_to_refund(shop: Shop) -> None:
    paid = shop.pay()
    shop.refund(paid["id"], "2500.00")
    after = shop.payment(paid["id"])
    assert after["status"] == "succeeded"
    assert after["refundable"] is False
    assert refused(shop, paid["id"], "1.00") == "amount.value"


def test_sbp_is_refunded_later(shop: Shop, provider: YooKassa) -> None:
    paid = shop.pay(sbp_body())
    going = shop.refund(paid["id"], "2500.00")
    assert going["status"] == "pending"
    assert shop.payment(paid["id"])["refunded_amount"] == rub("0.00")
    assert provider.totals()["refunds_pending"] == 250_000
    assert refused(shop, paid["id"], "1.00") == "amount.value"
    provider.advance(20)
    done = shop.done("GET", f"/refunds/{going['id']}")
    assert done["status"] == "succeeded"
    assert done["refund_method"]["type"] == "sbp"
    assert shop.payment(paid["id"])["refunded_amount"] == rub("2500.00")


def test_parts_make_up_the_whole_and_no_more(shop: Shop) -> None:
    paid = shop.pay()
    for value in ("1000.00", "1000.00", "499.00"):
        shop.refund(paid["id"], value)
    assert refused(shop, paid["id"], "1.01") == "amount.value"
    shop.refund(paid["id"], "1.00")
    assert shop.provider.totals()["refunded"] == 250_000


def test_a_rest_below_a_rouble_is_refused(shop: Shop) -> None:
    paid = shop.pay()
    assert refused(shop, paid["id"], "2499.01") == "amount.value"
    assert refused(shop, paid["id"], "2499.99") == "amount.value"
    shop.refund(paid["id"], "2499.00")


@pytest.mark.parametrize("value", ["0.99", "0.00", "2500.01", "1", "-1.00"])
def test_wrong_sums_are_refused(shop: Shop, value: str) -> None:
    assert refused(shop, shop.pay()["id"], value) == "amount.value"


def test_only_what_was_paid_is_refunded(shop: Shop) -> None:
    waiting = shop.done("POST", "/payments", payment_body())
    held = shop.pay(payment_body(capture=False))
    gone = shop.done("POST", "/payments", payment_body())
    shop.provider.decline(gone["id"])
    unknown = waiting["id"][:-12] + "0" * 12
    for payment_id in (waiting["id"], held["id"], gone["id"], unknown):
        assert refused(shop, payment_id, "1.00") == "payment_id"
    assert refused(shop, "short", "1.00") == "payment_id"


def test_three_years_are_the_term(shop: Shop, provider: YooKassa) -> None:
    paid = shop.pay()
    provider.advance(YEARS - 60)
    shop.refund(paid["id"], "1.00")
    provider.advance(120)
    assert refused(shop, paid["id"], "1.00") == "payment_id"


@pytest.mark.parametrize(
    ("other", "parameter"),
    [
        ({"description": "д" * 251}, "description"),
        ({"metadata": {"k": "v" * 513}}, "metadata"),
        ({"amount": None}, "amount"),
        ({"payment_id": None}, "payment_id"),
    ],
)
def test_a_wrong_refund_is_refused(
    shop: Shop, other: dict[str, Any], parameter: str
) -> None:
    body = {"payment_id": shop.pay()["id"], "amount": rub("1.00")} | other
    body = {name: value for name, value in body.items() if value is not None}
    assert shop.refused("/refunds", body) == ("invalid_request", parameter)


def test_many_at_once_never_refund_more_than_was_paid(shop: Shop) -> None:
    paid = shop.pay()
    body = {"payment_id": paid["id"], "amount": rub("500.00")}

    def refund(_: int) -> int:
        return shop.ask("POST", "/refunds", body).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(refund, range(16)))
    assert sorted(answers) == [200] * 5 + [400] * 11
    assert shop.payment(paid["id"])["refunded_amount"] == rub("2500.00")


def test_a_refund_that_is_not_there(shop: Shop) -> None:
    assert shop.ask("GET", "/refunds/nothing").status_code == 404


def test_a_refund_of_another_shop_is_not_there(shop: Shop) -> None:
    done = shop.refund(shop.pay()["id"], "1.00")
    other = ("200600", "key_of_another_shop")
    assert shop.ask("GET", f"/refunds/{done['id']}", auth=other).status_code == 404


def test_a_cancelled_refund_gives_its_sum_back(shop: Shop, provider: YooKassa) -> None:
    paid = shop.pay(sbp_body())
    going = shop.refund(paid["id"], "2500.00")
    told = provider.finish_refund(going["id"], status="canceled")
    why = {"party": "refund_network", "reason": "rejected_by_payee"}
    assert told["cancellation_details"] == why
    provider.advance(60)
    assert provider.finish_refund(going["id"])["status"] == "canceled"
    assert shop.done("GET", f"/refunds/{going['id']}")["status"] == "canceled"
    assert shop.payment(paid["id"])["refundable"] is True
    shop.refund(paid["id"], "2500.00")


def test_a_part_needs_a_receipt_where_receipts_are_due(fiscal: Shop) -> None:
    paid = fiscal.pay(payment_body(receipt=receipt(item("2500.00"))))
    assert refused(fiscal, paid["id"], "500.00") == "receipt"
    wrong = receipt(item("499.00"))
    assert refused(fiscal, paid["id"], "500.00", receipt=wrong) == "receipt"
    done = fiscal.refund(paid["id"], "500.00", receipt=receipt(item("500.00")))
    assert done["receipt_registration"] == "pending"
    fiscal.provider.advance(10)
    done = fiscal.done("GET", f"/refunds/{done['id']}")
    assert done["receipt_registration"] == "succeeded"


def test_a_whole_refund_takes_the_receipt_of_its_payment(fiscal: Shop) -> None:
    paid = fiscal.pay(payment_body(receipt=receipt(item("1250.00", 2))))
    done = fiscal.refund(paid["id"], "2500.00")
    fiscal.provider.advance(10)
    found = fiscal.provider.listing("receipts")[-1]
    assert found["refund_id"] == done["id"]
    assert found["items"] == [registered("1250.00", 2.0)]
