"""Withdrawals in the console: prepared by one, approved by another, the rest by hand."""

from collections.abc import AsyncIterator

import pytest_asyncio
from fastapi import FastAPI

from models import Booking, Payment, Withdrawal
from models.booking import Status
from models.refund import Destination, RefundStatus
from models.withdrawal import WithdrawalStatus
from services import ledger, postings, withdrawals
from services.database import Sessions
from services.edges import transaction
from tests import money_rows, refunding
from tests.backoffice.desk import Desk, text_of
from tests.backoffice.money_desk import paid, refunds_of, two_of_finance
from tests.refunding import PRICE, Stage

QUEUE = "/admin/withdrawals"
W = WithdrawalStatus


@pytest_asyncio.fixture(loop_scope="session")
async def desks(app: FastAPI, sessions: Sessions) -> AsyncIterator[tuple[Desk, Desk]]:
    async with two_of_finance(app, sessions) as both:
        yield both


async def wanted(
    sessions: Sessions, by_payment: bool = True
) -> tuple[Stage, Withdrawal]:
    """A patient who wants 5,200 ₽ out, or the 200 ₽ that came by no payment."""
    stage = await paid(sessions, Status.ASSIGNED)
    async with transaction(sessions) as session:
        booking = await session.get_one(Booking, stage.booking.id)
        await refunding.fill(session, booking, 20_000)
        amount = 20_000
        if by_payment:
            amount += PRICE
            payment = await session.get_one(Payment, stage.payment.id)
            await money_rows.refund(
                session, payment, PRICE, RefundStatus.SUCCEEDED, Destination.WALLET
            )
        made = await withdrawals.request(session, refunding.patient(stage), amount)
    return stage, made


async def again(sessions: Sessions, made: Withdrawal) -> Withdrawal:
    async with transaction(sessions) as session:
        return await session.get_one(Withdrawal, made.id)


async def test_two_people_see_to_a_withdrawal(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    stage, made = await wanted(sessions)
    here = f"{QUEUE}/{made.id}"
    assert here in (await maria.get(QUEUE)).text
    plan = text_of(await maria.get(here)).replace("\xa0", " ")
    for words in ("5,200 ₽ from the wallet of +7•••••••", "By hand 200 ₽"):
        assert words in plan, words
    old = {"version": made.version}
    await maria.post(f"{here}/prepare", **old)
    prepared = await again(sessions, made)
    assert prepared.status is W.PREPARED
    mine = await maria.get(here)
    assert "Whoever prepared a withdrawal does not approve it." in mine.text
    assert f"{here}/approve" not in mine.text
    seen = {"version": prepared.version}
    assert (await maria.post(f"{here}/approve", **seen)).status_code == 403
    await oleg.post(f"{here}/approve", **old, next=here)
    assert "The withdrawal has changed meanwhile" in (await oleg.get(here)).text
    assert (await again(sessions, made)).status is W.PREPARED
    await oleg.post(f"{here}/approve", **seen)
    assert (await again(sessions, made)).status is W.APPROVED
    running = text_of(await oleg.get(here))
    assert "The parts by payments are on their way" in running
    assert "The money has been transferred" not in running
    part = (await refunds_of(sessions, stage))[-1]
    assert (part.withdrawal_id, part.amount_kopecks) == (made.id, PRICE)
    shown = await maria.get(f"/admin/refunds/{part.id}")
    assert here in shown.text


async def test_what_no_payment_takes_is_transferred_with_a_document(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, oleg = desks
    _, made = await wanted(sessions, by_payment=False)
    here = f"{QUEUE}/{made.id}"
    assert "all of it goes by hand" in text_of(await maria.get(here))
    await maria.post(f"{here}/prepare", version=made.version)
    prepared = await again(sessions, made)
    await oleg.post(f"{here}/approve", version=prepared.version)
    page = text_of(await maria.get(here)).replace("\xa0", " ")
    assert "Transfer 200 ₽ from the bank and note the document." in page
    await maria.post(f"{here}/transfer", document="", next=here)
    assert (await again(sessions, made)).status is W.APPROVED
    assert "Document: This field is required." in text_of(await maria.get(here))
    await maria.post(f"{here}/transfer", document="п/п 77")
    done = await again(sessions, made)
    assert (done.status, done.document) == (W.DONE, "п/п 77")
    after = text_of(await maria.get(here))
    assert "All of it has left." in after
    assert "п/п 77" in after
    assert here in (await maria.get(f"{QUEUE}?ended=1")).text


async def test_a_rejected_withdrawal_is_in_the_wallet_again(
    desks: tuple[Desk, Desk], sessions: Sessions
) -> None:
    maria, _ = desks
    _, made = await wanted(sessions, by_payment=False)
    here = f"{QUEUE}/{made.id}"
    await maria.post(f"{here}/reject", version=99, next=here)
    assert (await again(sessions, made)).status is W.REQUESTED
    done = await maria.post(f"{here}/reject", version=made.version)
    assert done.headers["location"] == QUEUE
    assert (await again(sessions, made)).status is W.REJECTED
    assert "the money is in the wallet again" in text_of(await maria.get(here))
    async with transaction(sessions) as session:
        purse = postings.wallet(made.user_id)
        assert await ledger.balance(session, purse) == 20_000
    assert "Nobody takes money out" in text_of(await maria.get(QUEUE))
