"""The money of a call that ends without a visit: given back, kept, or asked about."""

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Booking, Notification, Refund, RefundClaim
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentMethod, PaymentStatus, Surplus
from models.refund import (
    ClaimStatus,
    Destination,
    RefundOrigin,
    RefundReason,
    RefundStatus,
)
from models.role_grant import Role
from services import bookings, refund_claims, refunds, visit_money
from services.actor import SYSTEM, Actor, Via
from services.errors import IllegalTransition
from tests import factories, money_rows, refunding
from tests.conftest import settle
from tests.factories import as_doctor
from tests.refunding import PRICE, Stage, books, counters, refunds_of

CHANGED, FAULT = CancelReason.PATIENT_CHANGED_MIND, CancelReason.CLINIC_FAULT
REFUSED = CancelReason.REFUSED_ON_SITE


def patient_of(booking: Booking) -> Actor:
    return Actor(booking.patient_id, Role.PATIENT, Via.API)


async def cancel(
    session: AsyncSession, stage: Stage, reason: CancelReason = CHANGED
) -> list[Refund]:
    """Let the patient call it off, or staff for another reason than theirs."""
    actor = patient_of(stage.booking) if reason is CHANGED else stage.staff
    await bookings.cancel(session, actor, stage.booking.id, reason)
    await settle(session)
    return await refunds_of(session, stage.booking)


async def test_before_the_doctor_sets_out_everything_goes_back_by_itself(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.ACCEPTED)
    made = await cancel(session, stage)
    assert len(made) == 1
    refund = made[0]
    assert (refund.status, refund.origin) == (
        RefundStatus.APPROVED,
        RefundOrigin.POLICY,
    )
    assert (refund.amount_kopecks, refund.destination) == (PRICE, Destination.ORIGINAL)
    assert (refund.needs_approval, refund.approved_by) == (False, None)
    assert refund.requested_by == stage.booking.patient_id
    assert refund.policy_rule == "not_departed"
    assert (refund.policy_version, refund.policy_base_kopecks) == (1, PRICE)
    assert (refund.policy_percent, refund.policy_kopecks) == (100, PRICE)
    assert refund.reason_code is RefundReason.CANCELLED
    assert refund.next_look_at is not None
    assert counters(stage.payment) == (PRICE, PRICE)
    fee = money_rows.FEE
    assert await books(session, stage) == {"clearing": PRICE - fee, "transit": PRICE}
    jobs = await session.scalars(
        select(col(AuditEvent.action)).where(col(AuditEvent.object_id) == refund.id)
    )
    assert list(jobs) == ["refund.requested"]


async def test_on_the_way_the_house_keeps_what_the_policy_leaves(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.EN_ROUTE)
    made = await cancel(session, stage)
    assert [each.amount_kopecks for each in made] == [400_000]
    held = await books(session, stage)
    assert (held["transit"], held["kept"]) == (400_000, 100_000)
    assert "prepaid" not in held
    assert counters(stage.payment) == (400_000, 400_000)


async def test_the_sum_needs_no_approver_however_large(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, amount=90_000_000)
    made = await cancel(session, stage)
    assert made[0].status is RefundStatus.APPROVED
    assert made[0].amount_kopecks == 90_000_000


async def test_from_the_wallet_it_is_back_at_once(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, method=PaymentMethod.WALLET)
    made = await cancel(session, stage)
    assert [each.status for each in made] == [RefundStatus.SUCCEEDED]
    assert made[0].destination is Destination.WALLET
    assert await books(session, stage) == {"wallet": PRICE}
    assert counters(stage.payment) == (PRICE, 0)
    told = await session.scalars(
        select(Notification).where(
            col(Notification.user_id) == stage.booking.patient_id,
            col(Notification.kind) == "refund_wallet",
        )
    )
    facts = [each.facts for each in told]
    assert facts == [{"call": stage.booking.label, "amount": "5\u00a0000\u00a0₽"}]


async def test_mixed_payments_each_get_their_refund(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.EN_ROUTE, amount=300_000)
    await refunding.fill(session, stage.booking, 200_000)
    wallet = await money_rows.payment(
        session, stage.booking, 200_000, method=PaymentMethod.WALLET
    )
    made = await cancel(session, stage)
    parts = {each.payment_id: each.amount_kopecks for each in made}
    assert parts == {wallet.id: 200_000, stage.payment.id: 200_000}
    held = await books(session, stage)
    assert (held["wallet"], held["kept"]) == (200_000, 100_000)


