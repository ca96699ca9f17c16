"""Claims: a patient asks once, finance decides, and what is left is the house's."""

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, RefundClaim
from models.booking import Status
from models.booking_words import CancelReason
from models.refund import (
    ClaimStatus,
    Destination,
    RefundOrigin,
    RefundReason,
    RefundStatus,
)
from models.role_grant import Role
from services import bookings, refund_claims, refunds
from services.actor import Actor, Via
from services.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    NotFound,
    StaleVersion,
    ValidationFailed,
)
from services.invariants import check
from services.refund_terms import Terms
from tests import factories, refunding
from tests.conftest import settle
from tests.refunding import OURS, PRICE, THEIRS, Stage, books, house, wish

POOR = RefundReason.POOR_SERVICE
OPEN, ACCEPTED, DECLINED = ClaimStatus.OPEN, ClaimStatus.ACCEPTED, ClaimStatus.DECLINED


def patient_of(stage: Stage) -> Actor:
    return Actor(stage.booking.patient_id, Role.PATIENT, Via.API)


async def claimed(
    session: AsyncSession, status: Status = Status.COMPLETED
) -> tuple[Stage, RefundClaim]:
    stage = await refunding.paid_call(session, status)
    claim = await refund_claims.open_claim(
        session, patient_of(stage), stage.booking.id, POOR, "Грубил"
    )
    return stage, claim


async def cancelled_late(
    session: AsyncSession, reason: CancelReason = CancelReason.REFUSED_ON_SITE
) -> tuple[Stage, RefundClaim]:
    """A call cancelled once the visit had begun: finance has to decide."""
    stage = await refunding.paid_call(session, Status.IN_PROGRESS)
    await bookings.cancel(session, stage.staff, stage.booking.id, reason)
    return stage, (await session.exec(select(RefundClaim))).one()


# -- asking -------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.COMPLETED])
async def test_a_patient_asks_for_money_back(
    session: AsyncSession, status: Status
) -> None:
    stage, claim = await claimed(session, status)
    assert (claim.status, claim.reason_code, claim.version) == (OPEN, POOR, 1)
    assert (claim.opened_by, claim.opened_as) == (stage.booking.patient_id, "patient")
    assert claim.comment == "Грубил"
    await settle(session)


async def test_one_claim_at_a_time(session: AsyncSession) -> None:
    stage, claim = await claimed(session)
    patient, booking_id = patient_of(stage), stage.booking.id
    with pytest.raises(Conflict):
        await refund_claims.open_claim(session, patient, booking_id, POOR)
    await refund_claims.decline(session, stage.anna, claim.id, claim.version)
    again = await refund_claims.open_claim(session, patient, booking_id, POOR)
    assert again.id != claim.id


@pytest.mark.parametrize("status", [Status.PENDING, Status.ACCEPTED, Status.EN_ROUTE])
async def test_before_the_visit_the_call_is_cancelled_instead(
    session: AsyncSession, status: Status
) -> None:
    stage = await refunding.paid_call(session, status)
    with pytest.raises(IllegalTransition):
        await refund_claims.open_claim(
            session, patient_of(stage), stage.booking.id, POOR
        )


async def test_nothing_paid_nothing_asked(session: AsyncSession) -> None:
    doctor, staff = await factories.doctor(session), await factories.dispatcher(session)
    booking = await factories.booking_in(
        session, Status.COMPLETED, doctor=doctor, dispatcher=staff
    )
    patient = Actor(booking.patient_id, Role.PATIENT, Via.API)
    with pytest.raises(Conflict):
        await refund_claims.open_claim(session, patient, booking.id, POOR)


async def test_what_went_back_whole_is_asked_for_no_more(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session)
    reason = CancelReason.PATIENT_CHANGED_MIND
    await bookings.cancel(session, patient_of(stage), stage.booking.id, reason)
    with pytest.raises(Conflict):
        await refund_claims.open_claim(
            session, patient_of(stage), stage.booking.id, POOR
        )


