"""The provider's own SDK against the local YooKassa."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from yookassa import (
    Configuration,
    Payment,
    Payout,
    Receipt,
    Refund,
    SbpBanks,
    Settings,
)
from yookassa.client import ApiClient
from yookassa.domain.exceptions import (
    ApiError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    ResponseProcessingError,
    TooManyRequestsError,
    UnauthorizedError,
)
from yookassa.domain.notification import WebhookNotificationFactory

from tests.sandbox.yookassa_shop import (
    BACK,
    Receiver,
    item,
    payment_body,
    receipt,
    rub,
    sbp_body,
)
from tests.yookassa_server import YooKassa


@pytest.fixture
def sdk(provider: YooKassa, monkeypatch: pytest.MonkeyPatch) -> Iterator[YooKassa]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    known = dict(vars(Configuration))
    Configuration.configure(provider.shop, provider.key, api_url=provider.api_url)
    yield provider
    for name, value in known.items():
        if not name.startswith("__") and not callable(value):
            setattr(Configuration, name, value)


def key() -> str:
    return str(uuid.uuid4())


def test_a_payment_lives_its_life(sdk: YooKassa) -> None:
    made = Payment.create(payment_body(receipt=receipt(item("2500.00"))), key())
    assert made.status == "pending"
    assert made.confirmation.confirmation_url.endswith(f"/pay/{made.id}")
    assert made.metadata == {"attempt_id": "a-1", "cms_name": "yookassa_sdk_python"}
    sdk.pay(made.id)
    paid = Payment.find_one(made.id)
    assert (paid.status, paid.paid, paid.test) == ("succeeded", True, True)
    assert str(paid.amount.value) == "2500.00"
    assert str(paid.income_amount.value) == "2412.50"
    assert paid.payment_method.card.last4 == "4444"
    assert paid.receipt_registration == "pending"
    assert paid.recipient.account_id == sdk.shop


def test_sbp_gives_its_link(sdk: YooKassa) -> None:
    made = Payment.create(sbp_body(), key())
    assert made.confirmation.confirmation_data == f"{sdk.base_url}/qr/{made.id}"
    sdk.pay(made.id)
    paid = Payment.find_one(made.id)
    assert paid.payment_method.payer_bank_details.bic == "044525225"


def test_a_hold_is_captured_and_cancelled(sdk: YooKassa) -> None:
    """The SDK posts nothing at all when it captures the whole or cancels."""
    first, second, third = (
        Payment.create(payment_body(capture=False), key()).id for _ in range(3)
    )
    for each in (first, second, third):
        sdk.pay(each)
    assert Payment.capture(first, None, key()).status == "succeeded"
    part = Payment.capture(second, {"amount": rub("1000.00")}, key())
    assert str(part.amount.value) == "1000.00"
    gone = Payment.cancel(third, key())
    assert gone.cancellation_details.reason == "canceled_by_merchant"


def test_a_refund_and_its_list(sdk: YooKassa) -> None:
    made = Payment.create(payment_body(), key())
    sdk.pay(made.id)
    told = {"payment_id": made.id, "amount": rub("500.00"), "metadata": {"r": "1"}}
    refund = Refund.create(told, key())
    assert refund.status == "succeeded"
    assert Refund.find_one(refund.id).metadata == {"r": "1"}
    found = Refund.list({"payment_id": made.id}).items
    assert [each.id for each in found] == [refund.id]


def test_lists_by_pages(sdk: YooKassa) -> None:
    ids = [Payment.create(payment_body(), key()).id for _ in range(3)]
    since = Payment.find_one(ids[1]).created_at
    found = Payment.list({"created_at.gte": since, "limit": 1})
    second = Payment.list({"limit": 1, "cursor": found.next_cursor})
    assert [found.items[0].id, second.items[0].id] == ids[:0:-1]


def test_a_closing_receipt(sdk: YooKassa) -> None:
    made = Payment.create(payment_body(), key())
    sdk.pay(made.id)
    told = receipt(item("2500.00", payment_mode="full_payment")) | {
        "type": "payment",
        "payment_id": made.id,
        "send": True,
        "settlements": [{"type": "prepayment", "amount": rub("2500.00")}],
    }
    done = Receipt.create(told, key())
    assert done.status == "pending"
    sdk.advance(5)
    assert Receipt.find_one(done.id).fiscal_document_number.isdigit()
    assert Receipt.list({"payment_id": made.id}).items[0].id == done.id


def test_settings_banks_and_payouts(sdk: YooKassa) -> None:
    assert Settings.get_account_settings().account_id == sdk.shop
    bank = SbpBanks.list().items[0].bank_id
    told = {
        "amount": rub("5000.00"),
        "payout_destination_data": {
            "type": "sbp",
            "phone": "79990000000",
            "bank_id": bank,
        },
    }
    made = Payout.create(told, key())
    sdk.advance(20)
    assert Payout.find_one(made.id).status == "succeeded"


def test_webhooks_are_read_by_the_sdk(sdk: YooKassa, webhooks: Receiver) -> None:
    made = Payment.create(payment_body(), key())
    sdk.pay(made.id)
    webhooks.wait(1)
    told = WebhookNotificationFactory().create(webhooks.got[0])
    assert (told.event, told.object.id) == ("payment.succeeded", made.id)


def test_refusals_are_the_errors_of_the_sdk(sdk: YooKassa) -> None:
    with pytest.raises(BadRequestError) as wrong:
        Payment.create(payment_body("0.10"), key())
    assert wrong.value.content["parameter"] == "amount.value"
    with pytest.raises(NotFoundError):
        Payment.find_one(key())
    one = key()
    Payment.create(payment_body(), one)
    with pytest.raises(BadRequestError) as other:
        Payment.create(payment_body("1.00"), one)
    assert other.value.content["parameter"] == "Idempotence-Key"
    Configuration.configure(sdk.shop, "wrong", api_url=sdk.api_url)
    with pytest.raises(UnauthorizedError):
        Settings.get_account_settings()


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("500_before", InternalServerError),
        ("500_after", InternalServerError),
        ("429", TooManyRequestsError),
        ("202", ResponseProcessingError),
        ("reset_before", AttributeError),
        ("reset_after", AttributeError),
        ("502_html", ValueError),
        ("200_html", ValueError),
        ("empty", ValueError),
    ],
)
def test_faults_reach_through_the_sdk(
    sdk: YooKassa, action: str, error: type[Exception]
) -> None:
    """What the SDK makes of each; the second try with the same key puts it right."""
    sdk.faults(action, match={"method": "POST"})
    one = key()
    with pytest.raises(error):
        Payment.create(payment_body(), one)
    made = Payment.create(payment_body(), one)
    assert [each["id"] for each in sdk.listing("payments")] == [made.id]


def test_a_list_for_an_answer_is_a_payment_without_an_id(sdk: YooKassa) -> None:
    sdk.faults("200_list")
    assert Payment.create(payment_body(), key()).id is None


class OwnClient(ApiClient):
    """One shop with its own key and a time limit, past the global configuration."""

    def __init__(self, provider: YooKassa) -> None:
        super().__init__()
        self.endpoint = provider.api_url
        self.shop_id, self.shop_password = provider.shop, provider.key

    def get_session(self) -> Any:
        session = super().get_session()
        session.trust_env = False
        send = session.request
        session.request = lambda *args, **told: send(*args, timeout=0.4, **told)
        return session


def test_a_client_of_its_own_gives_up_on_silence(sdk: YooKassa) -> None:
    client = OwnClient(sdk)
    sdk.faults("hang_after", s=30, match={"method": "POST"})
    headers = {"Idempotence-Key": "key-1"}
    body = sbp_body() | {"confirmation": {"type": "qr", "return_url": BACK}}
    with pytest.raises(AttributeError):
        client.request("POST", "/payments", None, headers, body)
    again = client.request("POST", "/payments", None, headers, body)
    assert [each["id"] for each in sdk.listing("payments")] == [again["id"]]


def test_405_is_an_error_without_a_class_of_its_own(sdk: YooKassa) -> None:
    with pytest.raises(ApiError):
        ApiClient().request("PUT", "/payments", None, {}, {})
