"""Money in flight stands in the way of erasing and blocking; settled money does not."""

import uuid
from collections.abc import Awaitable, Callable

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, RefundClaim, Role, Setting, User
from models.base import uuid7
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentStatus
from models.refund import ClaimStatus, RefundReason, RefundStatus
from models.withdrawal import WithdrawalStatus
from services import (
    anonymising,
    bookings,
    claims,
    clock,
    erasure,
    export_money,
    ledger,
    open_money,
    postings,
    retention,
    settings,
    staff,
)
from services.actor import SYSTEM
from services.errors import OpenObligations
from services.i18n import use_locale
from tests import earning, factories, money_rows
from tests.conftest import settle
from tests.earning import PRICE, held
from tests.factories import as_staff

Opened = Callable[[AsyncSession, Booking], Awaitable[object]]


async def closed_call(session: AsyncSession) -> tuple[Booking, User]:
    """Give a cancelled call that nobody paid, with its patient."""
    booking, _ = await earning.visit(session, Status.PENDING)
    dispatcher = as_staff(await factories.dispatcher(session))
    await bookings.cancel(session, dispatcher, booking.id, CancelReason.NO_DOCTOR)
    return booking, await session.get_one(User, booking.patient_id)


async def _payment(session: AsyncSession, booking: Booking) -> None:
    await money_rows.payment(session, booking, PRICE, PaymentStatus.UNKNOWN)


async def _refund(session: AsyncSession, booking: Booking) -> None:
    paid = await money_rows.payment(session, booking, PRICE)
    await money_rows.refund(session, paid, PRICE, RefundStatus.UNKNOWN)


async def _claim(session: AsyncSession, booking: Booking) -> RefundClaim:
    made = RefundClaim(
        booking_id=booking.id,
        opened_by=booking.patient_id,
        opened_as="patient",
        reason_code=RefundReason.POOR_SERVICE,
        comment="Секретная жалоба",
    )
    session.add(made)
    await session.flush()
    return made


async def _fill(session: AsyncSession, booking: Booking) -> None:
    posting = postings.compensated(uuid7(), booking.id, booking.patient_id, 100)
    await ledger.post(session, SYSTEM, posting)


async def _withdrawal(session: AsyncSession, booking: Booking) -> None:
    await _fill(session, booking)
    await money_rows.withdrawal(session, booking.patient_id, 100)


OPEN: dict[str, Opened] = {
    "a payment under way": _payment,
    "a refund under way": _refund,
    "a request for a refund": _claim,
    "a withdrawal under way": _withdrawal,
    "money in the wallet": _fill,
}


@pytest.mark.parametrize("what", OPEN)
async def test_open_money_stands_in_the_way(session: AsyncSession, what: str) -> None:
    booking, patient = await closed_call(session)
    await open_money.demand_none(session, [patient.id])
    await OPEN[what](session, booking)
    await settle(session)
    admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
    with use_locale("en"):
        for refused in (
            staff.block(session, admin, patient.id, "мешает"),
            erasure.demand_free(session, [patient.id]),
        ):
            with pytest.raises(OpenObligations) as caught:
                await refused
            assert caught.value.message == f"Money stands in the way: {what}."
    assert patient.blocked_at is None
    stranger = await factories.patient(session)
    await open_money.demand_none(session, [stranger.id])


async def test_settled_money_stands_in_nobodys_way(session: AsyncSession) -> None:
    booking, patient = await closed_call(session)
    await money_rows.payment(session, booking, PRICE, PaymentStatus.CANCELED)
    paid = await money_rows.payment(session, booking, PRICE)
    await money_rows.refund(session, paid, PRICE, RefundStatus.SUCCEEDED)
    claim = await _claim(session, booking)
    claim.status, claim.decided_at = ClaimStatus.DECLINED, await clock.now(session)
    await _fill(session, booking)
    await money_rows.withdrawal(
        session,
        patient.id,
        100,
        status=WithdrawalStatus.DONE,
        approved_by=uuid7(),
        manual_kopecks=100,
    )
    await settle(session)
    await open_money.demand_none(session, [patient.id], earnings=True)


async def test_a_doctor_is_paid_out_first(session: AsyncSession) -> None:
    booking, doctor = await earning.visit(session)
    await earning.complete(session, booking)
    await open_money.demand_none(session, [doctor.id])
    with pytest.raises(OpenObligations):
        await erasure.demand_free(session, [doctor.id])
    await earning.paid_out(session)
    await erasure.demand_free(session, [doctor.id])


