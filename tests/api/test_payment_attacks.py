"""Attacks on money coming in: cases A28, A29, A30, A35 and A37 of the threat list."""

import asyncio
import itertools
import json
import os
import random
import uuid
from ipaddress import ip_network
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient
from sqlmodel import col

from models import Booking, Payment, ReconIssue
from models.payment import InboxStatus, PaymentStatus
from models.recon_issue import IssueKind
from services import failpoints, ledger, payment_settling, postings
from services.actor import SYSTEM
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.gateways.yookassa_outcomes import Done
from tests import factories
from tests.api.helpers import is_problem, key
from tests.api.payers import Payer, look_at_all, payer, the_payment, work
from tests.api.test_webhooks import from_address
from tests.paying import (
    HOOK,
    PRICE,
    fill_wallet,
    journals,
    notices,
    paid_through,
    provider_object,
    reload,
)
from tests.yookassa_server import YooKassa

S = PaymentStatus
SOMEBODY = "22e12f66-000f-5000-8000-18db351245c7"


@pytest_asyncio.fixture(loop_scope="session")
async def anna(client: AsyncClient, sessions: Sessions, till: YooKassa) -> Payer:
    return await payer(client, sessions)


async def tell(
    client: AsyncClient, told: dict[str, Any], event: str = "payment.succeeded"
) -> int:
    """Send a notice from an address that is heard."""
    body = {"type": "notification", "event": event, "object": told}
    return (await client.post(HOOK, json=body)).status_code


async def paid_into(sessions: Sessions, booking: Booking) -> int:
    async with transaction(sessions) as session:
        return await ledger.balance(session, postings.prepaid(booking.id))


async def issues(sessions: Sessions) -> list[IssueKind]:
    async with transaction(sessions) as session:
        return list((await session.scalars(sa.select(col(ReconIssue.kind)))).all())


# -- A28: a cheap payment for a dear visit -------------------------------------


async def test_a28_a_genuine_cheap_payment_does_not_pay_a_dear_call(
    anna: Payer, till: YooKassa
) -> None:
    """Its notice is replayed, bent to name the dear attempt; what is fetched is not."""
    async with transaction(anna.sessions) as session:
        await factories.price(session, price_kopecks=100)
        cheap = await factories.booking(session, anna.user)
    dear = (await anna.pay("card")).json()
    place = f"/v1/bookings/{cheap.id}/payments"
    body = {"method": "card"}
    answer = await anna.client.post(place, json=body, headers=anna.headers)
    assert answer.json()["amount_kopecks"] == 100
    [theirs] = [
        each for each in till.listing("payments") if each["amount"]["value"] == "1.00"
    ]
    paid = till.pay(theirs["id"])
    metadata = {"attempt_id": dear["id"], "booking_id": dear["booking_id"]}
    value = {"value": "4500.00", "currency": "RUB"}
    assert await tell(anna.client, paid | {"metadata": metadata, "amount": value})
    await work(anna.sessions)
    assert await anna.status(dear["id"]) == "pending"
    assert await anna.status(answer.json()["id"]) == "succeeded"
    assert await paid_into(anna.sessions, anna.booking) == 0
    assert await paid_into(anna.sessions, cheap) == 100


@pytest.mark.parametrize(
    "lie",
    [
        {"amount": {"value": "1.00", "currency": "RUB"}},
        {"amount": {"value": "4500.00", "currency": "USD"}},
        {"recipient": {"account_id": "200600", "gateway_id": "1"}},
        {"test": False},
        {"metadata": {}},
        {"metadata": {"attempt_id": SOMEBODY, "booking_id": SOMEBODY}},
    ],
    ids=["sum", "currency", "shop", "live", "no attempt", "other attempt"],
)
async def test_a28_an_object_that_does_not_fit_moves_no_money(
    anna: Payer, till: YooKassa, lie: dict[str, Any]
) -> None:
    """Even if the provider itself answers so."""
    await anna.pay("card")
    payment = await the_payment(anna.sessions)
    async with transaction(anna.sessions) as session:
        answer = Done(provider_object(payment, **lie))
        await payment_settling.apply(session, SYSTEM, payment.id, answer, "webhook")
    assert (await reload(anna.sessions, payment)).status is S.PENDING
    assert await paid_into(anna.sessions, anna.booking) == 0
    assert await issues(anna.sessions) == [IssueKind.QUARANTINED]


