"""Refunds by hand: who may ask for what, who approves, and what the books then say."""

import uuid
from datetime import timedelta

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Payment, Refund, RefundClaim
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentMethod, PaymentStatus, Surplus
from models.refund import (
    ClaimStatus,
    Destination,
    Doubt,
    RefundOrigin,
    RefundReason,
    RefundStatus,
    Refusal,
    Split,
)
from models.role_grant import Role
from services import (
    bookings,
    clock,
    refund_claims,
    refund_limits,
    refund_quotes,
    refunds,
    settings,
)
from services.actor import SYSTEM, Actor, Via
from services.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    NotFound,
    RefundOpen,
    StaleVersion,
    ValidationFailed,
)
from services.i18n import use_locale
from services.refund_terms import Terms
from tests import money_rows, refunding
from tests.conftest import settle
from tests.refunding import (
    OURS,
    PRICE,
    THEIRS,
    Stage,
    books,
    counters,
    house,
    just_now,
    refunds_of,
    seal,
    wish,
)

FEE = money_rows.FEE
AWAITING, APPROVED = RefundStatus.AWAITING_APPROVAL, RefundStatus.APPROVED
SUCCEEDED, REJECTED = RefundStatus.SUCCEEDED, RefundStatus.REJECTED
ORIGINAL, WALLET = Destination.ORIGINAL, Destination.WALLET
MANUAL = Destination.MANUAL
VISITED = {"doctor": THEIRS, "revenue": OURS, "clearing": PRICE - FEE}


async def finished(session: AsyncSession, **facts: object) -> Stage:
    """A visit that took place and was paid: the doctor and the house have earned."""
    return await refunding.paid_call(session, Status.COMPLETED, **facts)  # type: ignore[arg-type]


async def stuck(session: AsyncSession) -> Stage:
    """A call cancelled without blame once the visit had begun: 100 % are due."""
    stage = await refunding.paid_call(session, Status.IN_PROGRESS)
    reason = CancelReason.CLINIC_FAULT
    await bookings.cancel(session, stage.staff, stage.booking.id, reason)
    return stage


async def approved(session: AsyncSession, stage: Stage, refund: Refund) -> Refund:
    return await refunds.approve(session, stage.boris, refund.id, seal(stage, refund))


async def journal(session: AsyncSession, refund: Refund) -> list[str]:
    """Give what the journal says was done with a refund."""
    query = select(AuditEvent).where(col(AuditEvent.object_id) == refund.id)
    lines = (await session.exec(query.order_by(col(AuditEvent.id)))).all()
    return [line.action.removeprefix("refund.") for line in lines]


# -- asking -------------------------------------------------------------------


async def test_what_policy_gives_below_the_limits_needs_one_person(
    session: AsyncSession,
) -> None:
    stage = await stuck(session)
    made = await refunds.request(session, stage.anna, wish(stage.payment, PRICE))
    assert (made.status, made.needs_approval) == (APPROVED, False)
    assert (made.origin, made.requested_by) == (
        RefundOrigin.STAFF,
        stage.anna.user_id,
    )
    assert made.policy_rule == "not_our_patient"
    assert made.split is None
    assert made.doctor_kopecks is None
    held = await books(session, stage)
    assert held == {"clearing": PRICE - FEE, "transit": PRICE}
    await settle(session)


async def test_after_a_visit_two_people_and_a_split_are_needed(
    session: AsyncSession,
) -> None:
    stage = await finished(session)
    with pytest.raises(ValidationFailed):
        await refunds.request(session, stage.anna, wish(stage.payment, 100_000))
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    assert (made.status, made.needs_approval) == (AWAITING, True)
    assert made.next_look_at is None
    # Nothing else can take this money, though nobody has approved it yet.
    assert await books(session, stage) == {
        "clearing": PRICE - FEE,
        "transit": 100_000,
        "doctor": THEIRS,
        "revenue": OURS - 100_000,
    }
    assert counters(stage.payment) == (100_000, 100_000)
    await settle(session)


