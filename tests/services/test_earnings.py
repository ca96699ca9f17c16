"""What a finished visit brings to whom, whether or not it has been paid."""

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Role
from models.booking import Status
from models.payment import PaymentStatus, Surplus
from models.refund import RefundStatus
from services import assignments, bookings, earnings, postings, tariffs, visits
from services.errors import Forbidden
from services.pages import Wanted
from services.tariffs import TariffInput
from tests import earning, factories, money_rows
from tests.conftest import settle
from tests.earning import PRICE, held
from tests.factories import as_clinic, as_doctor, as_patient, as_staff

REVENUE = postings.REVENUE


async def test_an_unpaid_visit_is_earned_and_owed(session: AsyncSession) -> None:
    booking, doctor = await earning.visit(session)
    before = await held(session, REVENUE)
    await earning.complete(session, booking)
    await settle(session)
    owed, theirs = postings.receivable(booking.id), postings.doctor(doctor.id)
    assert await held(session, owed, theirs) == [PRICE, 315_000]
    assert (await held(session, REVENUE))[0] - before[0] == 135_000


async def test_what_is_prepaid_settles_in_the_same_journal(
    session: AsyncSession,
) -> None:
    booking, doctor = await earning.visit(session)
    await money_rows.payment(session, booking, PRICE)
    await earning.complete(session, booking)
    await settle(session)
    assert await held(
        session,
        postings.prepaid(booking.id),
        postings.receivable(booking.id),
        postings.doctor(doctor.id),
    ) == [0, 0, 315_000]


async def test_a_part_that_went_back_before_is_owed_again(
    session: AsyncSession,
) -> None:
    booking, _ = await earning.visit(session)
    paid = await money_rows.payment(session, booking, PRICE)
    await money_rows.refund(session, paid, 50_000, RefundStatus.SUCCEEDED)
    await earning.complete(session, booking)
    assert await held(
        session, postings.prepaid(booking.id), postings.receivable(booking.id)
    ) == [0, 50_000]


async def test_an_open_attempt_stays_open(session: AsyncSession) -> None:
    booking, _ = await earning.visit(session)
    waits = await money_rows.payment(session, booking, PRICE, PaymentStatus.PENDING)
    await earning.complete(session, booking)
    await session.refresh(waits)
    assert waits.is_open
    assert await held(session, postings.receivable(booking.id)) == [PRICE]


async def test_money_that_came_twice_pays_for_no_extras(session: AsyncSession) -> None:
    """The bank did not take the second payment back; it is still its payer's."""
    booking, _ = await earning.visit(session)
    await money_rows.payment(session, booking, PRICE)
    twice = await money_rows.payment(session, booking, PRICE, surplus=Surplus.DOUBLE)
    await money_rows.refund(session, twice, PRICE, RefundStatus.FAILED)
    await earning.complete(session, booking, 60_000)
    assert await held(
        session, postings.prepaid(booking.id), postings.receivable(booking.id)
    ) == [PRICE, 60_000]


async def test_a_free_visit_posts_nothing(session: AsyncSession) -> None:
    booking, doctor = await earning.visit(session, price=0)
    await earning.complete(session, booking)
    await settle(session)
    owed, theirs = postings.receivable(booking.id), postings.doctor(doctor.id)
    assert await held(session, owed, theirs) == [0, 0]
    _, page = await earnings.own(session, as_doctor(doctor), Wanted())
    assert page.items == []


async def test_a_clinics_visit_is_earned_by_the_clinic(session: AsyncSession) -> None:
    clinic = await factories.clinic(session)
    doctor = await factories.doctor(session, profile={"clinic_id": clinic.id})
    made, _ = await earning.visit(session, Status.PENDING)
    dispatcher = as_staff(await factories.dispatcher(session))
    await bookings.hand_to_clinic(session, dispatcher, made.id, clinic.id, None)
    manager = as_clinic(await factories.clinic_manager(session, clinic))
    await assignments.assign(session, manager, made.id, doctor.id, made.version)
    await visits.start(session, as_doctor(doctor), made.id)
    await earning.complete(session, made)
    assert await held(
        session, postings.clinic(clinic.id), postings.doctor(doctor.id)
    ) == [315_000, 0]


async def test_the_tariff_of_the_moment_counts(session: AsyncSession) -> None:
    finance = as_staff(await factories.person(session, Role.FINANCE), Role.FINANCE)
    booking, doctor = await earning.visit(session)
    new = TariffInput(share_points=5000, fixed_kopecks=10_001, doctor_id=doctor.id)
    await tariffs.publish(session, finance, new)
    await earning.complete(session, booking)
    new = TariffInput(share_points=0, doctor_id=doctor.id)
    await tariffs.publish(session, finance, new)
    assert await held(session, postings.doctor(doctor.id)) == [235_001]


class TestOwnEarnings:
    """A doctor reads the balance and the lines that made it up."""

    async def test_lines_come_newest_first_in_pages(
        self, session: AsyncSession
    ) -> None:
        booking, doctor = await earning.visit(session)
        await earning.complete(session, booking)
        await earning.paid_out(session)
        second, _ = await earning.visit(session, doctor=doctor)
        await earning.complete(session, second)
        balance, page = await earnings.own(session, as_doctor(doctor), Wanted(2))
        assert balance == 315_000
        assert [(each.kind, each.amount_kopecks) for each in page.items] == [
            ("earned", 315_000),
            ("payout", -315_000),
        ]
        assert page.items[0].booking_number == second.label
        assert (page.items[1].booking_id, page.items[1].booking_number) == (None, None)
        assert page.items[0].balance_after_kopecks is None
        rest = Wanted(2, page.next)
        _, last = await earnings.own(session, as_doctor(doctor), rest)
        assert [each.booking_id for each in last.items] == [booking.id]
        assert last.next is None

    async def test_a_doctor_without_any_has_nothing(
        self, session: AsyncSession
    ) -> None:
        doctor = as_doctor(await factories.doctor(session))
        balance, page = await earnings.own(session, doctor, Wanted())
        assert (balance, page.items) == (0, [])

    async def test_nobody_else_reads_them(self, session: AsyncSession) -> None:
        user = await factories.patient(session)
        for actor in (as_patient(user), as_staff(user)):
            with pytest.raises(Forbidden):
                await earnings.own(session, actor, Wanted())


async def test_completing_twice_posts_once(session: AsyncSession) -> None:
    booking, doctor = await earning.visit(session)
    await earning.complete(session, booking)
    await earnings.post_visit(session, as_doctor(doctor), booking)
    assert await held(session, postings.doctor(doctor.id)) == [315_000]