async def test_a28_nobody_pays_for_anothers_call(anna: Payer) -> None:
    boris = await payer(anna.client, anna.sessions)
    place = f"/v1/bookings/{boris.booking.id}/payments"
    for method in ("card", "sbp", "wallet"):
        answer = await anna.client.post(
            place, json={"method": method}, headers=anna.headers
        )
        is_problem(answer, 404, "not_found")


# -- A29: forged notices ------------------------------------------------------


async def test_a29_a_success_that_the_provider_does_not_know_of_is_none(
    anna: Payer, till: YooKassa
) -> None:
    for method, end in (("card", "pending"), ("sbp", "canceled")):
        answer = (await anna.pay(method)).json()
        theirs = till.listing("payments")[-1]
        if end == "canceled":
            till.decline(theirs["id"])
        assert await tell(anna.client, theirs | {"status": "succeeded", "paid": True})
        await work(anna.sessions)
        assert await anna.status(answer["id"]) == end
    assert await paid_into(anna.sessions, anna.booking) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-forwarded-for": "185.71.76.1"},
        {"x-forwarded-for": "127.0.0.1, 185.71.76.1"},
        {"forwarded": "for=185.71.76.1", "x-real-ip": "185.71.76.1"},
        {"x-client-ip": "185.71.76.1", "x-original-url": HOOK},
        {"signature": "v1 abc", "authorization": "Basic x"},
    ],
)
async def test_a29_a_stranger_is_not_heard_whatever_they_say_of_themselves(
    app: FastAPI, anna: Payer, till: YooKassa, headers: dict[str, str]
) -> None:
    await anna.pay("card")
    [theirs] = till.listing("payments")
    before = len(till.journal("GET"))
    async with from_address(app, "203.0.113.7") as stranger:
        body = {"type": "notification", "event": "payment.succeeded"}
        lie = {"object": theirs | {"status": "succeeded", "paid": True}}
        answer = await stranger.post(HOOK, json=body | lie, headers=headers)
    is_problem(answer, 403, "forbidden")
    await work(anna.sessions)
    assert len(till.journal("GET")) == before
    assert await notices(anna.sessions) == []
    assert await anna.status((await anna.pay("card")).json()["id"]) == "pending"


async def test_a29_behind_our_proxy_the_address_nearest_to_us_counts(
    app: FastAPI, anna: Payer, till: YooKassa, settings: Settings
) -> None:
    proxied = {
        "trusted_proxies": [ip_network("10.0.0.0/8")],
        "yookassa_webhook_networks": [ip_network("185.71.76.0/27")],
    }
    forged = {"x-forwarded-for": "185.71.76.1, 203.0.113.7"}
    genuine = {"x-forwarded-for": "203.0.113.7, 185.71.76.1"}
    with paid_through(till, settings, app, **proxied):
        async with from_address(app, "10.1.2.3") as proxy:
            body = {"type": "notification", "event": "payment.succeeded"}
            sent = body | {"object": {"id": SOMEBODY}}
            answer = await proxy.post(HOOK, json=sent, headers=forged)
            is_problem(answer, 403, "forbidden")
            assert (await proxy.post(HOOK, json=sent, headers=genuine)).is_success


# -- A30: replayed, doubled, disordered ---------------------------------------


@pytest.mark.race
async def test_a30_a_hundred_parallel_copies_are_one_notice_and_one_posting(
    anna: Payer, till: YooKassa
) -> None:
    answer = (await anna.pay("card")).json()
    paid = till.pay(till.listing("payments")[0]["id"])
    codes = await asyncio.gather(*(tell(anna.client, paid) for _ in range(100)))
    assert set(codes) <= {200, 503}
    assert 200 in codes
    assert len(await notices(anna.sessions)) == 1
    await work(anna.sessions)
    assert await anna.status(answer["id"]) == "succeeded"
    assert await journals(anna.sessions, uuid.UUID(answer["id"])) == 1
    assert await paid_into(anna.sessions, anna.booking) == PRICE