@pytest.mark.parametrize(
    ("split", "kopecks", "theirs"),
    [
        (Split.HOUSE, 100_000, 0),
        # The house gives all of it, even beyond what it earned.
        (Split.HOUSE, PRICE, 0),
        (Split.DOCTOR, 100_000, 100_000),
        # The doctor gives what the visit brought, the house the rest.
        (Split.DOCTOR, PRICE, THEIRS),
        (Split.PRO_RATA, 100_000, 70_000),
        (Split.PRO_RATA, PRICE, THEIRS),
        # 70 % of 1.01 ₽ are 70.7 kopecks.
        (Split.PRO_RATA, 101, 71),
    ],
)
async def test_what_was_earned_is_taken_back_by_the_split(
    session: AsyncSession, split: Split, kopecks: int, theirs: int
) -> None:
    stage = await finished(session)
    asked = wish(stage.payment, kopecks, split=split)
    made = await refunds.request(session, stage.anna, asked)
    assert (made.doctor_kopecks, made.split) == (theirs, split)
    held = await books(session, stage)
    assert held.get("doctor", 0) == THEIRS - theirs
    assert held.get("revenue", 0) == OURS - (kopecks - theirs)
    assert held["transit"] == kopecks
    await settle(session)
    await refunds.reject(session, stage.boris, made.id)
    assert await books(session, stage) == VISITED
    assert counters(stage.payment) == (0, 0)
    await settle(session)


async def test_a_second_split_goes_by_what_is_left_of_the_earnings(
    session: AsyncSession,
) -> None:
    stage = await finished(session)
    asked = house(stage.payment, 200_000, destination=WALLET, patient_agreed=True)
    first = await refunds.request(session, stage.anna, asked)
    await approved(session, stage, first)
    rest = wish(stage.payment, 300_000, split=Split.PRO_RATA)
    second = await refunds.request(session, stage.anna, rest)
    # The house is at -50,000 for this visit: the doctor's part is all that is left.
    assert second.doctor_kopecks == 300_000
    held = await books(session, stage)
    assert (held["doctor"], held["revenue"]) == (50_000, -50_000)


async def test_without_a_share_the_house_bears_it(session: AsyncSession) -> None:
    stage = await finished(session)
    for split in (Split.DOCTOR, Split.PRO_RATA):
        await refunding.take_share(session, stage)
        asked = wish(stage.payment, 100_000, split=split)
        made = await refunds.request(session, stage.anna, asked)
        assert made.doctor_kopecks == 0
        await refunds.reject(session, stage.boris, made.id)


async def test_money_goes_back_only_when_the_call_is_over(
    session: AsyncSession,
) -> None:
    for status in (Status.PENDING, Status.EN_ROUTE, Status.IN_PROGRESS):
        stage = await refunding.paid_call(session, status)
        with pytest.raises(IllegalTransition):
            await refunds.request(session, stage.anna, wish(stage.payment, PRICE))


@pytest.mark.parametrize(
    "status", [PaymentStatus.PENDING, PaymentStatus.CANCELED, PaymentStatus.FAILED]
)
async def test_nothing_came_nothing_goes_back(
    session: AsyncSession, status: PaymentStatus
) -> None:
    stage = await finished(session)
    attempt = await money_rows.payment(session, stage.booking, PRICE, status)
    with pytest.raises(IllegalTransition):
        await refunds.request(session, stage.anna, wish(attempt, PRICE))


@pytest.mark.parametrize(
    "kopecks", [0, -1, 1, 99, PRICE - 1, PRICE - 99, PRICE + 1, 2**63]
)
async def test_sums_that_cannot_go_back_are_refused(
    session: AsyncSession, kopecks: int
) -> None:
    stage = await finished(session)
    with pytest.raises(ValidationFailed):
        await refunds.request(session, stage.anna, house(stage.payment, kopecks))
    assert await refunds_of(session, stage.booking) == []


