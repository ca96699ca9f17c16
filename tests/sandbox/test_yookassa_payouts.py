"""Payouts of the local YooKassa."""

from typing import Any

import pytest

from tests.sandbox.yookassa_shop import Receiver, Shop, rub, until
from tests.yookassa_server import YooKassa

TO_SBP = {"type": "sbp", "phone": "79990000000", "bank_id": "100000000111"}
TO_CARD = {"type": "bank_card", "card": {"number": "2202474301322987"}}


def body(value: str = "5000.00", **other: Any) -> dict[str, Any]:
    return {"amount": rub(value), "payout_destination_data": TO_SBP} | other


def test_a_payout_arrives_later(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    made = shop.done("POST", "/payouts", body(metadata={"register": "7"}))
    assert made["status"] == "pending"
    assert made["payout_destination"] == TO_SBP
    provider.advance(20)
    done = shop.done("GET", f"/payouts/{made['id']}")
    assert done["status"] == "succeeded"
    assert done["succeeded_at"]
    assert webhooks.wait(1) == ["payout.succeeded"]
    assert provider.totals()["paid_out"] == 500_000
    assert shop.done("GET", "/payouts")["items"] == [done]


def test_a_payout_to_a_card_shows_no_number(shop: Shop) -> None:
    made = shop.done("POST", "/payouts", body(payout_destination_data=TO_CARD))
    card = made["payout_destination"]["card"]
    assert card == {"first6": "220247", "last4": "2987", "card_type": "Mir"}


def test_a_payout_may_be_cancelled(
    shop: Shop, provider: YooKassa, webhooks: Receiver
) -> None:
    made = shop.done("POST", "/payouts", body())
    how = {"status": "canceled", "reason": "recipient_check_failed"}
    provider.ctl("POST", f"payouts/{made['id']}/finish", how)
    provider.ctl("POST", f"payouts/{made['id']}/finish", {})
    done = shop.done("GET", f"/payouts/{made['id']}")
    assert done["cancellation_details"]["reason"] == "recipient_check_failed"
    until(webhooks.events)
    assert webhooks.events() == ["payout.canceled"]


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"amount": rub("0.99")}, "amount.value"),
        ({"amount": rub("500000.01")}, "amount.value"),
        ({"payout_destination_data": TO_CARD, "amount": rub("4.99")}, "amount.value"),
        ({"payout_destination_data": None}, "payout_destination_data"),
        (
            {"payout_destination_data": TO_SBP | {"phone": "8 (999)"}},
            "payout_destination_data.phone",
        ),
        (
            {"payout_destination_data": {"type": "sbp", "bank_id": "100000000111"}},
            "payout_destination_data.phone",
        ),
        (
            {"payout_destination_data": TO_SBP | {"bank_id": "1"}},
            "payout_destination_data.bank_id",
        ),
        (
            {"payout_destination_data": TO_SBP | {"bank_id": "999999999999"}},
            "payout_destination_data.bank_id",
        ),
        (
            {"payout_destination_data": {"type": "bank_card", "card": {"number": "1"}}},
            "payout_destination_data.card.number",
        ),
        ({"description": "д" * 129}, "description"),
    ],
)
def test_a_wrong_payout_is_refused(
    shop: Shop, change: dict[str, Any], parameter: str
) -> None:
    wrong = {k: v for k, v in body(**change).items() if v is not None}
    assert shop.refused("/payouts", wrong) == ("invalid_request", parameter)


def test_a_payout_that_is_not_there(shop: Shop) -> None:
    assert shop.ask("GET", "/payouts/po-nothing").status_code == 404


def test_banks_of_sbp(shop: Shop) -> None:
    names = [each["name"] for each in shop.done("GET", "/sbp_banks")["items"]]
    assert "Сбербанк" in names