async def test_a_kopeck_never_stays(session: AsyncSession) -> None:
    """The rest of a payment at the provider is nothing, or at least 1 ₽."""
    stage = await refunding.paid_call(session, Status.EN_ROUTE, amount=101)
    made = await cancel(session, stage)
    assert [each.amount_kopecks for each in made] == [101]


async def test_once_the_visit_has_begun_finance_decides(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.IN_PROGRESS)
    assert await cancel(session, stage, REFUSED) == []
    held = await books(session, stage)
    assert held["prepaid"] == PRICE
    claim = (await session.exec(select(RefundClaim))).one()
    assert (claim.status, claim.opened_as) == (ClaimStatus.OPEN, "dispatcher")
    assert claim.opened_by == stage.staff.user_id
    assert claim.reason_code is RefundReason.CANCELLED


async def test_a_claim_that_is_open_already_is_enough(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.IN_PROGRESS)
    patient = patient_of(stage.booking)
    reason = RefundReason.POOR_SERVICE
    mine = await refund_claims.open_claim(session, patient, stage.booking.id, reason)
    await cancel(session, stage, REFUSED)
    assert (await session.exec(select(RefundClaim))).all() == [mine]


async def test_nothing_paid_nothing_to_decide(session: AsyncSession) -> None:
    doctor, staff = await factories.doctor(session), await factories.dispatcher(session)
    booking = await factories.booking_in(
        session, Status.IN_PROGRESS, doctor=doctor, dispatcher=staff
    )
    await bookings.cancel(session, as_doctor(doctor), booking.id, REFUSED)
    assert (await session.exec(select(RefundClaim))).all() == []
    assert await refunds_of(session, booking) == []


async def test_what_went_back_whole_needs_no_claim(session: AsyncSession) -> None:
    stage = await refunding.paid_call(
        session, Status.IN_PROGRESS, surplus=Surplus.DOUBLE
    )
    await refunds.give_back(session, SYSTEM, stage.payment, RefundOrigin.DOUBLE)
    await cancel(session, stage, REFUSED)
    assert (await session.exec(select(RefundClaim))).all() == []


async def test_open_attempts_are_given_up(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.ASSIGNED, amount=1000)
    waits = await money_rows.payment(
        session, stage.booking, 499_000, PaymentStatus.PENDING
    )
    gone = await money_rows.payment(
        session,
        stage.booking,
        PRICE,
        PaymentStatus.PENDING,
        superseded_at=stage.payment.succeeded_at,
    )
    failed = await money_rows.payment(
        session, stage.booking, PRICE, PaymentStatus.FAILED
    )
    await cancel(session, stage)
    assert waits.superseded_at is not None
    assert gone.superseded_at == stage.payment.succeeded_at
    assert failed.superseded_at is None
    assert await visit_money.due(session, stage.booking) == 0


async def test_unpaid_calls_end_as_before(session: AsyncSession) -> None:
    booking = await factories.booking(session)
    waits = await money_rows.payment(session, booking, PRICE, PaymentStatus.PENDING)
    await bookings.cancel(session, patient_of(booking), booking.id, CHANGED)
    assert waits.superseded_at is not None
    assert await refunds_of(session, booking) == []
    await settle(session)


async def test_cancelling_twice_gives_back_once(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session)
    await cancel(session, stage)
    with pytest.raises(IllegalTransition):
        await cancel(session, stage)
    assert len(await refunds_of(session, stage.booking)) == 1
    assert counters(stage.payment) == (PRICE, PRICE)


async def test_surplus_that_waits_for_its_payer_is_never_kept(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.EN_ROUTE)
    double = await money_rows.payment(
        session, stage.booking, PRICE, surplus=Surplus.DOUBLE
    )
    await cancel(session, stage)
    held = await books(session, stage)
    assert (held["prepaid"], held["kept"]) == (PRICE, 100_000)
    assert counters(double) == (0, 0)


@pytest.mark.parametrize("by", ["patient", "doctor", "dispatcher"])
async def test_whoever_cancels_the_refund_is_made(
    session: AsyncSession, by: str
) -> None:
    stage = await refunding.paid_call(session, Status.EN_ROUTE)
    actors = {
        "patient": patient_of(stage.booking),
        "doctor": as_doctor(stage.doctor),
        "dispatcher": stage.staff,
    }
    await bookings.cancel(session, actors[by], stage.booking.id, CHANGED)
    made = await refunds_of(session, stage.booking)
    assert [each.requested_as for each in made] == [by]