async def test_only_for_ones_own_call_and_only_patients_reasons(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    booking_id = stage.booking.id
    stranger = factories.as_patient(await factories.patient(session))
    with pytest.raises(NotFound):
        await refund_claims.open_claim(session, stranger, booking_id, POOR)
    with pytest.raises(NotFound):
        await refund_claims.open_claim(
            session, patient_of(stage), factories.nobody(), POOR
        )
    for actor in (stage.anna, stage.staff, factories.as_doctor(stage.doctor)):
        with pytest.raises(Forbidden):
            await refund_claims.open_claim(session, actor, booking_id, POOR)
    for reason in set(RefundReason) - refund_claims.PATIENTS_REASONS:
        with pytest.raises(ValidationFailed):
            await refund_claims.open_claim(
                session, patient_of(stage), booking_id, reason
            )


# -- deciding -----------------------------------------------------------------


async def test_a_claim_is_accepted_with_a_refund(session: AsyncSession) -> None:
    stage, claim = await claimed(session)
    wishes = [house(stage.payment, 100_000)]
    await refund_claims.accept(session, stage.anna, claim.id, wishes, claim.version)
    assert (claim.status, claim.decided_by) == (ACCEPTED, stage.anna.user_id)
    assert claim.decided_at is not None
    (made,) = await refunding.refunds_of(session, stage.booking)
    assert (made.claim_id, made.origin) == (claim.id, RefundOrigin.CLAIM)
    assert made.status is RefundStatus.AWAITING_APPROVAL
    await settle(session)


async def test_a_declined_claim_is_told(session: AsyncSession) -> None:
    stage, claim = await claimed(session)
    await refund_claims.decline(session, stage.anna, claim.id, claim.version)
    assert claim.status is DECLINED
    told = await session.exec(
        select(Notification).where(
            col(Notification.user_id) == stage.booking.patient_id,
            col(Notification.kind) == "claim_declined",
        )
    )
    assert told.one().facts == {"call": stage.booking.label}
    assert (await books(session, stage))["doctor"] == THEIRS


async def test_of_a_cancelled_call_the_rest_is_kept(session: AsyncSession) -> None:
    stage, claim = await cancelled_late(session)
    wishes = [wish(stage.payment, 300_000)]
    await refund_claims.accept(session, stage.anna, claim.id, wishes, 1)
    held = await books(session, stage)
    assert (held["transit"], held["kept"]) == (300_000, 200_000)
    assert "prepaid" not in held
    await settle(session)


async def test_a_declined_claim_of_a_cancelled_call_keeps_everything(
    session: AsyncSession,
) -> None:
    stage, claim = await cancelled_late(session)
    await refund_claims.decline(session, stage.anna, claim.id, 1)
    assert (await books(session, stage))["kept"] == PRICE


async def test_where_nobody_is_to_blame_one_person_is_enough(
    session: AsyncSession,
) -> None:
    stage, claim = await cancelled_late(session, CancelReason.CLINIC_FAULT)
    wishes = [wish(stage.payment, PRICE)]
    await refund_claims.accept(session, stage.anna, claim.id, wishes, 1)
    (made,) = await refunding.refunds_of(session, stage.booking)
    assert made.status is RefundStatus.APPROVED
    assert "kept" not in await books(session, stage)


async def test_a_refund_that_is_rejected_opens_its_claim_again(
    session: AsyncSession,
) -> None:
    stage, claim = await cancelled_late(session)
    wishes = [wish(stage.payment, 300_000)]
    await refund_claims.accept(session, stage.anna, claim.id, wishes, 1)
    (made,) = await refunding.refunds_of(session, stage.booking)
    await refunds.reject(session, stage.boris, made.id)
    assert (claim.status, claim.decided_at, claim.version) == (OPEN, None, 3)
    held = await books(session, stage)
    assert (held["prepaid"], held["kept"]) == (300_000, 200_000)
    # Decided anew, under a posting of its own.
    await refund_claims.decline(session, stage.anna, claim.id, 3)
    assert (await books(session, stage))["kept"] == PRICE
    await settle(session)


async def test_a_newer_claim_is_enough(session: AsyncSession) -> None:
    stage, claim = await claimed(session)
    wishes = [house(stage.payment, 100_000)]
    await refund_claims.accept(session, stage.anna, claim.id, wishes, 1)
    (made,) = await refunding.refunds_of(session, stage.booking)
    newer = await refund_claims.open_claim(
        session, patient_of(stage), stage.booking.id, POOR
    )
    await refunds.reject(session, stage.boris, made.id)
    assert (claim.status, newer.status) == (ACCEPTED, OPEN)
    assert (await books(session, stage))["revenue"] == OURS


async def test_a_claim_is_decided_once_and_as_it_was_seen(
    session: AsyncSession,
) -> None:
    stage, claim = await claimed(session)
    with pytest.raises(StaleVersion):
        await refund_claims.decline(session, stage.anna, claim.id, 2)
    with pytest.raises(NotFound):
        await refund_claims.decline(session, stage.anna, factories.nobody(), 1)
    with pytest.raises(ValidationFailed):
        await refund_claims.accept(session, stage.anna, claim.id, [], 1)
    await refund_claims.decline(session, stage.anna, claim.id, 1)
    for decide in (
        refund_claims.decline(session, stage.boris, claim.id, 2),
        refund_claims.accept(session, stage.boris, claim.id, [], 2),
    ):
        with pytest.raises(IllegalTransition):
            await decide


async def test_a_claim_gives_back_payments_of_its_own_call_only(
    session: AsyncSession,
) -> None:
    stage, claim = await claimed(session)
    other = await refunding.paid_call(session, Status.COMPLETED)
    for payment in (other.payment, type(other.payment)(id=factories.nobody())):
        wishes = [house(payment, 100_000)]
        with pytest.raises(NotFound):
            await refund_claims.accept(session, stage.anna, claim.id, wishes, 1)


async def test_finance_decides_and_nobody_for_themselves(
    session: AsyncSession,
) -> None:
    stage, claim = await claimed(session)
    for actor in (stage.staff, patient_of(stage)):
        with pytest.raises(Forbidden):
            await refund_claims.decline(session, actor, claim.id, 1)
    myself = Actor(stage.booking.patient_id, Role.FINANCE, Via.CONSOLE)
    with pytest.raises(Forbidden):
        await refund_claims.decline(session, myself, claim.id, 1)
    with pytest.raises(Forbidden):
        await refund_claims.accept(session, myself, claim.id, [], 1)


async def test_the_words_of_the_patient_are_not_in_what_finance_reads(
    session: AsyncSession,
) -> None:
    _, claim = await claimed(session)
    rows = await session.execute(sa.text("SELECT * FROM refund_claim_finance_v"))
    (row,) = rows.mappings().all()
    assert row["id"] == claim.id
    assert "Грубил" not in str(dict(row))
    assert "comment" not in row


# -- what a refund leaves of a cancelled call ---------------------------------


async def test_a_refund_rejected_after_its_claim_leaves_no_money_behind(
    session: AsyncSession,
) -> None:
    stage, claim = await cancelled_late(session)
    asked = wish(stage.payment, PRICE, destination=Destination.MANUAL)
    made = await refunds.request(session, stage.anna, asked)
    await refund_claims.decline(session, stage.anna, claim.id, claim.version)
    assert "kept" not in await books(session, stage)
    await refunds.reject(session, stage.boris, made.id)
    held = await books(session, stage)
    assert (held["kept"], held.get("prepaid", 0)) == (PRICE, 0)
    assert await check(session) == []


async def test_a_refund_made_smaller_after_its_claim_leaves_no_money_behind(
    session: AsyncSession,
) -> None:
    stage, claim = await cancelled_late(session)
    asked = wish(stage.payment, PRICE, destination=Destination.MANUAL)
    made = await refunds.request(session, stage.anna, asked)
    await refund_claims.decline(session, stage.anna, claim.id, claim.version)
    less = Terms(PRICE - 100_000, Destination.WALLET, patient_agreed=True)
    await refunds.amend(session, stage.anna, made.id, less)
    seen = refunding.seal(stage, made)
    await refunds.approve(session, stage.boris, made.id, seen)
    held = await books(session, stage)
    assert (held["kept"], held["wallet"]) == (100_000, PRICE - 100_000)
    assert "prepaid" not in held
    assert await check(session) == []


async def test_what_a_claim_waits_for_is_left_alone(session: AsyncSession) -> None:
    stage, _ = await cancelled_late(session)
    asked = wish(stage.payment, PRICE, destination=Destination.MANUAL)
    made = await refunds.request(session, stage.anna, asked)
    await refunds.reject(session, stage.boris, made.id)
    held = await books(session, stage)
    assert (held.get("kept", 0), held["prepaid"]) == (0, PRICE)
    assert await check(session) == []