async def test_the_nearest_sum_is_told(session: AsyncSession) -> None:
    stage = await finished(session)
    with use_locale("en"), pytest.raises(ValidationFailed) as refusal:
        await refunds.request(session, stage.anna, house(stage.payment, PRICE - 1))
    told = refusal.value.public_facts["errors"][0]
    assert told == {
        "field": "amount_kopecks",
        "message": "Parts below 1 ₽ cannot be moved. The nearest sum is 5,000\u00a0₽.",
    }


async def test_into_the_wallet_only_if_the_patient_agrees(
    session: AsyncSession,
) -> None:
    stage = await finished(session)
    asked = house(stage.payment, 100_000, destination=WALLET)
    with pytest.raises(ValidationFailed) as refusal:
        await refunds.request(session, stage.anna, asked)
    assert refusal.value.public_facts["errors"][0]["field"] == "patient_agreed"
    agreed = house(stage.payment, 100_000, destination=WALLET, patient_agreed=True)
    made = await refunds.request(session, stage.anna, agreed)
    query = select(AuditEvent).where(col(AuditEvent.object_id) == made.id)
    line = (await session.exec(query)).one()
    assert line.data["patient_agreed"] is True
    assert Doubt.OTHER_MEANS in line.data["doubts"]
    assert counters(stage.payment) == (100_000, 0)


async def test_money_of_a_wallet_goes_back_there_as_its_own_means(
    session: AsyncSession,
) -> None:
    stage = await finished(session, method=PaymentMethod.WALLET)
    asked = house(stage.payment, 100_000)
    made = await refunds.request(session, stage.anna, asked)
    assert made.destination is WALLET
    line = await session.exec(
        select(AuditEvent).where(col(AuditEvent.object_id) == made.id)
    )
    assert line.one().data["doubts"] == [Doubt.NOT_POLICY]
    await approved(session, stage, made)
    assert (await books(session, stage))["wallet"] == 100_000


async def test_a_second_refund_of_the_payment_waits_its_turn(
    session: AsyncSession,
) -> None:
    stage = await finished(session)
    await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    again = house(stage.payment, 100_000)
    with use_locale("en"):
        with pytest.raises(RefundOpen) as refusal:
            await refunds.request(session, stage.boris, again)
        told = refusal.value.message
    # Whose refund it is, of how much, since when and how it stands.
    assert "asked for 1,000\u00a0₽ 0 s ago: waits for a second person." in told
    assert "Петров" in told
    assert refusal.value.status == 409


async def test_of_a_refund_that_the_patient_made_only_the_role_is_told(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session)
    patient = Actor(stage.booking.patient_id, Role.PATIENT, Via.API)
    reason = CancelReason.PATIENT_CHANGED_MIND
    await bookings.cancel(session, patient, stage.booking.id, reason)
    with use_locale("en"):
        with pytest.raises(RefundOpen) as refusal:
            await refunds.request(session, stage.anna, wish(stage.payment, PRICE))
        assert refusal.value.message.startswith("Patient asked for 5,000")


async def test_the_same_form_twice_is_one_refund(session: AsyncSession) -> None:
    stage = await finished(session)
    asked = house(stage.payment, 100_000, request_token="form-1")
    first = await refunds.request(session, stage.anna, asked)
    again = await refunds.request(session, stage.anna, asked)
    assert again is first
    assert len(await refunds_of(session, stage.booking)) == 1
    with pytest.raises(Conflict):
        await refunds.request(session, stage.boris, asked)
    other = await finished(session)
    taken = house(other.payment, 100_000, request_token="form-1")
    with pytest.raises(Conflict):
        await refunds.request(session, stage.anna, taken)
    for bad in ("", "x" * 65):
        wrong = house(other.payment, 100_000, request_token=bad)
        with pytest.raises(ValidationFailed):
            await refunds.request(session, stage.anna, wrong)
    fresh = house(other.payment, 100_000, request_token="form-2")
    assert await refunds.request(session, stage.anna, fresh) is not first


