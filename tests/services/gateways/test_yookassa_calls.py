"""Every call against the local YooKassa, which speaks the provider's real HTTP API."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import pytest

from services.gateways import yookassa
from services.gateways.yookassa_answers import (
    ProviderPayment,
    ProviderReceipt,
    ProviderRefund,
    read,
)
from services.gateways.yookassa_bodies import (
    PaymentOrder,
    Receipt,
    ReceiptItem,
    ReceiptOrder,
    RefundOrder,
    payment_body,
    receipt_body,
    refund_body,
)
from services.gateways.yookassa_client import Shop
from services.gateways.yookassa_outcomes import Definite, Done, Outcome, Unknown
from tests.yookassa_server import YooKassa
from tests.yookassa_server import yookassa as local_yookassa

OURS, BOOKING = UUID(int=1), UUID(int=2)
VISIT = ReceiptItem("Выезд терапевта", 250_000, 1, "full_prepayment")
RECEIPT = Receipt("anna@example.org", (VISIT,))
CARD = PaymentOrder(
    OURS,
    BOOKING,
    "B-1042",
    "test",
    250_000,
    "card",
    "https://tot.example/paid",
    receipt=RECEIPT,
)
Kind = TypeVar("Kind", ProviderPayment, ProviderRefund, ProviderReceipt)


@pytest.fixture
def provider() -> Iterator[YooKassa]:
    """A provider that demands receipts, as a shop with a cash register does."""
    with local_yookassa(fiscalization=True, refund_s=0, receipt_s=0) as running:
        yield running


@pytest.fixture
def shop(provider: YooKassa) -> Shop:
    return Shop(provider.api_url, provider.shop, provider.key)


def made(kind: type[Kind], outcome: Outcome) -> Kind:
    """The object of a call that came through."""
    assert isinstance(outcome, Done), outcome
    answer = read(kind, outcome.raw)
    assert isinstance(answer, kind), answer
    return answer


async def paid(provider: YooKassa, shop: Shop, order: PaymentOrder) -> ProviderPayment:
    outcome = await yookassa.create_payment(
        shop, str(order.attempt_id), payment_body(order)
    )
    payment = made(ProviderPayment, outcome)
    provider.pay(payment.id)
    return made(ProviderPayment, await yookassa.get_payment(shop, payment.id))


async def test_a_card_is_paid_on_the_providers_page(
    provider: YooKassa, shop: Shop
) -> None:
    body = payment_body(CARD)
    created = made(ProviderPayment, await yookassa.create_payment(shop, "k-1", body))
    assert (created.status, created.paid, created.test) == ("pending", False, True)
    assert created.account_id == provider.shop
    assert created.metadata == {
        "attempt_id": str(OURS),
        "booking_id": str(BOOKING),
        "env": "test",
    }
    assert created.confirmation_url == f"{provider.base_url}/pay/{created.id}"
    provider.pay(created.id)
    seen = made(ProviderPayment, await yookassa.get_payment(shop, created.id))
    assert (seen.status, seen.paid, seen.amount_kopecks) == ("succeeded", True, 250_000)
    assert (seen.method_type, seen.method_title) == ("bank_card", "Bank card *4444")
    assert seen.captured_at is not None
    assert 0 < (seen.income_kopecks or 0) < 250_000


async def test_sbp_is_paid_by_the_link_of_a_qr_code(
    provider: YooKassa, shop: Shop
) -> None:
    by_qr = replace(CARD, method="sbp", return_url=None)
    created = made(
        ProviderPayment, await yookassa.create_payment(shop, "k", payment_body(by_qr))
    )
    assert created.confirmation_data == f"{provider.base_url}/qr/{created.id}"
    assert created.method_type == "sbp"
    by_page = replace(CARD, method="sbp", qr=False)
    created = made(
        ProviderPayment,
        await yookassa.create_payment(shop, "k-2", payment_body(by_page)),
    )
    assert created.confirmation_url == f"{provider.base_url}/pay/{created.id}"


async def test_a_payment_that_was_declined_says_why(
    provider: YooKassa, shop: Shop
) -> None:
    body = payment_body(CARD)
    created = made(ProviderPayment, await yookassa.create_payment(shop, "k", body))
    provider.decline(created.id, reason="insufficient_funds")
    seen = made(ProviderPayment, await yookassa.get_payment(shop, created.id))
    assert (seen.status, seen.paid) == ("canceled", False)
    assert seen.cancellation_party == "payment_network"
    assert seen.cancellation_reason == "insufficient_funds"


async def test_a_part_is_refunded_with_its_own_receipt(
    provider: YooKassa, shop: Shop
) -> None:
    payment = await paid(provider, shop, CARD)
    part = Receipt("anna@example.org", (replace(VISIT, amount_kopecks=100_050),))
    order = RefundOrder(
        UUID(int=3), BOOKING, payment.id, "test", 100_050, "Часть", part
    )
    created = made(
        ProviderRefund,
        await yookassa.create_refund(shop, "r-1", refund_body(order)),
    )
    seen = made(ProviderRefund, await yookassa.get_refund(shop, created.id))
    assert (seen.status, seen.amount_kopecks) == ("succeeded", 100_050)
    assert (seen.payment_id, seen.metadata["refund_id"]) == (
        payment.id,
        str(UUID(int=3)),
    )
    after = made(ProviderPayment, await yookassa.get_payment(shop, payment.id))
    assert after.refunded_kopecks == 100_050


async def test_a_closing_receipt_follows_the_visit(
    provider: YooKassa, shop: Shop
) -> None:
    payment = await paid(provider, shop, CARD)
    closing = replace(RECEIPT, items=(replace(VISIT, payment_mode="full_payment"),))
    body = receipt_body(ReceiptOrder(payment.id, closing))
    created = made(ProviderReceipt, await yookassa.create_receipt(shop, "c", body))
    seen = made(ProviderReceipt, await yookassa.get_receipt(shop, created.id))
    assert (seen.type, seen.status, seen.payment_id) == (
        "payment",
        "succeeded",
        payment.id,
    )
    assert seen.registered_at is not None
    ask = partial(yookassa.list_receipts, shop, payment_id=payment.id)
    rows = await yookassa.every(ask)
    assert isinstance(rows, list)
    assert created.id in {each["id"] for each in rows}


async def test_lists_are_read_whole_whatever_their_pages(
    provider: YooKassa, shop: Shop
) -> None:
    payments = [
        await paid(provider, shop, replace(CARD, attempt_id=UUID(int=10 + one)))
        for one in range(5)
    ]
    since, until = payments[0].created_at, payments[-1].created_at
    ask = partial(
        yookassa.list_payments,
        shop,
        created_gte=since,
        created_lt=until + timedelta(seconds=1),
        limit=2,
    )
    rows = await yookassa.every(ask)
    assert isinstance(rows, list)
    assert {each["id"] for each in rows} == {each.id for each in payments}
    assert len(rows) == 5
    nothing = await yookassa.every(
        partial(yookassa.list_payments, shop, created_lt=since)
    )
    assert nothing == []
    full = RefundOrder(UUID(int=3), BOOKING, payments[0].id, "test", 250_000, "Всё")
    await yookassa.create_refund(shop, "r-1", refund_body(full))
    of_one = partial(yookassa.list_refunds, shop, payment_id=payments[0].id)
    of_all = partial(yookassa.list_refunds, shop, created_gte=since)
    assert await yookassa.every(of_one) == await yookassa.every(of_all)


async def test_the_shop_tells_about_itself(provider: YooKassa, shop: Shop) -> None:
    outcome = await yookassa.get_me(shop)
    assert isinstance(outcome, Done)
    assert outcome.raw["account_id"] == provider.shop
    assert outcome.raw["test"] is True
    assert outcome.raw["fiscalization"]["enabled"] is True


async def test_a_repeated_call_makes_nothing_new(
    provider: YooKassa, shop: Shop
) -> None:
    body = payment_body(CARD)
    provider.faults("500_after")
    assert await yookassa.create_payment(shop, "k", body) == Unknown("http_500")
    first = await yookassa.create_payment(shop, "k", body)
    assert first == await yookassa.create_payment(shop, "k", body)
    assert len(provider.listing("payments")) == 1
    other = payment_body(replace(CARD, number="B-7"))
    known = await yookassa.create_payment(shop, "k", other)
    assert isinstance(known, Unknown)
    assert known.accepted


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("500_before", {}),
        ("500_after", {}),
        ("hang_before", {"s": 1}),
        ("hang_after", {"s": 1}),
        ("reset_before", {}),
        ("reset_after", {}),
        ("202", {}),
        ("429", {"retry_after": 1}),
        ("502_html", {}),
        ("200_html", {}),
        ("200_list", {}),
        ("empty", {}),
    ],
)
async def test_whatever_broke_the_same_call_again_ends_in_one_payment(
    provider: YooKassa, shop: Shop, action: str, params: dict[str, Any]
) -> None:
    body = payment_body(CARD)
    provider.faults(action, **params)
    broken = await yookassa.create_payment(shop, "k", body, seconds=0.5)
    assert isinstance(broken, Unknown)
    again = await yookassa.create_payment(shop, "k", body)
    payment = made(ProviderPayment, again)
    assert [each["id"] for each in provider.listing("payments")] == [payment.id]


async def test_refusals_of_the_provider_are_told_by_code(
    provider: YooKassa, shop: Shop
) -> None:
    bare = await yookassa.create_payment(
        shop, "k", payment_body(replace(CARD, receipt=None))
    )
    assert isinstance(bare, Definite)
    assert (bare.code, bare.parameter, bare.conclusive) == (
        "invalid_request",
        "receipt",
        True,
    )
    stranger = replace(shop, secret_key="guessed")
    refused = await yookassa.create_payment(stranger, "k", payment_body(CARD))
    assert isinstance(refused, Definite)
    assert (refused.code, refused.conclusive) == ("invalid_credentials", False)
    nobody = await yookassa.get_payment(shop, "0" * 36)
    assert isinstance(nobody, Definite)
    assert nobody.code == "not_found"
    assert provider.listing("payments") == []
