"""What somebody would try with refunds: twice, too much, elsewhere, and alone.

The names are those of the list of attacks (A31-A40).
"""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentMethod, PaymentStatus
from models.refund import Destination, RefundStatus, Split
from models.role_grant import Role
from services import (
    bookings,
    clock,
    ledger,
    postings,
    refund_outcomes,
    refunds,
    withdrawals,
)
from services.actor import SYSTEM, Actor, Via
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.errors import (
    DomainError,
    Forbidden,
    IllegalTransition,
    InsufficientFunds,
    RefundOpen,
    StaleVersion,
    ValidationFailed,
)
from services.gateways.yookassa_outcomes import Done
from services.refund_imports import Verdict
from services.refund_terms import Terms
from tests import factories, money_rows, refunding
from tests.conftest import settle
from tests.refunding import (
    PRICE,
    Stage,
    books,
    counters,
    house,
    provider_refund,
    refunds_of,
    seal,
    wish,
)

AWAITING = RefundStatus.AWAITING_APPROVAL
WALLET, MANUAL = Destination.WALLET, Destination.MANUAL
EIGHT = range(8)


async def committed(sessions: Sessions, status: Status) -> Stage:
    async with transaction(sessions) as session:
        return await refunding.paid_call(session, status)


# -- A31: the same money of a wallet, twice ------------------------------------