async def test_only_finance_asks_and_nobody_for_themselves(
    session: AsyncSession,
) -> None:
    stage = await finished(session)
    asked = house(stage.payment, 100_000)
    for role in Role:
        if role is Role.FINANCE:
            continue
        stranger = Actor(stage.anna.user_id, role, Via.CONSOLE)
        with pytest.raises(Forbidden):
            await refunds.request(session, stranger, asked)
    myself = Actor(stage.booking.patient_id, Role.FINANCE, Via.CONSOLE)
    with pytest.raises(Forbidden):
        await refunds.request(session, myself, asked)
    nothing = refunding.wish(Payment(id=uuid.uuid4()), 1)
    with pytest.raises(NotFound):
        await refunds.request(session, stage.anna, nothing)
    with pytest.raises(NotFound):
        await refunds.approve(session, stage.anna, uuid.uuid4(), "")


# -- when two are needed ------------------------------------------------------


async def test_why_two_people_are_needed(session: AsyncSession) -> None:
    stage = await stuck(session)
    quote = await refund_quotes.quote(session, stage.booking)

    async def doubts(kopecks: int, where: Destination = ORIGINAL) -> list[Doubt]:
        return await refund_limits.doubts(
            session, stage.anna, stage.payment, quote, kopecks, where
        )

    assert await doubts(PRICE) == []
    assert await doubts(PRICE - 100) == [Doubt.NOT_POLICY]
    assert await doubts(PRICE, WALLET) == [Doubt.OTHER_MEANS]
    assert await doubts(PRICE, MANUAL) == [Doubt.OTHER_MEANS]
    admin = Actor(uuid.uuid4(), Role.ADMIN, Via.CONSOLE)
    await settings.put(session, admin, settings.REFUND_LIMIT, PRICE)
    assert await doubts(PRICE) == []
    await settings.put(session, admin, settings.REFUND_LIMIT, PRICE - 1)
    assert await doubts(PRICE) == [Doubt.OVER_LIMIT]
    await money_rows.refund(session, stage.payment, 100, RefundStatus.FAILED)
    assert await doubts(PRICE) == [Doubt.OVER_LIMIT, Doubt.REPEATED]


async def test_splitting_does_not_get_past_the_limit_of_a_day(
    session: AsyncSession,
) -> None:
    stages = [await stuck(session) for _ in range(4)]
    anna = stages[0].anna
    admin = Actor(uuid.uuid4(), Role.ADMIN, Via.CONSOLE)
    await settings.put(session, admin, settings.REFUND_DAY_LIMIT, 2 * PRICE)
    states = [
        (await refunds.request(session, anna, wish(stage.payment, PRICE))).status
        for stage in stages[:3]
    ]
    assert states == [APPROVED, APPROVED, AWAITING]
    # Another day, another sum; and another person.
    await clock.shift(session, 86_400)
    tomorrow = await refunds.request(session, anna, wish(stages[3].payment, PRICE))
    assert tomorrow.status is APPROVED


async def test_what_was_rejected_does_not_count(session: AsyncSession) -> None:
    stages = [await stuck(session) for _ in range(2)]
    anna, boris = stages[0].anna, stages[0].boris
    admin = Actor(uuid.uuid4(), Role.ADMIN, Via.CONSOLE)
    await settings.put(session, admin, settings.REFUND_DAY_LIMIT, PRICE)
    first = await refunds.request(session, anna, wish(stages[0].payment, PRICE))
    await refunds.reject(session, boris, first.id)
    second = await refunds.request(session, anna, wish(stages[1].payment, PRICE))
    assert second.status is APPROVED


async def test_of_a_surplus_the_whole_is_due(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session)
    double = await money_rows.payment(
        session, stage.booking, PRICE, surplus=Surplus.DOUBLE
    )
    made = await refunds.request(session, stage.anna, wish(double, PRICE))
    assert made.status is APPROVED
    assert made.split is None


# -- approving ----------------------------------------------------------------