async def test_a_debt_of_a_doctor_is_open_too(session: AsyncSession) -> None:
    booking, doctor = await earning.visit(session)
    paid = await money_rows.payment(session, booking, PRICE)
    await earning.complete(session, booking)
    await earning.paid_out(session)
    unwound = (postings.doctor(doctor.id), 100, 0)
    await money_rows.refund(session, paid, 100, RefundStatus.SUCCEEDED, unwound=unwound)
    with pytest.raises(OpenObligations):
        await erasure.demand_free(session, [doctor.id])


async def test_extras_that_may_still_be_earned_are_open(session: AsyncSession) -> None:
    booking, doctor = await earning.visit(session)
    await earning.complete(session, booking, PRICE)
    await earning.paid_out(session)
    with pytest.raises(OpenObligations):
        await erasure.demand_free(session, [doctor.id])


async def test_the_nightly_erasure_passes_over_money(session: AsyncSession) -> None:
    session.add(Setting(key=settings.KEEP_SILENT_ACCOUNTS, value=10))
    kept, gone = await closed_call(session), await closed_call(session)
    await _fill(session, kept[0])
    expected = gone[1].id
    await clock.shift(session, 11 * 86_400)
    assert await retention.silent_accounts(session) == 1
    query = select(User.id).where(col(User.erased_at).is_not(None))
    assert (await session.exec(query)).all() == [expected]


async def test_an_erasure_keeps_the_rows_and_drops_the_words(
    session: AsyncSession,
) -> None:
    booking, patient = await closed_call(session)
    paid = await money_rows.payment(
        session, booking, PRICE, return_url="https://example.org/?name=secret"
    )
    claim, prepaid = await _claim(session, booking), postings.prepaid(booking.id)
    await anonymising.empty(
        session,
        [patient.id],
        actor_id=patient.id,
        acting_as="patient",
        via="api",
    )
    await session.refresh(paid)
    await session.refresh(claim)
    assert (paid.amount_kopecks, paid.return_url) == (PRICE, None)
    assert (claim.reason_code, claim.comment) == (RefundReason.POOR_SERVICE, None)
    assert await held(session, prepaid) == [PRICE]


async def test_a_claim_of_a_phone_account_brings_its_money(
    session: AsyncSession,
) -> None:
    booking, old = await closed_call(session)
    old.email = None
    paid = await money_rows.payment(session, booking, PRICE)
    await money_rows.refund(session, paid, PRICE, RefundStatus.APPROVED)
    await _fill(session, booking)
    new = await factories.patient(session, phone=None)
    await session.flush()
    phone = old.phone or ""
    await claims.take_over(session, factories.as_patient(new), new, phone)
    await settle(session)
    assert await held(session, postings.wallet(old.id), postings.wallet(new.id)) == [
        0,
        100,
    ]
    await session.refresh(paid)
    assert paid.payer_id == new.id
    await open_money.demand_none(session, [old.id])
    with pytest.raises(OpenObligations):
        await open_money.demand_none(session, [new.id])


async def test_the_export_holds_all_of_ones_money(session: AsyncSession) -> None:
    booking, doctor = await earning.visit(session)
    patient = await session.get_one(User, booking.patient_id)
    paid = await money_rows.payment(session, booking, PRICE, method_title="МИР *4477")
    await earning.complete(session, booking)
    await money_rows.refund(
        session,
        paid,
        100,
        RefundStatus.SUCCEEDED,
        unwound=(postings.doctor(doctor.id), 100, 0),
    )
    await _claim(session, booking)
    await _withdrawal(session, booking)
    found = await export_money.tables(session, [patient.id])
    assert {name: len(rows) for name, rows in found.items()} == {
        "payments": 1,
        "refunds": 1,
        "refund_requests": 1,
        "withdrawals": 1,
        "wallet": 2,
        "earnings": 0,
    }
    assert found["payments"][0]["number"] == booking.label
    assert found["payments"][0]["method_title"] == "МИР *4477"
    assert [each["amount_kopecks"] for each in found["wallet"]] == [100, -100]
    theirs = await export_money.tables(session, [doctor.id])
    assert [each["amount_kopecks"] for each in theirs["earnings"]] == [315_000, -100]
    assert theirs["payments"] == []
    nothing = await export_money.tables(session, [uuid.uuid4()])
    assert not any(nothing.values())