async def test_a30_an_old_success_told_again_later_changes_nothing(
    anna: Payer, till: YooKassa
) -> None:
    answer = (await anna.pay("card")).json()
    paid = till.pay(till.listing("payments")[0]["id"])
    for copy in range(5):
        assert await tell(anna.client, paid | {"copy": copy}) == 200
        await work(anna.sessions)
    assert len(await notices(anna.sessions)) == 5
    assert await journals(anna.sessions, uuid.UUID(answer["id"])) == 1


@pytest.mark.parametrize(
    "about",
    [
        {"id": SOMEBODY},
        {"id": SOMEBODY, "test": True, "recipient": {"account_id": "200600"}},
    ],
    ids=["unknown", "another shop"],
)
async def test_a30_what_the_provider_denies_moves_nothing(
    anna: Payer, till: YooKassa, about: dict[str, Any]
) -> None:
    await anna.pay("card")
    assert await tell(anna.client, about) == 200
    await work(anna.sessions)
    [row] = await notices(anna.sessions)
    assert (row.status, row.note) == (InboxStatus.WAITING, "not_found")
    assert await paid_into(anna.sessions, anna.booking) == 0


EVENTS = (
    "payment.waiting_for_capture",
    "payment.succeeded",
    "payment.canceled",
    "refund.succeeded",
    "payment.succeeded again",
)
ORDERS = [
    order
    for length in range(1, len(EVENTS) + 1)
    for order in itertools.permutations(EVENTS, length)
]
if not os.environ.get("TOT_PROVE"):
    ORDERS = random.Random(28).sample(ORDERS, 16)


@pytest.mark.prove
@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
async def test_a30_any_order_of_notices_ends_alike(
    anna: Payer, till: YooKassa, order: tuple[str, ...]
) -> None:
    """The provider took the money and gave it back by hand; the rest is stale."""
    answer = (await anna.pay("card")).json()
    [theirs] = till.listing("payments")
    paid = till.pay(theirs["id"])
    refund = till.cabinet_refund(theirs["id"], PRICE)
    refund = (
        till.finish_refund(refund["id"]) if refund["status"] == "pending" else refund
    )
    for event in order:
        name, _, copy = event.partition(" ")
        stale = {"status": name.partition(".")[2], "copy": copy}
        told = refund if name.startswith("refund") else paid | stale
        assert await tell(anna.client, told, name) == 200
        await work(anna.sessions)
    await work(anna.sessions)
    about_payment = any(event.startswith("payment") for event in order)
    refunded = about_payment and "refund.succeeded" in order
    expected = "succeeded" if about_payment else "pending"
    assert await anna.status(answer["id"]) == expected
    payment = await the_payment(anna.sessions)
    assert await journals(anna.sessions, payment.id) == int(about_payment)
    left = PRICE * (about_payment and not refunded)
    assert await paid_into(anna.sessions, anna.booking) == left
    assert payment.refunded_or_reserved_kopecks == PRICE * refunded
    waiting = {row.status for row in await notices(anna.sessions)} - {InboxStatus.DONE}
    assert waiting == (set() if about_payment else {InboxStatus.WAITING})


# -- A35: sums that are none --------------------------------------------------

SUMS = (
    "NaN",
    "1e309",
    "1E+3",
    "١٢",
    "-1",
    "0",
    "0.001",
    "9223372036854775808",
    "true",
    "1_000",
    '"4500.00"',
    '{"value": "1.00", "currency": "USD"}',
    "null",
)


@pytest.mark.parametrize("value", SUMS)
@pytest.mark.parametrize("field", ["amount", "amount_kopecks", "price_kopecks"])
async def test_a35_the_client_says_no_sum_at_all(
    anna: Payer, till: YooKassa, field: str, value: str
) -> None:
    body = f'{{"method": "card", "{field}": {value}}}'
    answer = await anna.client.post(
        anna.place,
        content=body.encode(),
        headers=anna.headers | {"content-type": "application/json"},
    )
    assert is_problem(answer, 422, "validation_error")
    assert till.journal() == []