async def test_a_second_person_lets_it_go(session: AsyncSession) -> None:
    stage = await finished(session)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    await approved(session, stage, made)
    assert (made.status, made.approved_by) == (APPROVED, stage.boris.user_id)
    assert made.approval_hash == seal(stage, made)
    assert made.approved_at is not None
    assert made.approval_expires_at == made.approved_at + timedelta(hours=24)
    assert await just_now(session, made.approved_at)
    assert await just_now(session, made.next_look_at)
    assert await journal(session, made) == ["requested", "approved"]
    with pytest.raises(IllegalTransition):
        await approved(session, stage, made)
    await settle(session)


async def test_an_approved_refund_into_the_wallet_is_there_at_once(
    session: AsyncSession,
) -> None:
    stage = await finished(session)
    asked = house(stage.payment, 100_000, destination=WALLET, patient_agreed=True)
    made = await refunds.request(session, stage.anna, asked)
    await approved(session, stage, made)
    assert (made.status, made.next_look_at) == (SUCCEEDED, None)
    assert made.succeeded_at == made.ended_at
    assert await just_now(session, made.ended_at)
    held = await books(session, stage)
    assert held == VISITED | {"wallet": 100_000, "revenue": OURS - 100_000}
    assert await journal(session, made) == ["requested", "approved", "succeeded"]
    await settle(session)


async def test_a_bank_transfer_is_two_people_and_a_document(
    session: AsyncSession,
) -> None:
    stage = await stuck(session)
    asked = wish(stage.payment, PRICE, destination=MANUAL)
    made = await refunds.request(session, stage.anna, asked)
    assert made.status is AWAITING
    with pytest.raises(IllegalTransition):
        await refunds.note_transfer(session, stage.anna, made.id, "п/п 17")
    await approved(session, stage, made)
    assert (made.status, made.next_look_at) == (APPROVED, made.approval_expires_at)
    for bad in ("", "  ", "x" * 201):
        with pytest.raises(ValidationFailed):
            await refunds.note_transfer(session, stage.anna, made.id, bad)
    await refunds.note_transfer(session, stage.anna, made.id, "  п/п 17  ")
    assert (made.status, made.document) == (SUCCEEDED, "п/п 17")
    assert await books(session, stage) == {"clearing": PRICE - FEE, "bank": -PRICE}
    assert counters(stage.payment) == (PRICE, PRICE)
    with pytest.raises(IllegalTransition):
        await refunds.note_transfer(session, stage.anna, made.id, "п/п 18")
    await settle(session)


async def test_an_approval_that_ran_out_lets_no_transfer_through(
    session: AsyncSession,
) -> None:
    stage = await stuck(session)
    asked = wish(stage.payment, PRICE, destination=MANUAL)
    made = await refunds.request(session, stage.anna, asked)
    await approved(session, stage, made)
    await clock.shift(session, 24 * 3600)
    with pytest.raises(IllegalTransition):
        await refunds.note_transfer(session, stage.anna, made.id, "п/п 17")
    assert made.status is APPROVED


async def test_no_transfer_of_what_goes_through_the_provider(
    session: AsyncSession,
) -> None:
    stage = await stuck(session)
    made = await refunds.request(session, stage.anna, wish(stage.payment, PRICE))
    with pytest.raises(IllegalTransition):
        await refunds.note_transfer(session, stage.anna, made.id, "п/п 17")


# -- rejecting ----------------------------------------------------------------


async def test_a_rejected_refund_frees_its_money(session: AsyncSession) -> None:
    stage = await stuck(session)
    asked = wish(stage.payment, PRICE, destination=MANUAL)
    made = await refunds.request(session, stage.anna, asked)
    await refunds.reject(session, stage.boris, made.id, Refusal.NOT_DUE)
    assert (made.status, made.rejected_by) == (REJECTED, stage.boris.user_id)
    assert made.failure_code == "not_due"
    assert await just_now(session, made.ended_at)
    assert await books(session, stage) == {"clearing": PRICE - FEE, "prepaid": PRICE}
    assert counters(stage.payment) == (0, 0)
    again = await refunds.request(session, stage.anna, wish(stage.payment, PRICE))
    # It was never sent, so it is no repetition.
    assert again.status is APPROVED
    await settle(session)


