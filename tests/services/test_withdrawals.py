"""Money leaves a wallet by the payments it came from, the rest by hand, by two people."""

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, Refund, User, Withdrawal
from models.booking import Status
from models.payment import PaymentMethod
from models.recon_issue import IssueKind
from models.refund import Destination, RefundOrigin, RefundStatus
from models.role_grant import Role
from models.withdrawal import WithdrawalStatus
from services import (
    clock,
    ledger,
    postings,
    refund_outcomes,
    refunds,
    withdrawal_plans,
    withdrawals,
)
from services.actor import SYSTEM, Actor, Via
from services.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    InsufficientFunds,
    NotFound,
    StaleVersion,
    ValidationFailed,
)
from services.gateways.yookassa_outcomes import Done
from tests import factories, money_rows, refunding
from tests.conftest import settle
from tests.refunding import PRICE, Stage, books, counters, house, seal

W, R = WithdrawalStatus, RefundStatus
FEE = money_rows.FEE


def patient_of(stage: Stage) -> Actor:
    return Actor(stage.booking.patient_id, Role.PATIENT, Via.API)


async def in_wallet(
    session: AsyncSession, kopecks: int = 200_000, extra: int = 0
) -> Stage:
    """A paid visit of which some went into the wallet, beside other money there."""
    stage = await refunding.paid_call(session, Status.COMPLETED)
    await give(session, stage, kopecks)
    if extra:
        await refunding.fill(session, stage.booking, extra)
    return stage


async def give(session: AsyncSession, stage: Stage, kopecks: int) -> Refund:
    asked = house(
        stage.payment,
        kopecks,
        destination=Destination.WALLET,
        patient_agreed=True,
    )
    made = await refunds.request(session, stage.anna, asked)
    return await refunds.approve(session, stage.boris, made.id, seal(stage, made))


async def asked(session: AsyncSession, stage: Stage, kopecks: int) -> Withdrawal:
    return await withdrawals.request(session, patient_of(stage), kopecks)


async def going(session: AsyncSession, stage: Stage, kopecks: int) -> Withdrawal:
    made = await asked(session, stage, kopecks)
    await withdrawals.prepare(session, stage.anna, made.id, made.version)
    return await withdrawals.approve(session, stage.boris, made.id, made.version)


async def parts(session: AsyncSession, made: Withdrawal) -> list[Refund]:
    query = sa.select(Refund).where(col(Refund.withdrawal_id) == made.id)
    return list((await session.scalars(query.order_by(col(Refund.id)))).all())


async def end(
    session: AsyncSession, stage: Stage, part: Refund, status: str = "succeeded"
) -> None:
    part.status, part.key_used_at = R.SENDING, await clock.now(session)
    await session.flush()
    raw = refunding.provider_refund(stage, part, status)
    await refund_outcomes.take(session, SYSTEM, Done(raw), "test")


async def test_what_is_asked_for_can_be_spent_no_more(session: AsyncSession) -> None:
    stage = await in_wallet(session)
    made = await asked(session, stage, 150_000)
    assert (made.status, made.amount_kopecks) == (W.REQUESTED, 150_000)
    held = await books(session, stage)
    assert (held["wallet"], held["transit"]) == (50_000, 150_000)
    await settle(session)


@pytest.mark.parametrize("kopecks", [0, -1, 100_000_000_001, 2**63])
async def test_sums_that_are_none(session: AsyncSession, kopecks: int) -> None:
    stage = await in_wallet(session)
    with pytest.raises(ValidationFailed):
        await asked(session, stage, kopecks)


async def test_no_more_than_there_is_and_one_at_a_time(session: AsyncSession) -> None:
    stage = await in_wallet(session)
    with pytest.raises(InsufficientFunds):
        await asked(session, stage, 200_001)
    await asked(session, stage, 100_000)
    with pytest.raises(Conflict):
        await asked(session, stage, 1)
    for stranger in (stage.anna, factories.as_doctor(stage.doctor)):
        with pytest.raises(Forbidden):
            await withdrawals.request(session, stranger, 1)
    poor = factories.as_patient(await factories.patient(session))
    with pytest.raises(InsufficientFunds):
        await withdrawals.request(session, poor, 1)


