"""What a refund would come to, told before anybody asks for it, and to its approver."""

import uuid

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentMethod, Surplus
from models.refund import Destination, Doubt, RefundStatus, Split
from services import bookings, money_reads, refund_offers, refund_reads, refunds
from services.actor import Actor
from services.errors import (
    Forbidden,
    IllegalTransition,
    NotFound,
    RefundOpen,
    ValidationFailed,
)
from services.refund_terms import Terms
from tests import refunding
from tests.refunding import OURS, PRICE, THEIRS, house

ORIGINAL, WALLET = Destination.ORIGINAL, Destination.WALLET


async def test_an_open_call_is_offered_with_the_reason_why_not_yet(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.ASSIGNED)
    offer = await refund_offers.offer(session, stage.anna, stage.payment.id)
    assert (offer.left, offer.policy, offer.usual) == (PRICE, PRICE, ORIGINAL)
    assert not offer.completed
    assert isinstance(offer.refusal, IllegalTransition)


async def test_what_policy_gives_to_where_it_came_from_raises_no_doubt(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.IN_PROGRESS)
    await bookings.cancel(
        session, stage.staff, stage.booking.id, CancelReason.CLINIC_FAULT
    )
    offer = await refund_offers.offer(session, stage.anna, stage.payment.id)
    assert offer.refusal is None
    found = await refund_offers.outlook(
        session, stage.anna, stage.payment.id, Terms(offer.policy, offer.usual)
    )
    assert (list(found.doubts), found.shares) == ([], {})
    other = Terms(100_000, WALLET, patient_agreed=True)
    found = await refund_offers.outlook(session, stage.anna, stage.payment.id, other)
    assert set(found.doubts) == {Doubt.NOT_POLICY, Doubt.OTHER_MEANS}


async def test_after_a_visit_each_split_is_told_in_kopecks(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    offer = await refund_offers.offer(session, stage.anna, stage.payment.id)
    assert (offer.completed, offer.policy) == (True, 0)
    whole = Terms(PRICE, ORIGINAL)
    found = await refund_offers.outlook(session, stage.anna, stage.payment.id, whole)
    assert found.shares == {
        Split.DOCTOR: (THEIRS, PRICE - THEIRS),
        Split.HOUSE: (0, PRICE),
        Split.PRO_RATA: (THEIRS, OURS),
    }
    with pytest.raises(ValidationFailed):
        await refund_offers.outlook(
            session, stage.anna, stage.payment.id, Terms(PRICE + 1, ORIGINAL)
        )


async def test_money_paid_twice_is_offered_whole_and_borne_by_nobody(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    twice = await refunding.surplus(session, stage, Surplus.DOUBLE)
    offer = await refund_offers.offer(session, stage.anna, twice.id)
    assert (offer.policy, offer.left) == (PRICE, PRICE)
    found = await refund_offers.outlook(
        session, stage.anna, twice.id, Terms(PRICE, ORIGINAL)
    )
    assert found.shares == {}


async def test_a_running_refund_and_money_of_ones_own_are_told_beforehand(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    offer = await refund_offers.offer(session, stage.boris, stage.payment.id)
    assert isinstance(offer.refusal, RefundOpen)
    own = Actor(stage.booking.patient_id, stage.anna.acting_as, stage.anna.via)
    offer = await refund_offers.offer(session, own, stage.payment.id)
    assert isinstance(offer.refusal, Forbidden)


async def test_only_finance_is_told(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session)
    with pytest.raises(Forbidden):
        await refund_offers.offer(session, stage.staff, stage.payment.id)
    with pytest.raises(Forbidden):
        await refund_reads.one(session, stage.staff, uuid.uuid4())
    with pytest.raises(NotFound):
        await refund_offers.offer(session, stage.anna, uuid.uuid4())
    with pytest.raises(NotFound):
        await refund_reads.one(session, stage.anna, uuid.uuid4())


async def test_an_approver_reads_why_and_seals_what_stands_there(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    view = await refund_reads.one(session, stage.boris, made.id)
    assert (view.refund.id, view.payment.id) == (made.id, stage.payment.id)
    assert view.doubts == [Doubt.NOT_POLICY]
    assert (view.obstacle, view.earlier) == (None, [])
    done = await refunds.approve(session, stage.boris, made.id, view.seal)
    assert done.status is RefundStatus.APPROVED


async def test_whoever_asked_reads_why_another_person_approves(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    view = await refund_reads.one(session, stage.anna, made.id)
    assert view.obstacle is not None
    with pytest.raises(Forbidden):
        await refunds.approve(session, stage.anna, made.id, view.seal)


async def test_a_refund_of_policy_has_no_doubts_and_knows_the_others(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(
        session, Status.ASSIGNED, method=PaymentMethod.WALLET
    )
    await bookings.cancel(
        session, stage.staff, stage.booking.id, CancelReason.NO_DOCTOR
    )
    money = await money_reads.of_call(session, stage.anna, stage.booking.id)
    view = await refund_reads.one(session, stage.anna, money.refunds[0].id)
    assert (view.doubts, view.earlier) == ([], [])
    assert not view.refund.above_policy