async def test_what_the_house_kept_is_taken_back_and_given_again(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.EN_ROUTE)
    patient = Actor(stage.booking.patient_id, Role.PATIENT, Via.API)
    reason = CancelReason.PATIENT_CHANGED_MIND
    await bookings.cancel(session, patient, stage.booking.id, reason)
    first = (await refunds_of(session, stage.booking))[0]
    await refunding.arrived(session, stage, first)
    more = wish(stage.payment, 100_000, reason_code=RefundReason.GOODWILL)
    made = await refunds.request(session, stage.anna, more)
    assert made.status is AWAITING
    held = await books(session, stage)
    assert "kept" not in held
    assert held["transit"] == 100_000
    await refunds.reject(session, stage.boris, made.id)
    assert (await books(session, stage))["kept"] == 100_000
    await settle(session)


async def test_a_claim_takes_the_place_of_what_was_due_by_itself(
    session: AsyncSession,
) -> None:
    """Otherwise its money would wait in a closed call for nobody."""
    stage = await refunding.paid_call(session)
    reason = CancelReason.CLINIC_FAULT
    await bookings.cancel(session, stage.staff, stage.booking.id, reason)
    (by_policy,) = await refunds_of(session, stage.booking)
    late = await refunding.surplus(session, stage, Surplus.LATE)
    too_late = await refunds.give_back(session, SYSTEM, late, RefundOrigin.LATE)
    for made in (by_policy, too_late):
        await refunds.reject(session, stage.boris, made.id)
    (claim,) = (await session.exec(select(RefundClaim))).all()
    assert (claim.status, claim.reason_code) == (
        ClaimStatus.OPEN,
        RefundReason.CANCELLED,
    )
    with pytest.raises(IllegalTransition):
        await refund_claims.decline(session, stage.anna, claim.id, claim.version)
    wishes = [wish(late, PRICE)]
    await refund_claims.accept(session, stage.anna, claim.id, wishes, claim.version)
    # What policy gave and finance refused is the house's once the claim is closed.
    assert (await books(session, stage))["kept"] == PRICE
    await settle(session)


# -- changing -----------------------------------------------------------------


async def test_a_change_makes_the_approval_void(session: AsyncSession) -> None:
    stage = await finished(session)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    await approved(session, stage, made)
    before = seal(stage, made)
    changed = Terms(200_000, ORIGINAL, Split.DOCTOR)
    await refunds.amend(session, stage.anna, made.id, changed)
    assert (made.status, made.approved_by, made.approval_hash) == (
        AWAITING,
        None,
        None,
    )
    assert (made.amount_kopecks, made.split) == (200_000, Split.DOCTOR)
    assert made.doctor_kopecks == 200_000
    assert made.next_look_at is None
    held = await books(session, stage)
    assert held == {
        "clearing": PRICE - FEE,
        "transit": 200_000,
        "doctor": THEIRS - 200_000,
        "revenue": OURS,
    }
    assert counters(stage.payment) == (200_000, 200_000)
    with pytest.raises(StaleVersion):
        await refunds.approve(session, stage.boris, made.id, before)
    await approved(session, stage, made)
    await settle(session)


async def test_a_refund_shrinks_below_what_the_doctor_bore(
    session: AsyncSession,
) -> None:
    stage = await finished(session)
    asked = wish(stage.payment, 300_000, split=Split.DOCTOR)
    made = await refunds.request(session, stage.anna, asked)
    assert made.doctor_kopecks == 300_000
    less = Terms(100_000, ORIGINAL, Split.DOCTOR)
    await refunds.amend(session, stage.anna, made.id, less)
    assert (made.amount_kopecks, made.doctor_kopecks) == (100_000, 100_000)
    assert (await books(session, stage))["doctor"] == THEIRS - 100_000
    await settle(session)


