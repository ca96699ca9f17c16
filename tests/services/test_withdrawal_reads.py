"""One withdrawal as finance reads it: the plan before, the parts after."""

import uuid

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Withdrawal
from models.refund import Destination, RefundStatus
from models.withdrawal import WithdrawalStatus
from services import withdrawal_reads, withdrawals
from services.actor import Actor
from services.errors import Forbidden, NotFound
from tests import money_rows, refunding
from tests.refunding import PRICE, Stage


async def asked(session: AsyncSession, more: int = 20_000) -> tuple[Stage, Withdrawal]:
    """A payment that went into the wallet, something beside it, all asked for."""
    stage = await refunding.paid_call(session)
    await money_rows.refund(
        session, stage.payment, PRICE, RefundStatus.SUCCEEDED, Destination.WALLET
    )
    await refunding.fill(session, stage.booking, more)
    made = await withdrawals.request(session, refunding.patient(stage), PRICE + more)
    return stage, made


async def test_the_plan_says_what_goes_back_and_what_by_hand(
    session: AsyncSession,
) -> None:
    stage, made = await asked(session)
    view = await withdrawal_reads.one(session, stage.anna, made.id)
    [part] = view.planned
    assert (part.payment.id, part.kopecks) == (stage.payment.id, PRICE)
    assert (view.by_payments, view.by_hand) == (PRICE, 20_000)
    assert (view.sent, view.running, view.obstacle) == ([], False, None)


async def test_whoever_prepared_it_reads_why_another_person_approves(
    session: AsyncSession,
) -> None:
    stage, made = await asked(session)
    await withdrawals.prepare(session, stage.anna, made.id, made.version)
    view = await withdrawal_reads.one(session, stage.anna, made.id)
    assert view.obstacle is not None
    assert set(view.names) == {stage.anna.user_id}
    own = Actor(made.user_id, stage.anna.acting_as, stage.anna.via)
    assert (await withdrawal_reads.one(session, own, made.id)).obstacle is not None
    other = await withdrawal_reads.one(session, stage.boris, made.id)
    assert other.obstacle is None


async def test_approved_parts_run_until_each_has_ended(session: AsyncSession) -> None:
    stage, made = await asked(session)
    await withdrawals.prepare(session, stage.anna, made.id, made.version)
    await withdrawals.approve(session, stage.boris, made.id, made.version)
    view = await withdrawal_reads.one(session, stage.anna, made.id)
    assert view.withdrawal.status is WithdrawalStatus.APPROVED
    assert (view.planned, view.running) == ([], True)
    assert (view.by_payments, view.by_hand) == (PRICE, 20_000)
    assert [part.amount_kopecks for part in view.sent] == [PRICE]


async def test_only_finance_reads_a_withdrawal(session: AsyncSession) -> None:
    stage, made = await asked(session)
    with pytest.raises(Forbidden):
        await withdrawal_reads.one(session, stage.staff, made.id)
    with pytest.raises(NotFound):
        await withdrawal_reads.one(session, stage.anna, uuid.uuid4())