async def test_a31_eight_withdrawals_of_money_for_one(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        stage = await refunding.paid_call(session, Status.COMPLETED)
        await refunding.fill(session, stage.booking, PRICE)
    patient = Actor(stage.booking.patient_id, Role.PATIENT, Via.API)

    async def take() -> object:
        try:
            return await in_transaction(
                sessions, lambda own: withdrawals.request(own, patient, PRICE)
            )
        except DomainError as refusal:
            return type(refusal)

    ends = await asyncio.gather(*(take() for _ in EIGHT))
    assert sorted(map(str, ends))[:7] == [str(InsufficientFunds)] * 7
    async with transaction(sessions) as session:
        held = await books(session, stage)
    assert (held["transit"], "wallet" in held) == (PRICE, False)


# -- A32: twice, or more than was paid ----------------------------------------


async def test_a32_the_same_refund_twice(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    asked = house(stage.payment, PRICE)
    made = await refunds.request(session, stage.anna, asked)
    with pytest.raises(RefundOpen):
        await refunds.request(session, stage.boris, asked)
    await refunds.approve(session, stage.boris, made.id, seal(stage, made))
    await refunding.arrived(session, stage, made)
    with pytest.raises(ValidationFailed):
        await refunds.request(session, stage.anna, asked)
    assert counters(stage.payment) == (PRICE, PRICE)


async def test_a32_more_than_was_paid(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    with pytest.raises(ValidationFailed):
        await refunds.request(session, stage.anna, house(stage.payment, PRICE + 1))
    # In parts, of which the last one is too much.
    agreed = house(stage.payment, 300_000, destination=WALLET, patient_agreed=True)
    first = await refunds.request(session, stage.anna, agreed)
    await refunds.approve(session, stage.boris, first.id, seal(stage, first))
    with pytest.raises(ValidationFailed):
        await refunds.request(session, stage.anna, house(stage.payment, 300_000))
    second = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    more = Terms(300_000, Destination.ORIGINAL, Split.HOUSE)
    with pytest.raises(ValidationFailed):
        await refunds.amend(session, stage.anna, second.id, more)
    assert counters(stage.payment) == (400_000, 100_000)


async def test_a32_past_the_services_the_database_refuses(
    session: AsyncSession,
) -> None:
    """Were the code wrong: counters, the open refund and prepaid each say no."""
    stage = await refunding.paid_call(session)
    over = sa.text(
        "UPDATE payment SET refunded_or_reserved_kopecks = captured_kopecks + 1"
        " WHERE id = :id"
    )
    with pytest.raises(IntegrityError):
        async with session.begin_nested():
            await session.execute(over, {"id": stage.payment.id})
    await money_rows.refund(session, stage.payment, 100, AWAITING)
    with pytest.raises(IntegrityError):
        async with session.begin_nested():
            await money_rows.refund(session, stage.payment, 100, AWAITING)
    await session.refresh(stage.payment)
    posting = postings.reserved(factories.nobody(), stage.booking.id, PRICE)
    with pytest.raises(InsufficientFunds):
        await ledger.post(session, SYSTEM, posting)


async def test_a32_eight_refunds_made_there_of_money_for_five(
    sessions: Sessions,
) -> None:
    """Racing notices of refunds made at the provider never take more than was paid."""
    stage = await committed(sessions, Status.COMPLETED)
    raws = [provider_refund(stage, await _of(100_000), metadata={}) for _ in EIGHT]

    async def take(raw: dict[str, object]) -> Verdict:
        return await in_transaction(
            sessions,
            lambda own: refund_outcomes.take(own, SYSTEM, Done(raw), "test"),
        )

    verdicts = await asyncio.gather(*(take(raw) for raw in raws))
    assert sorted(verdicts) == [Verdict.IMPORTED] * 5 + [Verdict.QUARANTINED] * 3
    async with transaction(sessions) as session:
        held = await books(session, stage)
        made = await refunds_of(session, stage.booking)
    assert sum(each.amount_kopecks for each in made) == PRICE
    assert "transit" not in held


async def _of(kopecks: int) -> "refunding.Refund":
    return refunding.Refund(id=factories.nobody(), amount_kopecks=kopecks)


# -- A33: what was spent, another means, nothing captured ----------------------


async def test_a33_money_of_the_wallet_that_was_spent(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    agreed = house(stage.payment, 200_000, destination=WALLET, patient_agreed=True)
    made = await refunds.request(session, stage.anna, agreed)
    await refunds.approve(session, stage.boris, made.id, seal(stage, made))
    user = await session.get_one(User, stage.booking.patient_id)
    other = await factories.booking(session, user)
    await money_rows.payment(session, other, 200_000, method=PaymentMethod.WALLET)
    with pytest.raises(InsufficientFunds):
        await withdrawals.request(session, factories.as_patient(user), 200_000)
    # Nor does the card give it once more: it went into the wallet.
    with pytest.raises(ValidationFailed):
        await refunds.request(session, stage.anna, house(stage.payment, 400_000))


async def test_a33_another_means_needs_a_second_person_and_the_patient(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.IN_PROGRESS)
    reason = CancelReason.CLINIC_FAULT
    await bookings.cancel(session, stage.staff, stage.booking.id, reason)
    into_wallet = wish(stage.payment, PRICE, destination=WALLET)
    with pytest.raises(ValidationFailed):
        await refunds.request(session, stage.anna, into_wallet)
    agreed = wish(stage.payment, PRICE, destination=WALLET, patient_agreed=True)
    made = await refunds.request(session, stage.anna, agreed)
    assert made.status is AWAITING
    await refunds.amend(session, stage.anna, made.id, Terms(PRICE, MANUAL))
    assert made.status is AWAITING
    assert "wallet" not in await books(session, stage)


@pytest.mark.parametrize("status", [s for s in PaymentStatus if s != "succeeded"])
async def test_a33_a_payment_that_never_came(
    session: AsyncSession, status: PaymentStatus
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    attempt = await money_rows.payment(session, stage.booking, PRICE, status)
    with pytest.raises(IllegalTransition):
        await refunds.request(session, stage.anna, house(attempt, PRICE))


# -- A36: the rounding pump ----------------------------------------------------


async def test_a36_many_small_refunds_make_up_the_whole(session: AsyncSession) -> None:
    """Whoever bears them, all parts together are what was paid and earned."""
    stage = await refunding.paid_call(
        session, Status.COMPLETED, method=PaymentMethod.WALLET
    )
    left, theirs = PRICE, 0
    for turn in range(1, 40):
        kopecks = left if turn == 39 else 101 * turn + turn % 7
        asked = wish(stage.payment, kopecks, split=Split.PRO_RATA)
        made = await refunds.request(session, stage.anna, asked)
        await refunds.approve(session, stage.boris, made.id, seal(stage, made))
        left -= kopecks
        theirs += made.doctor_kopecks or 0
        held = await books(session, stage)
        assert held["wallet"] == PRICE - left
        # The doctor bears seventy of a hundred, never off by more than a kopeck.
        assert abs(10 * theirs - 7 * (PRICE - left)) <= 10
    assert (left, theirs) == (0, refunding.THEIRS)
    assert await books(session, stage) == {"wallet": PRICE}
    await settle(session)


# -- A40: four eyes ------------------------------------------------------------


async def test_a40_nobody_approves_what_they_asked_for(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    with pytest.raises(Forbidden):
        await refunds.approve(session, stage.anna, made.id, seal(stage, made))
    themselves = sa.text(
        "UPDATE refund SET status = 'approved', approved_by = requested_by,"
        " approval_hash = 'x' WHERE id = :id"
    )
    with pytest.raises(IntegrityError):
        async with session.begin_nested():
            await session.execute(themselves, {"id": made.id})
    nobody = sa.text("UPDATE refund SET status = 'sending' WHERE id = :id")
    with pytest.raises(IntegrityError):
        async with session.begin_nested():
            await session.execute(nobody, {"id": made.id})
    assert made.status is AWAITING


async def test_a40_an_approval_is_for_what_was_seen(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    seen = seal(stage, made)
    for changed in (
        Terms(400_000, Destination.ORIGINAL, Split.HOUSE),
        Terms(100_000, MANUAL, Split.HOUSE),
        Terms(100_000, Destination.ORIGINAL, Split.DOCTOR),
    ):
        await refunds.amend(session, stage.anna, made.id, changed)
        with pytest.raises(StaleVersion):
            await refunds.approve(session, stage.boris, made.id, seen)
    for guess in ("", "x", seen.upper()):
        with pytest.raises(StaleVersion):
            await refunds.approve(session, stage.boris, made.id, guess)
    assert made.status is AWAITING


async def test_a40_a_change_after_the_approval_needs_a_new_one(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    await refunds.approve(session, stage.boris, made.id, seal(stage, made))
    dearer = Terms(400_000, Destination.ORIGINAL, Split.HOUSE)
    await refunds.amend(session, stage.anna, made.id, dearer)
    assert (made.status, made.approved_by) == (AWAITING, None)
    # Not even back to what it was, nor by the second person's own hand.
    before = Terms(100_000, Destination.ORIGINAL, Split.HOUSE)
    await refunds.amend(session, stage.anna, made.id, before)
    assert made.status is AWAITING
    with pytest.raises(Forbidden):
        await refunds.amend(session, stage.boris, made.id, dearer)


@pytest.mark.parametrize("role", [each for each in Role if each is not Role.FINANCE])
async def test_a40_who_is_not_of_finance_any_more_approves_nothing(
    session: AsyncSession, role: Role
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    former = Actor(stage.boris.user_id, role, Via.CONSOLE)
    with pytest.raises(Forbidden):
        await refunds.approve(session, former, made.id, seal(stage, made))
    with pytest.raises(Forbidden):
        await refunds.reject(session, former, made.id)


async def test_a40_whoever_gets_the_money_decides_nothing(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    payer = Actor(stage.booking.patient_id, Role.FINANCE, Via.CONSOLE)
    terms = Terms(100_000, MANUAL, Split.HOUSE)
    for act in (
        refunds.approve(session, payer, made.id, seal(stage, made)),
        refunds.reject(session, payer, made.id),
        refunds.amend(session, payer, made.id, terms),
        refunds.note_transfer(session, payer, made.id, "п/п"),
        refunds.close_unknown(session, payer, made.id),
        refunds.request(session, payer, house(stage.payment, 100_000)),
    ):
        with pytest.raises(Forbidden):
            await act


async def test_a40_an_old_approval_is_none(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    asked = house(stage.payment, 100_000, destination=MANUAL)
    made = await refunds.request(session, stage.anna, asked)
    await refunds.approve(session, stage.boris, made.id, seal(stage, made))
    await clock.shift(session, 25 * 3600)
    with pytest.raises(IllegalTransition):
        await refunds.note_transfer(session, stage.anna, made.id, "п/п 1")