async def test_a_refund_of_one_person_changed_by_hand_needs_two(
    session: AsyncSession,
) -> None:
    stage = await stuck(session)
    made = await refunds.request(session, stage.anna, wish(stage.payment, PRICE))
    assert made.status is APPROVED
    into_wallet = Terms(PRICE, WALLET, patient_agreed=True)
    await refunds.amend(session, stage.anna, made.id, into_wallet)
    assert (made.status, made.needs_approval) == (AWAITING, True)
    assert counters(stage.payment) == (PRICE, 0)
    await refunds.amend(session, stage.anna, made.id, Terms(PRICE, MANUAL))
    assert counters(stage.payment) == (PRICE, PRICE)
    await refunds.reject(session, stage.boris, made.id)
    assert counters(stage.payment) == (0, 0)
    assert (await books(session, stage))["prepaid"] == PRICE
    await settle(session)


async def test_only_who_asked_changes_and_only_before_it_is_sent(
    session: AsyncSession,
) -> None:
    stage = await finished(session)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    changed = Terms(50_000, ORIGINAL, Split.HOUSE)
    with pytest.raises(Forbidden):
        await refunds.amend(session, stage.boris, made.id, changed)
    for bad in (Terms(0, ORIGINAL), Terms(PRICE + 1, ORIGINAL), Terms(9, ORIGINAL)):
        with pytest.raises(ValidationFailed):
            await refunds.amend(session, stage.anna, made.id, bad)
    whole = Terms(PRICE, ORIGINAL, Split.HOUSE)
    await refunds.amend(session, stage.anna, made.id, whole)
    await refunds.reject(session, stage.boris, made.id)
    with pytest.raises(IllegalTransition):
        await refunds.amend(session, stage.anna, made.id, changed)
    await settle(session)


# -- by itself ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("surplus", "origin", "reason"),
    [
        (Surplus.DOUBLE, RefundOrigin.DOUBLE, RefundReason.DOUBLE_PAYMENT),
        (Surplus.LATE, RefundOrigin.LATE, RefundReason.LATE_PAYMENT),
    ],
)
@pytest.mark.parametrize("status", [Status.EN_ROUTE, Status.COMPLETED])
async def test_a_surplus_goes_back_whole_by_itself(
    session: AsyncSession,
    surplus: Surplus,
    origin: RefundOrigin,
    reason: RefundReason,
    status: Status,
) -> None:
    stage = await refunding.paid_call(session, status)
    before = await books(session, stage)
    extra = await refunding.surplus(session, stage, surplus)
    made = await refunds.give_back(session, SYSTEM, extra, origin)
    assert (made.status, made.amount_kopecks) == (APPROVED, PRICE)
    assert (made.origin, made.reason_code) == (origin, reason)
    assert (made.requested_as, made.needs_approval) == ("system", False)
    held = await books(session, stage)
    # Neither what was earned nor what is prepaid for the visit has moved.
    assert held == before | {
        "transit": PRICE,
        "clearing": before["clearing"] + PRICE - FEE,
    }
    await settle(session)


async def test_other_peoples_surplus_pays_nobody_elses_refund(
    session: AsyncSession,
) -> None:
    stage = await finished(session)
    await refunding.surplus(session, stage, Surplus.DOUBLE)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    held = await books(session, stage)
    assert (held["prepaid"], held["revenue"]) == (PRICE, OURS - 100_000)
    assert made.split is Split.HOUSE


async def test_a_clinic_gives_back_what_it_got(session: AsyncSession) -> None:
    stage = await refunding.clinic_visit(session)
    asked = wish(stage.payment, 100_000, split=Split.PRO_RATA)
    made = await refunds.request(session, stage.anna, asked)
    assert made.doctor_kopecks == 70_000
    assert await refunding.clinic_holds(session, stage) == THEIRS - 70_000
    await refunds.reject(session, stage.boris, made.id)
    assert await refunding.clinic_holds(session, stage) == THEIRS