@pytest.mark.parametrize(
    "amount",
    [
        {"value": value, "currency": "RUB"}
        for value in ("NaN", "1e309", "1E+3", "١٢", "-1", "0.001", "1_000", "4500", "")
    ]
    + [
        {"value": "4500.00", "currency": "USD"},
        {"value": 4500.0, "currency": "RUB"},
        {"value": True, "currency": "RUB"},
        "4500.00",
        [],
    ],
    ids=json.dumps,
)
async def test_a35_a_strange_sum_of_the_provider_is_put_aside(
    anna: Payer, till: YooKassa, amount: Any
) -> None:
    await anna.pay("card")
    payment = await the_payment(anna.sessions)
    async with transaction(anna.sessions) as session:
        answer = Done(provider_object(payment, amount=amount))
        settled = await payment_settling.apply(
            session, SYSTEM, payment.id, answer, "get"
        )
    assert settled.verdict == "quarantined"
    assert (await reload(anna.sessions, payment)).status is S.PENDING


# -- A37: one key, many requests ----------------------------------------------


@pytest.mark.race
async def test_a37_parallel_requests_with_one_key_make_one_payment(
    anna: Payer, till: YooKassa
) -> None:
    once = key()
    answers = await asyncio.gather(*(anna.pay("card", once) for _ in range(12)))
    made = {answer.content for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    for answer in answers:
        if answer.status_code != 201:
            is_problem(answer, 409, "idempotency_in_progress")
    assert len(till.listing("payments")) == 1


@pytest.mark.race
async def test_a37_parallel_requests_without_a_key_make_one_payment(
    anna: Payer, till: YooKassa
) -> None:
    answers = await asyncio.gather(*(anna.pay("card") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(till.listing("payments")) == 1


@pytest.mark.race
async def test_a37_parallel_methods_leave_one_open_attempt(
    anna: Payer, till: YooKassa
) -> None:
    methods = ("card", "sbp") * 6
    answers = await asyncio.gather(*(anna.pay(method) for method in methods))
    assert {answer.status_code for answer in answers} <= {200, 201}
    async with transaction(anna.sessions) as session:
        query = sa.select(sa.func.count(col(Payment.id))).where(
            col(Payment.superseded_at).is_(None)
        )
        assert await session.scalar(query) == 1


@pytest.mark.race
async def test_a37_a_wallet_is_not_spent_twice_by_parallel_keys(
    anna: Payer,
) -> None:
    async with transaction(anna.sessions) as session:
        await fill_wallet(session, anna.user, PRICE)
    answers = await asyncio.gather(*(anna.pay("wallet", key()) for _ in range(8)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] + [409] * 7
    async with transaction(anna.sessions) as session:
        wallet = await ledger.balance(session, postings.wallet(anna.user.id))
    assert (wallet, await paid_into(anna.sessions, anna.booking)) == (0, PRICE)


async def test_a37_another_body_or_user_under_a_key(anna: Payer) -> None:
    once = key()
    first = (await anna.pay("card", once)).json()
    is_problem(await anna.pay("wallet", once), 422, "idempotency_key_reused")
    boris = await payer(anna.client, anna.sessions)
    theirs = (await boris.pay("card", once)).json()
    assert theirs["id"] != first["id"]
    assert theirs["booking_id"] == str(boris.booking.id)


async def test_a37_after_a_crash_a_key_leads_to_the_same_money(
    anna: Payer, till: YooKassa, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the provider was lost with the process; the worker finds it."""
    once = key()
    monkeypatch.setenv(failpoints.VARIABLE, "payment.after_call:raise")
    is_problem(await anna.pay("card", once), 500, "internal_error")
    monkeypatch.delenv(failpoints.VARIABLE)
    assert await look_at_all(anna.sessions) == [S.PENDING]
    async with transaction(anna.sessions) as session:
        await session.execute(
            sa.text(
                "UPDATE idempotency_record SET created_at = app_now() - interval '2 m'"
            )
        )
    answer = (await anna.pay("card", once)).json()
    [theirs] = till.listing("payments")
    assert answer["status"] == "pending"
    assert answer["confirmation_url"] == theirs["confirmation"]["confirmation_url"]