async def test_money_goes_back_by_the_payment_it_came_from(
    session: AsyncSession,
) -> None:
    stage = await in_wallet(session)
    made = await going(session, stage, 200_000)
    assert (made.status, made.manual_kopecks) == (W.APPROVED, 0)
    assert (made.prepared_by, made.approved_by) == (
        stage.anna.user_id,
        stage.boris.user_id,
    )
    (part,) = await parts(session, made)
    assert (part.origin, part.status) == (RefundOrigin.WITHDRAWAL, R.APPROVED)
    assert (part.payment_id, part.amount_kopecks) == (stage.payment.id, 200_000)
    assert (part.requested_by, part.approved_by) == (
        stage.anna.user_id,
        stage.boris.user_id,
    )
    assert counters(stage.payment) == (200_000, 200_000)
    before = await books(session, stage)
    assert before["transit"] == 200_000
    await end(session, stage, part)
    assert made.status is W.DONE
    held = await books(session, stage)
    assert "transit" not in held
    assert "wallet" not in held
    assert held["clearing"] == before["clearing"] - 200_000
    told = await session.scalars(
        sa.select(Notification.facts).where(  # type: ignore[call-overload]
            col(Notification.kind) == "withdrawal_done"
        )
    )
    assert told.all() == [{"amount": "2\u00a0000\u00a0₽"}]
    await settle(session)


async def test_the_rest_goes_by_hand_with_a_document(session: AsyncSession) -> None:
    stage = await in_wallet(session, 200_000, extra=50_000)
    made = await asked(session, stage, 250_000)
    await withdrawals.prepare(session, stage.anna, made.id, made.version)
    assert made.manual_kopecks == 50_000
    await withdrawals.approve(session, stage.boris, made.id, made.version)
    with pytest.raises(IllegalTransition):
        await withdrawals.transfer(session, stage.anna, made.id, "п/п 9")
    (part,) = await parts(session, made)
    await end(session, stage, part)
    assert made.status is W.APPROVED
    with pytest.raises(ValidationFailed):
        await withdrawals.transfer(session, stage.anna, made.id, " ")
    await withdrawals.transfer(session, stage.anna, made.id, "п/п 9")
    assert (made.status, made.document) == (W.DONE, "п/п 9")
    held = await books(session, stage)
    assert held["bank"] == -50_000
    assert "transit" not in held
    with pytest.raises(IllegalTransition):
        await withdrawals.transfer(session, stage.anna, made.id, "п/п 10")
    await settle(session)


async def test_what_the_bank_refuses_goes_by_hand(session: AsyncSession) -> None:
    stage = await in_wallet(session)
    made = await going(session, stage, 200_000)
    (part,) = await parts(session, made)
    await end(session, stage, part, "canceled")
    assert (part.status, made.status) == (R.FAILED, W.APPROVED)
    assert made.manual_kopecks == 200_000
    # It stays on its way, and the payment may give the wallet's money again.
    held = await books(session, stage)
    assert held["transit"] == 200_000
    assert counters(stage.payment) == (200_000, 0)
    assert await refunding.findings(session, IssueKind.REFUND_FAILED) == []
    await withdrawals.transfer(session, stage.boris, made.id, "п/п 9")
    held = await books(session, stage)
    assert held["bank"] == -200_000
    assert made.status is W.DONE
    await settle(session)


async def test_the_newest_payments_first(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED, amount=300_000)
    newest = await money_rows.payment(session, stage.booking, 200_000)
    await give(session, stage, 300_000)
    stage.payment, oldest = newest, stage.payment
    await give(session, stage, 200_000)
    made = await asked(session, stage, 400_000)
    plan = await withdrawal_plans.plan(session, made)
    assert [(each.payment_id, each.kopecks) for each in plan] == [
        (newest.id, 200_000),
        (oldest.id, 200_000),
    ]


@pytest.mark.parametrize(
    ("given", "wanted", "part"),
    [
        (200_000, 200_000, 200_000),
        (200_000, 199_999, 199_900),
        (200_000, 199_900, 199_900),
        (200_000, 99, 0),
        (200_000, 100, 100),
        (150, 100, 0),
        (150, 150, 150),
        (200, 100, 100),
        (200, 101, 100),
    ],
)
async def test_no_part_below_a_rouble_moves_or_stays(
    session: AsyncSession, given: int, wanted: int, part: int
) -> None:
    stage = await in_wallet(session, given)
    made = await asked(session, stage, wanted)
    plan = await withdrawal_plans.plan(session, made)
    assert sum(each.kopecks for each in plan) == part


async def test_money_that_is_still_on_its_way_to_the_wallet_is_left_alone(
    session: AsyncSession,
) -> None:
    stage = await in_wallet(session, 200_000)
    more = house(
        stage.payment,
        100_000,
        destination=Destination.WALLET,
        patient_agreed=True,
    )
    waiting = await refunds.request(session, stage.anna, more)
    made = await asked(session, stage, 200_000)
    await withdrawals.prepare(session, stage.anna, made.id, made.version)
    assert made.manual_kopecks == 200_000
    await refunds.reject(session, stage.boris, waiting.id)
    # Now it could go by the payment: prepared anew.
    with pytest.raises(StaleVersion):
        await withdrawals.approve(session, stage.boris, made.id, made.version)
    await withdrawals.prepare(session, stage.anna, made.id, made.version)
    assert made.manual_kopecks == 0
    await withdrawals.approve(session, stage.boris, made.id, made.version)
    await settle(session)


