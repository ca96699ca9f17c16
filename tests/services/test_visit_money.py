"""What a call costs, what is paid of it and what is still owed."""

from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentState, PaymentStatus
from models.refund import RefundStatus
from services import booking_reads, bookings, visit_money
from services.visit_money import Money
from tests import earning, factories, money_rows
from tests.conftest import settle
from tests.earning import PRICE
from tests.factories import as_patient, as_staff


async def test_an_untouched_call_owes_its_price(session: AsyncSession) -> None:
    booking, _ = await earning.visit(session, Status.PENDING)
    assert await visit_money.due(session, booking) == PRICE
    money = await visit_money.money_of(session, [booking.id])
    assert money == {booking.id: Money(PRICE)}


async def test_what_is_prepaid_is_owed_no_more(session: AsyncSession) -> None:
    booking, _ = await earning.visit(session, Status.PENDING)
    paid = await money_rows.payment(session, booking, PRICE)
    assert await visit_money.due(session, booking) == 0
    refund = await money_rows.refund(session, paid, 50_000, RefundStatus.APPROVED)
    assert await visit_money.due(session, booking) == 50_000
    money = (await visit_money.money_of(session, [booking.id]))[booking.id]
    assert (money.captured, money.in_flight, money.paid) == (PRICE, 50_000, PRICE)
    assert money.payment_state is PaymentState.REFUND_PENDING
    assert refund.booking_id == booking.id


async def test_more_than_the_price_is_never_owed_back(session: AsyncSession) -> None:
    booking, _ = await earning.visit(session, Status.PENDING)
    await money_rows.payment(session, booking, PRICE + 1)
    assert await visit_money.due(session, booking) == 0


async def test_a_payment_that_waits_is_not_counted(session: AsyncSession) -> None:
    booking, _ = await earning.visit(session, Status.PENDING)
    await money_rows.payment(session, booking, PRICE, PaymentStatus.PENDING)
    assert await visit_money.due(session, booking) == PRICE
    money = (await visit_money.money_of(session, [booking.id]))[booking.id]
    assert (money.paid, money.payment_state) == (0, PaymentState.PENDING)


async def test_a_cancelled_call_owes_nothing(session: AsyncSession) -> None:
    booking, _ = await earning.visit(session, Status.PENDING)
    staff = as_staff(await factories.dispatcher(session))
    await bookings.cancel(session, staff, booking.id, CancelReason.NO_DOCTOR)
    assert await visit_money.due(session, booking) == 0


async def test_a_finished_visit_owes_what_was_not_paid(session: AsyncSession) -> None:
    booking, _ = await earning.visit(session)
    await money_rows.payment(session, booking, 400_000)
    await earning.complete(session, booking, 60_000)
    await settle(session)
    assert booking.total_kopecks == PRICE + 60_000
    assert await visit_money.due(session, booking) == 110_000
    await money_rows.payment(session, booking, 110_000)
    assert await visit_money.due(session, booking) == 0
    money = (await visit_money.money_of(session, [booking.id]))[booking.id]
    assert money == Money(
        PRICE + 60_000, PRICE + 60_000, 0, 0, PRICE + 60_000, PaymentState.PAID
    )


async def test_the_patient_reads_the_sums_with_the_call(session: AsyncSession) -> None:
    booking, _ = await earning.visit(session, Status.PENDING)
    await money_rows.payment(session, booking, PRICE)
    patient = await session.get_one(User, booking.patient_id)
    view = await booking_reads.patient_booking(session, as_patient(patient), booking.id)
    assert view.money is not None
    assert (view.money.paid, view.money.payment_state) == (PRICE, PaymentState.PAID)
