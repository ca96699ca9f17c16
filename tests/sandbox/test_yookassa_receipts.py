"""Receipts of 54-FZ in the local YooKassa."""

import json
from typing import Any

import pytest

from tests.sandbox.yookassa_shop import (
    Shop,
    item,
    payment_body,
    receipt,
    registered,
    rub,
)
from tests.yookassa_server import YooKassa


def closing(of: str, **other: Any) -> dict[str, Any]:
    """The closing receipt after a prepayment, as the SDK sends it."""
    return {
        "type": "payment",
        "payment_id": of,
        "customer": {"email": "patient@clinic.example"},
        "email": "patient@clinic.example",
        "items": [item("2500.00", payment_mode="full_payment")],
        "settlements": [{"type": "prepayment", "amount": rub("2500.00")}],
        "send": True,
    } | other


def test_a_payment_needs_its_receipt(fiscal: Shop) -> None:
    assert fiscal.refused("/payments", payment_body()) == ("invalid_request", "receipt")
    told = fiscal.done("GET", "/me")["fiscalization"]
    assert told == {"enabled": True, "provider": "yoo_receipt"}


WRONG: list[dict[str, Any]] = [
    receipt(),
    receipt(item("2499.99")),
    receipt(item("2500.00", "0")),
    receipt(item("2500.00", "-1")),
    receipt(item("2500.00", "NaN")),
    receipt(item("2500.00", "one")),
    receipt(item("2500.00", True)),
    receipt(item("2500.00", vat_code=0)),
    receipt(item("2500.00", vat_code=13)),
    receipt(item("2500.00", vat_code="1")),
    receipt(item("2500.00", payment_subject="visit")),
    receipt(item("2500.00", payment_mode="later")),
    receipt(item("2500.00", measure="box")),
    receipt(item("2500.00", description="")),
    receipt(item("2500.00", description="д" * 129)),
    receipt(*[item("25.00")] * 100),
    {"items": [item("2500.00")]},
    {"customer": {"phone": "79990000000"}, "items": [item("2500.00")]},
    {"customer": {"email": "nobody"}, "items": [item("2500.00")]},
    {"customer": [], "items": [item("2500.00")]},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_an_illegal_receipt_is_refused(fiscal: Shop, wrong: dict[str, Any]) -> None:
    body = payment_body(receipt=wrong)
    assert fiscal.refused("/payments", body) == ("invalid_request", "receipt")
    assert fiscal.provider.listing("payments") == []


@pytest.mark.parametrize(
    "right",
    [
        receipt(item("2500.00", "1.0")),
        receipt(item("1250.00", 2)),
        receipt(item("1000.00", 1.5), item("500.00"), item("500.00")),
        receipt(item("7500.00", "0.3333333333")),
        receipt(*[item("31.25")] * 80),
        receipt(
            item(
                "2500.00",
                vat_code=12,
                payment_subject="service",
                payment_mode="full_prepayment",
                measure="piece",
            )
        ),
        {"email": "a@b.example", "items": [item("2500.00")]},
    ],
)
def test_a_legal_receipt_is_taken(fiscal: Shop, right: dict[str, Any]) -> None:
    fiscal.done("POST", "/payments", payment_body(receipt=right))


def test_a_receipt_is_registered_after_the_payment(fiscal: Shop) -> None:
    made = fiscal.done(
        "POST", "/payments", payment_body(receipt=receipt(item("2500.00")))
    )
    assert made["receipt_registration"] == "pending"
    assert fiscal.done("GET", "/receipts")["items"] == []
    fiscal.provider.pay(made["id"])
    assert fiscal.payment(made["id"])["receipt_registration"] == "pending"
    fiscal.provider.advance(5)
    assert fiscal.payment(made["id"])["receipt_registration"] == "succeeded"
    (found,) = fiscal.done("GET", "/receipts")["items"]
    assert found["status"] == "succeeded"
    assert found["settlements"] == [{"type": "cashless", "amount": rub("2500.00")}]
    assert fiscal.done("GET", f"/receipts/{found['id']}") == found


def test_a_payment_that_failed_has_no_receipt(fiscal: Shop) -> None:
    made = fiscal.done(
        "POST", "/payments", payment_body(receipt=receipt(item("2500.00")))
    )
    fiscal.provider.decline(made["id"])
    fiscal.provider.advance(5)
    assert fiscal.payment(made["id"])["receipt_registration"] == "canceled"
    assert fiscal.provider.listing("receipts") == []


def test_a_capture_in_part_needs_a_receipt(fiscal: Shop) -> None:
    told = receipt(item("2500.00"))
    held = fiscal.pay(payment_body(capture=False, receipt=told))
    path, part = f"/payments/{held['id']}/capture", {"amount": rub("1000.00")}
    assert fiscal.refused(path, part) == ("invalid_request", "receipt")
    fiscal.done("POST", path, part | {"receipt": receipt(item("1000.00"))})
    (found,) = fiscal.provider.listing("receipts")
    assert found["items"] == [registered("1000.00")]


def test_a_receipt_shows_known_fields_only(fiscal: Shop) -> None:
    agent = {
        "agent_type": "agent",
        "supplier": {"name": "Клиника", "inn": "7701020304"},
    }
    told = receipt(item("2500.00", "1.5", **agent, unheard_of="\ud800"))
    told["items"][0]["amount"] = rub("1666.67")
    told["items"].append(item("0.00"))
    content = json.dumps(payment_body("2500.01", receipt=told)).encode()
    headers = {"Content-Type": "application/json"}
    made = fiscal.ask("POST", "/payments", content=content, headers=headers).json()
    fiscal.provider.pay(made["id"])
    (found,) = fiscal.provider.listing("receipts")
    first, second = found["items"]
    assert first == registered("1666.67", 1.5, **agent)
    assert second == registered("0.00")


def test_the_closing_receipt_is_made_by_itself(shop: Shop, provider: YooKassa) -> None:
    paid = shop.pay()
    made = shop.done("POST", "/receipts", closing(paid["id"]))
    assert made["status"] == "pending"
    provider.advance(5)
    done = shop.done("GET", f"/receipts/{made['id']}")
    assert done["status"] == "succeeded"
    assert "receipt_registration" not in shop.payment(paid["id"])
    found = shop.ask("GET", "/receipts", params={"payment_id": paid["id"]}).json()
    assert found["items"] == [done]


def test_a_receipt_of_a_refund(shop: Shop) -> None:
    refund = shop.refund(shop.pay()["id"], "2500.00")
    body = closing("", type="refund", refund_id=refund["id"])
    made = shop.done("POST", "/receipts", body)
    assert made["refund_id"] == refund["id"]
    query = {"refund_id": refund["id"], "status": "pending"}
    found = shop.ask("GET", "/receipts", params=query).json()
    assert found["items"] == [made]
    other = shop.ask("GET", "/receipts", params={"payment_id": refund["id"]})
    assert other.json()["items"] == []


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"type": "both"}, "type"),
        ({"send": False}, "send"),
        ({"send": None}, "send"),
        ({"items": []}, "items"),
        ({"items": [item("2500.00", vat_code=13)]}, "items.0.vat_code"),
        ({"settlements": []}, "settlements"),
        (
            {"settlements": [{"type": "cash", "amount": rub("1.00")}]},
            "settlements.0.type",
        ),
        (
            {"settlements": [{"type": "prepayment", "amount": rub("2499.00")}]},
            "settlements",
        ),
        ({"customer": {"phone": "79990000000"}, "email": None}, "customer"),
        ({"payment_id": None}, "payment_id"),
        ({"payment_id": "nothing"}, "payment_id"),
        ({"type": "refund"}, "refund_id"),
        ({"type": "refund", "refund_id": "nothing"}, "refund_id"),
    ],
)
def test_a_wrong_receipt_is_refused(
    shop: Shop, change: dict[str, Any], parameter: str
) -> None:
    body = closing(shop.pay()["id"], **change)
    body = {name: value for name, value in body.items() if value is not None}
    assert shop.refused("/receipts", body) == ("invalid_request", parameter)


def test_a_receipt_needs_money_that_was_paid(shop: Shop) -> None:
    made = shop.done("POST", "/payments", payment_body())
    told = shop.refused("/receipts", closing(made["id"]))
    assert told == ("invalid_request", "payment_id")


def test_a_receipt_that_is_not_there(shop: Shop) -> None:
    assert shop.ask("GET", "/receipts/rt-nothing").status_code == 404
