"""Bodies: made once, complete, free of anything personal but the receipt's e-mail."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateways.yookassa_bodies import (
    MOST_KOPECKS,
    PaymentOrder,
    Receipt,
    ReceiptItem,
    ReceiptOrder,
    RefundOrder,
    payment_body,
    receipt_body,
    refund_body,
)

PAYMENT = "2a1b3c4d-000f-5000-8000-1a2b3c4d5e6f"
OURS, BOOKING = UUID(int=1), UUID(int=2)
VISIT = ReceiptItem("Выезд терапевта", 125_050, 1, "full_prepayment", 2)
RECEIPT = Receipt("anna@example.org", (VISIT,))
CARD = PaymentOrder(
    OURS, BOOKING, "B-1042", "test", 250_100, "card", "https://tot.example/paid"
)
REFUND = RefundOrder(OURS, BOOKING, PAYMENT, "test", 100_000, "Врач не приехал")


def test_a_card_is_paid_on_the_providers_page_and_taken_at_once() -> None:
    assert json.loads(payment_body(CARD)) == {
        "amount": {"value": "2501.00", "currency": "RUB"},
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": "https://tot.example/paid"},
        "description": "Выезд врача, заказ № B-1042",
        "metadata": {
            "attempt_id": str(OURS),
            "booking_id": str(BOOKING),
            "env": "test",
        },
        "payment_method_data": {"type": "bank_card"},
        "statements": [],
        "transfers": [],
    }


@pytest.mark.parametrize(
    ("qr", "back", "confirmation"),
    [
        (True, None, {"type": "qr"}),
        (True, "https://a.b/c", {"type": "qr", "return_url": "https://a.b/c"}),
        (False, "https://a.b/c", {"type": "redirect", "return_url": "https://a.b/c"}),
    ],
)
def test_sbp_is_paid_by_qr_or_on_the_providers_page(
    qr: bool, back: str | None, confirmation: dict[str, str]
) -> None:
    body = payment_body(replace(CARD, method="sbp", qr=qr, return_url=back))
    told = json.loads(body)
    assert told["payment_method_data"] == {"type": "sbp"}
    assert told["confirmation"] == confirmation


def test_a_body_is_the_same_every_time_and_pure_ascii() -> None:
    order = replace(CARD, receipt=RECEIPT)
    assert payment_body(order) == payment_body(order)
    assert payment_body(order).isascii()


def test_a_receipt_goes_with_the_payment() -> None:
    told = json.loads(payment_body(replace(CARD, receipt=RECEIPT)))
    assert told["receipt"] == {
        "customer": {"email": "anna@example.org"},
        "items": [
            {
                "description": "Выезд терапевта",
                "quantity": "2.0",
                "amount": {"value": "1250.50", "currency": "RUB"},
                "vat_code": 1,
                "payment_mode": "full_prepayment",
                "payment_subject": "service",
                "measure": "piece",
            }
        ],
    }


def test_a_refund_names_the_payment_and_its_own_row() -> None:
    assert json.loads(refund_body(REFUND)) == {
        "payment_id": PAYMENT,
        "amount": {"value": "1000.00", "currency": "RUB"},
        "description": "Врач не приехал",
        "metadata": {
            "refund_id": str(OURS),
            "booking_id": str(BOOKING),
            "env": "test",
        },
        "sources": [],
    }
    part = Receipt("a@b.ru", (replace(VISIT, amount_kopecks=100_000, quantity=1),))
    assert "receipt" in json.loads(refund_body(replace(REFUND, receipt=part)))


def test_a_closing_receipt_sets_the_prepayment_off() -> None:
    closing = replace(RECEIPT, items=(replace(VISIT, payment_mode="full_payment"),))
    told = json.loads(receipt_body(ReceiptOrder(PAYMENT, closing)))
    assert told["type"] == "payment"
    assert told["payment_id"] == PAYMENT
    assert told["send"] is True
    assert told["customer"] == {"email": "anna@example.org"}
    assert told["items"][0]["payment_mode"] == "full_payment"
    assert told["settlements"] == [
        {"type": "prepayment", "amount": {"value": "2501.00", "currency": "RUB"}}
    ]


@settings(deadline=None)
@given(st.integers(100, MOST_KOPECKS))
def test_every_sum_arrives_to_the_kopeck(kopecks: int) -> None:
    value = json.loads(payment_body(replace(CARD, amount_kopecks=kopecks)))["amount"]
    rubles, _, rest = value["value"].partition(".")
    assert (int(rubles) * 100 + int(rest), len(rest)) == (kopecks, 2)


@pytest.mark.parametrize("kopecks", [99, 0, -250_000, MOST_KOPECKS + 1])
def test_a_sum_that_nobody_can_move_is_refused(kopecks: int) -> None:
    with pytest.raises(ValueError, match="no such sum"):
        payment_body(replace(CARD, amount_kopecks=kopecks))
    with pytest.raises(ValueError, match="no such sum"):
        refund_body(replace(REFUND, amount_kopecks=kopecks))


@pytest.mark.parametrize(
    "change",
    [
        {"return_url": None},
        {"return_url": ""},
        {"return_url": "https://a.b/" + "x" * 2048},
        {"method": "sbp", "return_url": "https://a.b/" + "x" * 1024},
        {"number": "B-" + "1" * 120},
        {"method": "sbp", "qr": False, "return_url": None},
        {"amount_kopecks": 250_101, "receipt": RECEIPT},
        {"receipt": replace(RECEIPT, email="anna")},
        {"receipt": replace(RECEIPT, items=())},
        {"amount_kopecks": 8100, "receipt": Receipt("a@b.ru", (VISIT,) * 81)},
    ],
)
def test_an_impossible_payment_is_refused_before_it_is_stored(
    change: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        payment_body(replace(CARD, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"description": ""},
        {"description": "x" * 129},
        {"vat_code": 0},
        {"vat_code": 13},
        {"quantity": 0},
        {"amount_kopecks": 0},
        {"amount_kopecks": -1},
    ],
)
def test_an_impossible_line_is_refused_before_it_is_stored(
    change: dict[str, Any],
) -> None:
    receipt = Receipt("anna@example.org", (replace(VISIT, **change),))
    order = replace(CARD, receipt=receipt)
    with pytest.raises(ValueError, match=r"line of a receipt|VAT"):
        payment_body(order)


@pytest.mark.parametrize(
    "change", [{"description": "x" * 251}, {"description": ""}, {"payment_id": "x"}]
)
def test_an_impossible_refund_is_refused_before_it_is_stored(
    change: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        refund_body(replace(REFUND, **change))