async def test_payments_from_a_wallet_and_of_others_are_no_way_out(
    session: AsyncSession,
) -> None:
    other = await in_wallet(session)
    stage = await refunding.paid_call(
        session, Status.COMPLETED, method=PaymentMethod.WALLET
    )
    made = await refunds.request(
        session, stage.anna, refunding.house(stage.payment, 100_000)
    )
    await refunds.approve(session, stage.boris, made.id, seal(stage, made))
    out = await asked(session, stage, 100_000)
    await withdrawals.prepare(session, stage.anna, out.id, out.version)
    assert out.manual_kopecks == 100_000
    assert counters(other.payment) == (200_000, 0)


async def test_two_people_always(session: AsyncSession) -> None:
    stage = await in_wallet(session)
    made = await asked(session, stage, 1000)
    with pytest.raises(IllegalTransition):
        await withdrawals.approve(session, stage.boris, made.id, made.version)
    await withdrawals.prepare(session, stage.anna, made.id, made.version)
    with pytest.raises(Forbidden):
        await withdrawals.approve(session, stage.anna, made.id, made.version)
    with pytest.raises(StaleVersion):
        await withdrawals.approve(session, stage.boris, made.id, made.version - 1)
    # Whoever prepares it anew is the one who may not approve it.
    await withdrawals.prepare(session, stage.boris, made.id, made.version)
    with pytest.raises(Forbidden):
        await withdrawals.approve(session, stage.boris, made.id, made.version)
    await withdrawals.approve(session, stage.anna, made.id, made.version)
    for verb in (withdrawals.approve, withdrawals.prepare, withdrawals.reject):
        with pytest.raises(IllegalTransition):
            await verb(session, stage.anna, made.id, made.version)


async def test_a_rejected_withdrawal_is_in_the_wallet_again(
    session: AsyncSession,
) -> None:
    stage = await in_wallet(session)
    made = await asked(session, stage, 150_000)
    await withdrawals.reject(session, stage.anna, made.id, made.version)
    assert made.status is W.REJECTED
    held = await books(session, stage)
    assert held["wallet"] == 200_000
    assert "transit" not in held
    told = await session.scalar(
        sa.select(Notification).where(col(Notification.kind) == "withdrawal_rejected")
    )
    assert told is not None
    await asked(session, stage, 150_000)
    await settle(session)


async def test_finance_alone_and_nobody_for_themselves(session: AsyncSession) -> None:
    stage = await in_wallet(session)
    made = await asked(session, stage, 1000)
    verbs = (withdrawals.prepare, withdrawals.approve, withdrawals.reject)
    myself = Actor(stage.booking.patient_id, Role.FINANCE, Via.CONSOLE)
    for actor in (myself, stage.staff, patient_of(stage)):
        for verb in verbs:
            with pytest.raises(Forbidden):
                await verb(session, actor, made.id, made.version)
        with pytest.raises(Forbidden):
            await withdrawals.transfer(session, actor, made.id, "п/п")
    with pytest.raises(NotFound):
        await withdrawals.prepare(session, stage.anna, factories.nobody(), 1)


async def test_a_part_is_not_rejected_by_itself(session: AsyncSession) -> None:
    stage = await in_wallet(session)
    made = await going(session, stage, 200_000)
    (part,) = await parts(session, made)
    with pytest.raises(IllegalTransition):
        await refunds.reject(session, stage.anna, part.id)


async def test_the_wallet_never_gives_twice(session: AsyncSession) -> None:
    """A33: money that was spent from the wallet cannot leave it again."""
    stage = await in_wallet(session)
    purse = postings.wallet(stage.booking.patient_id)
    user = await session.get_one(User, stage.booking.patient_id)
    booking = await factories.booking(session, user)
    await money_rows.payment(session, booking, PRICE // 4, method=PaymentMethod.WALLET)
    left = await ledger.balance(session, purse)
    assert left == 200_000 - PRICE // 4
    with pytest.raises(InsufficientFunds):
        await asked(session, stage, 200_000)
    made = await asked(session, stage, left)
    await withdrawals.prepare(session, stage.anna, made.id, made.version)
    assert made.manual_kopecks == 0
