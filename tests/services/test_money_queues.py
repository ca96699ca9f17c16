"""What waits for finance, oldest first, and what stands still for too long."""

from datetime import timedelta

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Refund
from models.booking import Status
from models.payment import PaymentStatus
from models.refund import ClaimStatus, Destination, RefundReason, RefundStatus
from services import clock, money_queues, refund_claims, refunds, withdrawals
from services.errors import Forbidden
from services.money_queues import Trouble
from tests import factories, money_rows, refunding
from tests.refunding import PRICE, Stage, house

STATUSES = {
    Trouble.REFUND_UNKNOWN: (RefundStatus.UNKNOWN, 16 * 60),
    Trouble.REFUND_SENDING: (RefundStatus.SENDING, 3 * 60),
    Trouble.REFUND_SLOW: (RefundStatus.PENDING_PROVIDER, 24 * 3600 + 60),
    Trouble.REFUND_NOT_SENT: (RefundStatus.APPROVED, 3 * 60),
}


async def sent(
    session: AsyncSession, stage: Stage, status: RefundStatus, seconds: float
) -> Refund:
    """A refund that has been in this state for so long."""
    ago = await clock.now(session) - timedelta(seconds=seconds)
    return await money_rows.refund(
        session, stage.payment, PRICE, status, key_used_at=ago, created_at=ago
    )


async def test_refunds_wait_for_a_second_person_in_their_order(
    session: AsyncSession,
) -> None:
    first = await refunding.paid_call(session, Status.COMPLETED)
    second = await refunding.paid_call(session, Status.COMPLETED)
    for stage in (first, second):
        await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    queue = await money_queues.approvals(session, first.anna)
    mine = [each for each in queue.rows if each.booking_id == first.booking.id]
    assert [each.amount_kopecks for each in mine] == [100_000]
    assert first.anna.user_id in queue.names
    assert queue.now <= await clock.now(session)
    assert (await money_queues.counts(session))["approvals"] == len(queue.rows)


async def test_claims_are_listed_by_their_state(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    claim = await refund_claims.open_claim(
        session, refunding.patient(stage), stage.booking.id, RefundReason.OTHER
    )
    waiting = await money_queues.claims(session, stage.anna, ClaimStatus.OPEN)
    assert claim.id in {each.id for each in waiting.rows}
    assert (await money_queues.counts(session))["claims"] == len(waiting.rows)
    await refund_claims.decline(session, stage.anna, claim.id, claim.version)
    decided = await money_queues.claims(session, stage.anna, ClaimStatus.DECLINED)
    assert claim.id in {each.id for each in decided.rows}
    assert stage.anna.user_id in decided.names


async def test_withdrawals_are_under_way_until_they_end(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session)
    await refunding.fill(session, stage.booking, 50_000)
    made = await withdrawals.request(session, refunding.patient(stage), 50_000)
    queue = await money_queues.withdrawals(session, stage.anna, ended=False)
    assert made.id in {each.id for each in queue.rows}
    assert (await money_queues.counts(session))["withdrawals"] == len(queue.rows)
    await withdrawals.reject(session, stage.anna, made.id, made.version)
    queue = await money_queues.withdrawals(session, stage.anna, ended=True)
    assert made.id in {each.id for each in queue.rows}


@pytest.mark.parametrize("trouble", STATUSES)
async def test_a_refund_that_stands_still_is_named_after_a_while(
    session: AsyncSession, trouble: Trouble
) -> None:
    status, seconds = STATUSES[trouble]
    stage = await refunding.paid_call(session, Status.ASSIGNED)
    made = await sent(session, stage, status, seconds)
    queue = await money_queues.stuck(session, stage.anna)
    [found] = [each for each in queue.rows if each.row.id == made.id]
    assert (found.trouble, found.given_up) == (trouble, False)
    assert (await money_queues.counts(session))["stuck"] == len(queue.rows)
    other = await refunding.paid_call(session, Status.ASSIGNED)
    young = await sent(session, other, status, seconds - 120)
    queue = await money_queues.stuck(session, stage.anna)
    assert young.id not in {each.row.id for each in queue.rows}


async def test_a_refund_whose_key_nobody_remembers_may_be_given_up(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.ASSIGNED)
    made = await sent(session, stage, RefundStatus.UNKNOWN, 25 * 3600)
    queue = await money_queues.stuck(session, stage.anna)
    [found] = [each for each in queue.rows if each.row.id == made.id]
    assert found.given_up
    assert found.since == made.key_used_at


async def test_a_bank_transfer_waits_for_a_person_at_once(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    terms = house(stage.payment, 100_000, destination=Destination.MANUAL)
    made = await refunds.request(session, stage.anna, terms)
    await refunds.approve(session, stage.boris, made.id, refunding.seal(stage, made))
    queue = await money_queues.stuck(session, stage.anna)
    [found] = [each for each in queue.rows if each.row.id == made.id]
    assert found.trouble is Trouble.REFUND_BY_HAND
    assert found.since == made.approved_at


async def test_a_payment_without_an_answer_is_named_after_two_minutes(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session)
    booking = await factories.booking(session)
    ago = await clock.now(session) - timedelta(minutes=3)
    lost = await money_rows.payment(
        session, booking, PRICE, PaymentStatus.UNKNOWN, created_at=ago
    )
    other = await factories.booking(session)
    young = await money_rows.payment(session, other, PRICE, PaymentStatus.UNKNOWN)
    queue = await money_queues.stuck(session, stage.anna)
    found = {each.row.id: each for each in queue.rows}
    assert found[lost.id].trouble is Trouble.PAYMENT_UNKNOWN
    assert found[lost.id].since == ago
    assert young.id not in found
    since = [each.since for each in queue.rows]
    assert since == sorted(since)


async def test_only_finance_reads_the_queues(session: AsyncSession) -> None:
    staff = (await refunding.paid_call(session)).staff
    for read in (
        money_queues.approvals(session, staff),
        money_queues.claims(session, staff, ClaimStatus.OPEN),
        money_queues.withdrawals(session, staff, ended=False),
        money_queues.stuck(session, staff),
    ):
        with pytest.raises(Forbidden):
            await read
