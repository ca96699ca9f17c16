"""What is believed of the provider's objects, and what is not read at all."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateways.yookassa_answers import (
    ProviderPayment,
    ProviderReceipt,
    ProviderRefund,
    read,
)
from services.gateways.yookassa_notifications import parse_notification
from services.gateways.yookassa_outcomes import Unknown

ID = "2a1b3c4d-000f-5000-8000-1a2b3c4d5e6f"
NOON = "2026-11-24T09:00:00.000Z"
PENDING: dict[str, Any] = {
    "id": ID,
    "status": "pending",
    "amount": {"value": "2500.00", "currency": "RUB"},
    "created_at": NOON,
    "paid": False,
    "test": True,
    "refundable": False,
    "recipient": {"account_id": "100500", "gateway_id": "1000501"},
}
PAID: dict[str, Any] = PENDING | {
    "status": "succeeded",
    "paid": True,
    "income_amount": {"value": "2412.50", "currency": "RUB"},
    "refunded_amount": {"value": "0.00", "currency": "RUB"},
    "captured_at": NOON,
    "expires_at": NOON,
    "receipt_registration": "pending",
    "metadata": {"attempt_id": "1", "cms_name": "x", "number": 7},
    "confirmation": {"type": "redirect", "confirmation_url": "https://a.b/c"},
    "cancellation_details": {"party": "merchant", "reason": "new_reason"},
    "payment_method": {"type": "moon_card", "title": "Card *4444", "saved": False},
}
REFUND: dict[str, Any] = {
    "id": ID,
    "payment_id": ID,
    "status": "canceled",
    "amount": {"value": "1.05", "currency": "RUB"},
    "created_at": NOON,
    "cancellation_details": {"party": "refund_network", "reason": "rejected_by_payee"},
}


def test_a_payment_is_read_in_kopecks_with_the_providers_own_words() -> None:
    made = read(ProviderPayment, PAID)
    assert isinstance(made, ProviderPayment)
    moment = datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert made.model_dump() == {
        "id": ID,
        "status": "succeeded",
        "amount_kopecks": 250_000,
        "paid": True,
        "test": True,
        "account_id": "100500",
        "created_at": moment,
        "metadata": {"attempt_id": "1", "cms_name": "x"},
        "confirmation_url": "https://a.b/c",
        "confirmation_data": None,
        "refunded_kopecks": 0,
        "income_kopecks": 241_250,
        "captured_at": moment,
        "expires_at": moment,
        "cancellation_party": "merchant",
        "cancellation_reason": "new_reason",
        "receipt_registration": "pending",
        "method_type": "moon_card",
        "method_title": "Card *4444",
    }


def test_a_qr_link_is_read_as_it_is() -> None:
    link = "https://qr.nspk.ru/AS10003P3RH0LJ2A?type=02&sum=250000&cur=RUB&crc=07D6"
    told = PENDING | {"confirmation": {"type": "qr", "confirmation_data": link}}
    made = read(ProviderPayment, told)
    assert isinstance(made, ProviderPayment)
    assert made.confirmation_data == link


def test_nulls_where_something_may_be_missing_are_nothing() -> None:
    nothing = {name: None for name in PAID if name not in PENDING}
    bare = read(ProviderPayment, PENDING)
    assert isinstance(bare, ProviderPayment)
    assert read(ProviderPayment, PENDING | nothing) == bare


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": None}, "amount"),
        ({"amount": "2500.00"}, "amount"),
        ({"amount": {"value": "2500.00", "currency": "USD"}}, "amount"),
        ({"amount": {"value": 2500.00, "currency": "RUB"}}, "amount"),
        *(
            ({"amount": {"value": value, "currency": "RUB"}}, "amount")
            for value in (
                "",
                "1",
                "1.0",
                "1.000",
                "-1.00",
                "1e2.00",
                "1_0.00",
                " 1.00",
                "1.00\n",
                "١.٠٠",
                "nan",
                "9999999999999.00",
                None,
            )
        ),
        ({"refunded_amount": {"value": "x", "currency": "RUB"}}, "refunded_amount"),
        ({"paid": "false"}, "paid"),
        ({"paid": 1}, "paid"),
        ({"test": None}, "test"),
        ({"recipient": None}, "recipient.account_id"),
        ({"recipient": {"account_id": 100500}}, "recipient.account_id"),
        ({"id": "../x"}, "id"),
        ({"id": f"{ID}\n"}, "id"),
        ({"status": None}, "status"),
        ({"status": "x" * 65}, "status"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": "2026-11-24T09:00:00"}, "created_at"),
    ],
)
def test_a_payment_without_what_money_hangs_on_is_not_read(
    change: dict[str, Any], field: str
) -> None:
    assert read(ProviderPayment, PENDING | change) == Unknown(f"unreadable: {field}")


def test_a_refund_is_read() -> None:
    made = read(ProviderRefund, REFUND)
    assert isinstance(made, ProviderRefund)
    assert (made.amount_kopecks, made.payment_id, made.status) == (105, ID, "canceled")
    assert made.cancellation_party == "refund_network"
    assert made.cancellation_reason == "rejected_by_payee"
    assert made.metadata == {}
    missing = read(ProviderRefund, {"metadata": "x"})
    places = "amount, created_at, id, payment_id, status"
    assert missing == Unknown(f"unreadable: {places}")


def test_a_receipt_is_read() -> None:
    told = {"id": f"rt-{ID}", "type": "payment", "status": "new", "payment_id": ID}
    made = read(ProviderReceipt, told | {"registered_at": NOON, "items": []})
    assert isinstance(made, ProviderReceipt)
    assert (made.status, made.payment_id, made.refund_id) == ("new", ID, None)
    assert read(ProviderReceipt, told | {"id": ID}) == Unknown("unreadable: id")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(PAID)), ANYTHING))
def test_reading_never_raises(change: dict[str, Any]) -> None:
    for kind in (ProviderPayment, ProviderRefund, ProviderReceipt):
        assert isinstance(read(kind, PAID | change), kind | Unknown)


@pytest.mark.parametrize("ident", [ID, f"rt-{ID}", f"po-{ID}"])
def test_a_notification_is_a_hint_about_one_id(ident: str) -> None:
    body = (
        b'{"type": "notification", "event": "payment_method.active", "more": 1,'
        b' "object": {"id": "' + ident.encode() + b'", "amount": null, "x": [{}]}}'
    )
    hint = parse_notification(body)
    assert (hint.event, hint.object.id) == ("payment_method.active", ident)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"__class__": "x"}',
        b'{"type": "notification", "event": "payment.succeeded"}',
        b'{"type": "notification", "event": "payment.succeeded", "object": null}',
        b'{"type": "notification", "event": "a.b", "object": {"id": "../x"}}',
        b'{"type": "notification", "event": "a.b", "object": {"id": 7}}',
        b'{"type": "notification", "event": "a.b", "object": {"id": "%s\\n"}}'
        % ID.encode(),
        b'{"type": "x", "event": "a.b", "object": {"id": "%s"}}' % ID.encode(),
        b'{"type": "notification", "event": "a b", "object": {"id": "%s"}}'
        % ID.encode(),
        b'{"type": "notification", "event": "a.b\\u0000", "object": {"id": "%s"}}'
        % ID.encode(),
        b'{"type": "notification", "event": ["a.b"], "object": {"id": "%s"}}'
        % ID.encode(),
        b'{"a":' * 10_000,
    ],
)
def test_anything_else_is_no_notification(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_notification(body)
