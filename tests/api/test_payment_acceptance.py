"""Payments as they are accepted: real HTTP both ways, the real SDK, the real queue.

The cases of facts/payments.md §8.8 that are about money coming in.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from httpx import AsyncClient
from sqlmodel import col

from models import Payment, ReconIssue, Refund
from models.booking_words import CancelReason
from models.payment import InboxStatus, PaymentStatus, Surplus
from models.refund import RefundOrigin
from services import bookings, ledger, money_poll, postings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import is_problem
from tests.api.payers import Payer, payer, the_payment
from tests.api.test_payments import modules, modules_of
from tests.paying import PRICE, journals, notices
from tests.services.test_jobs import drain
from tests.yookassa_server import YooKassa

S = PaymentStatus
SUCCEEDED = {"event": "payment.succeeded"}
PATIENCE = 10.0


@pytest_asyncio.fixture(loop_scope="session")
async def anna(client: AsyncClient, sessions: Sessions, heard: YooKassa) -> Payer:
    return await payer(client, sessions)


async def eventually(holds: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until something is so."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := await holds():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come about")


async def told(anna: Payer, count: int = 1) -> None:
    """Wait until so many different notices are stored."""

    async def enough() -> bool:
        return len(await notices(anna.sessions)) >= count

    await eventually(enough)


def paid_on_the_page(provider: YooKassa) -> dict[str, Any]:
    """Pay what was opened last."""
    return provider.pay(provider.listing("payments")[-1]["id"])


async def prepaid(anna: Payer) -> int:
    async with transaction(anna.sessions) as session:
        return await ledger.balance(session, postings.prepaid(anna.booking.id))


async def test_a_card_payment_from_the_wish_to_the_money(
    anna: Payer, heard: YooKassa, database_url: str
) -> None:
    answer = (await anna.pay("card")).json()
    paid_on_the_page(heard)
    await told(anna)
    await drain(database_url, anna.sessions)
    assert await anna.status(answer["id"]) == "succeeded"
    payment = await the_payment(anna.sessions)
    assert payment.method_title == "•••• 4444"
    assert await prepaid(anna) == PRICE
    async with transaction(anna.sessions) as session:
        clearing = await ledger.balance(session, postings.CLEARING)
    totals = heard.totals()
    assert clearing == PRICE - (payment.fee_kopecks or 0)
    assert PRICE in totals.values()
    [delivery] = heard.deliveries()
    assert delivery["status"] == "delivered"


async def test_a_lost_notice_is_made_up_for_within_five_minutes(
    anna: Payer, heard: YooKassa, database_url: str
) -> None:
    heard.faults("lost", times=0, match=SUCCEEDED, n="all")
    answer = (await anna.pay("card")).json()
    paid_on_the_page(heard)
    payment = await the_payment(anna.sessions)
    assert payment.next_look_at is not None
    assert payment.next_look_at - payment.created_at < timedelta(minutes=4)
    async with transaction(anna.sessions) as session:
        row = await session.get_one(Payment, payment.id)
        row.next_look_at = sa.func.app_now()
    await money_poll.poll(anna.sessions)
    await drain(database_url, anna.sessions)
    assert await anna.status(answer["id"]) == "succeeded"
    assert await notices(anna.sessions) == []
    assert await journals(anna.sessions, payment.id) == 1


async def test_twenty_concurrent_copies_make_one_posting(
    anna: Payer, heard: YooKassa, database_url: str
) -> None:
    heard.faults("dup", match=SUCCEEDED, n=20, concurrent=True)
    answer = (await anna.pay("card")).json()
    paid_on_the_page(heard)

    async def delivered() -> bool:
        return [each["status"] for each in heard.deliveries()] == ["delivered"]

    await eventually(delivered)
    [row] = await notices(anna.sessions)
    await drain(database_url, anna.sessions)
    assert await anna.status(answer["id"]) == "succeeded"
    assert await journals(anna.sessions, (await the_payment(anna.sessions)).id) == 1
    assert (await notices(anna.sessions))[0].status is InboxStatus.DONE
    assert row.event == "payment.succeeded"


async def test_a_stale_cancellation_after_the_success_is_ignored(
    anna: Payer, heard: YooKassa, database_url: str
) -> None:
    heard.faults("reorder", match=SUCCEEDED, mode="canceled_after")
    answer = (await anna.pay("card")).json()
    paid_on_the_page(heard)
    await told(anna, 2)
    await drain(database_url, anna.sessions)
    events = {row.event for row in await notices(anna.sessions)}
    assert events == {"payment.succeeded", "payment.canceled"}
    assert await anna.status(answer["id"]) == "succeeded"
    assert await prepaid(anna) == PRICE
    async with transaction(anna.sessions) as session:
        assert (await session.scalars(sa.select(ReconIssue))).all() == []


async def test_a_forged_notice_is_forbidden_and_fetches_nothing(
    anna: Payer, heard: YooKassa, database_url: str
) -> None:
    answer = (await anna.pay("card")).json()
    theirs = heard.listing("payments")[0]["id"]
    sent = heard.forge(kind="wrong_ip", payment_id=theirs)
    assert [each["status"] for each in sent["attempts"]] == [403]
    await drain(database_url, anna.sessions)
    # Periodic jobs may list payments meanwhile; nobody asks for this one.
    assert heard.journal("GET", theirs) == []
    assert await notices(anna.sessions) == []
    assert await anna.status(answer["id"]) == "pending"


@pytest.mark.parametrize("kind", ["unknown_id", "other_shop", "other_amount"])
async def test_a_lie_from_a_known_address_moves_no_money(
    anna: Payer, heard: YooKassa, database_url: str, kind: str
) -> None:
    answer = (await anna.pay("card")).json()
    heard.forge(kind=kind, payment_id=heard.listing("payments")[0]["id"])
    await told(anna)
    await drain(database_url, anna.sessions)
    assert await anna.status(answer["id"]) == "pending"
    assert await prepaid(anna) == 0


async def test_money_for_a_cancelled_call_goes_back_by_itself(
    anna: Payer, heard: YooKassa, database_url: str
) -> None:
    answer = (await anna.pay("card")).json()
    async with transaction(anna.sessions) as session:
        patient = factories.as_patient(anna.user)
        await bookings.cancel(
            session, patient, anna.booking.id, CancelReason.PATIENT_CHANGED_MIND
        )
    is_problem(await anna.pay("card"), 409, "nothing_to_pay")
    paid_on_the_page(heard)
    await told(anna)
    await drain(database_url, anna.sessions)
    assert await anna.status(answer["id"]) == "succeeded"
    payment = await the_payment(anna.sessions)
    assert payment.surplus is Surplus.LATE
    async with transaction(anna.sessions) as session:
        refund = (await session.scalars(sa.select(Refund))).one()
    assert (refund.origin, refund.amount_kopecks) == (RefundOrigin.LATE, PRICE)
    [theirs] = heard.listing("refunds")
    assert theirs["amount"]["value"] == "4500.00"
    assert await prepaid(anna) == 0


async def test_both_attempts_are_paid_and_one_goes_back(
    anna: Payer, heard: YooKassa, database_url: str
) -> None:
    await anna.pay("card")
    second = (await anna.pay("sbp")).json()
    for each in heard.listing("payments"):
        heard.pay(each["id"])
    await told(anna, 2)
    await drain(database_url, anna.sessions)
    async with transaction(anna.sessions) as session:
        query = sa.select(Payment).order_by(col(Payment.created_at))
        made = (await session.scalars(query)).all()
        refunds = (await session.scalars(sa.select(Refund))).all()
    assert [each.status for each in made] == [S.SUCCEEDED, S.SUCCEEDED]
    [back] = [each for each in made if each.surplus is Surplus.DOUBLE]
    assert [each.payment_id for each in refunds] == [back.id]
    assert await prepaid(anna) == PRICE
    is_problem(await anna.pay("card"), 409, "nothing_to_pay")
    assert second["status"] == "pending"


async def test_the_notice_may_come_before_the_answer(
    anna: Payer, heard: YooKassa, database_url: str
) -> None:
    match = {"method": "POST", "path_re": "/payments$"}
    heard.faults("before_response", match=match)
    answer = (await anna.pay("card")).json()
    await told(anna)
    await drain(database_url, anna.sessions)
    assert await anna.status(answer["id"]) == "succeeded"
    assert await journals(anna.sessions, (await the_payment(anna.sessions)).id) == 1


async def test_the_picture_of_the_sbp_link_says_the_link_to_the_byte(
    anna: Payer, heard: YooKassa
) -> None:
    answer = (await anna.pay("sbp")).json()
    [theirs] = heard.listing("payments")
    picture = (await anna.read(answer["id"], "/qr.svg")).text
    assert modules(picture) == modules_of(theirs["confirmation"]["confirmation_data"])


@pytest.mark.parametrize(
    "fault",
    ["500_before", "500_after", "reset_after", "202", "429", "502_html", "200_list"],
)
async def test_a_lost_answer_ends_in_one_payment(
    anna: Payer, heard: YooKassa, database_url: str, fault: str
) -> None:
    match = {"method": "POST", "path_re": "/payments$"}
    heard.faults(fault, match=match)
    answer = (await anna.pay("card")).json()
    assert answer["status"] == "unknown"
    async with transaction(anna.sessions) as session:
        row = (await session.scalars(sa.select(Payment))).one()
        row.next_look_at = sa.func.app_now()
    await money_poll.poll(anna.sessions)
    await drain(database_url, anna.sessions)
    assert await anna.status(answer["id"]) == "pending"
    assert len(heard.listing("payments")) == 1
    paid_on_the_page(heard)
    await told(anna)
    await drain(database_url, anna.sessions)
    assert await anna.status(answer["id"]) == "succeeded"
    assert await prepaid(anna) == PRICE
