"""Lists of the local YooKassa: pages, filters, and what is refused."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.sandbox.yookassa_shop import Shop, payment_body, sbp_body
from tests.yookassa_server import YooKassa


def read(shop: Shop, kind: str, **query: Any) -> Any:
    path = f"{shop.provider.api_url}/{kind}?{urlencode(query)}"
    answer = shop.ask("GET", f"/{kind}", params=query)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()


def ids(page: Any) -> list[str]:
    return [each["id"] for each in page["items"]]


def test_the_newest_come_first_ten_by_ten(shop: Shop) -> None:
    made = [shop.done("POST", "/payments", payment_body())["id"] for _ in range(23)]
    found: list[str] = []
    query: dict[str, Any] = {}
    sizes = []
    while True:
        page = read(shop, "payments", **query)
        found += ids(page)
        sizes.append(len(page["items"]))
        if "next_cursor" not in page:
            break
        query = {"cursor": page["next_cursor"]}
    assert sizes == [10, 10, 3]
    assert found == made[::-1]


def test_what_is_made_while_paging_moves_nothing(shop: Shop) -> None:
    made = [shop.done("POST", "/payments", payment_body())["id"] for _ in range(4)]
    first = read(shop, "payments", limit=2)
    shop.done("POST", "/payments", payment_body())
    second = read(shop, "payments", limit=2, cursor=first["next_cursor"])
    assert ids(first) + ids(second) == made[::-1]


def test_payments_are_found_by_status_and_method(shop: Shop) -> None:
    card, sbp = shop.pay(), shop.pay(sbp_body())
    waiting = shop.done("POST", "/payments", payment_body())
    assert ids(read(shop, "payments", status="succeeded")) == [sbp["id"], card["id"]]
    assert ids(read(shop, "payments", status="pending")) == [waiting["id"]]
    assert ids(read(shop, "payments", payment_method="sbp")) == [sbp["id"]]
    assert ids(read(shop, "payments", status="canceled")) == []


def test_payments_are_found_by_their_times(shop: Shop, provider: YooKassa) -> None:
    early = shop.pay()
    provider.advance(100)
    late = shop.pay()
    at = late["created_at"]
    assert ids(read(shop, "payments", **{"created_at.gte": at})) == [late["id"]]
    assert ids(read(shop, "payments", **{"created_at.gt": at})) == []
    assert ids(read(shop, "payments", **{"created_at.lt": at})) == [early["id"]]
    both = {"created_at.lte": at, "created_at.gt": "2000-01-01T03:00:00+03:00"}
    assert ids(read(shop, "payments", **both)) == [late["id"], early["id"]]
    captured = late["captured_at"]
    assert ids(read(shop, "payments", **{"captured_at.gte": captured})) == [late["id"]]


def test_payments_that_wait_have_no_time_of_capture(shop: Shop) -> None:
    shop.done("POST", "/payments", payment_body())
    since = {"captured_at.gte": "2000-01-01T00:00:00Z"}
    assert ids(read(shop, "payments", **since)) == []


def test_lists_reach_three_years_back(shop: Shop, provider: YooKassa) -> None:
    made = shop.pay()
    provider.advance(3 * 365 * 24 * 3600 - 60)
    assert ids(read(shop, "payments")) == [made["id"]]
    provider.advance(60)
    assert ids(read(shop, "payments")) == []


def test_metadata_is_no_filter(shop: Shop) -> None:
    made = shop.pay()
    assert ids(read(shop, "payments", **{"metadata.attempt_id": "no"})) == [made["id"]]


def test_refunds_are_found_by_payment_and_status(shop: Shop) -> None:
    card, sbp = shop.pay(), shop.pay(sbp_body())
    done = shop.refund(card["id"], "10.00")
    going = shop.refund(sbp["id"], "10.00")
    assert ids(read(shop, "refunds")) == [going["id"], done["id"]]
    assert ids(read(shop, "refunds", payment_id=card["id"])) == [done["id"]]
    assert ids(read(shop, "refunds", status="pending")) == [going["id"]]
    since = {"created_at.gte": going["created_at"], "limit": 1}
    assert ids(read(shop, "refunds", **since)) == [going["id"]]


@pytest.mark.parametrize("kind", ["payments", "refunds", "receipts", "payouts"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "٥"),
        ("limit", "9" * 5000),
        ("cursor", "no cursor"),
        ("cursor", "bm8="),
        ("status", "refunded"),
        ("created_at.gte", "yesterday"),
        ("created_at.lt", "2024-01-01T00:00:00"),
    ],
)
def test_a_wrong_filter_is_named(shop: Shop, kind: str, name: str, value: str) -> None:
    answer = shop.ask("GET", f"/{kind}", params={name: value})
    assert answer.status_code == 400
    assert answer.json()["parameter"] == name


def test_a_hundred_at_once_is_the_most(shop: Shop) -> None:
    assert read(shop, "payments", limit=100) == {"type": "list", "items": []}
