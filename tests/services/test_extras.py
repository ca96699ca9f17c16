"""Extra services: from the list only, and well above the quote only by consent."""

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Booking, BookingItem, Notification, Role, User
from models.booking import Status
from models.booking_words import ExtraConsent
from models.payment import PaymentState
from services import extras, postings, settings, visit_money
from services.errors import (
    Forbidden,
    IllegalTransition,
    NotFound,
    ValidationFailed,
)
from services.tariffs import TariffInput, publish
from tests import earning, factories, money_rows
from tests.conftest import settle
from tests.earning import PRICE, held
from tests.factories import as_doctor, as_patient, as_staff

A_FIFTH = PRICE // 5


async def finance(session: AsyncSession, user: User | None = None):
    person = user or await factories.person(session, Role.FINANCE)
    return as_staff(person, Role.FINANCE)


async def awaiting(session: AsyncSession) -> tuple[Booking, User, User]:
    """Give a finished visit whose extras wait, with its patient and doctor."""
    booking, doctor = await earning.visit(session)
    await earning.complete(session, booking, A_FIFTH, 1)
    await settle(session)
    return booking, await session.get_one(User, booking.patient_id), doctor


class TestTheThreshold:
    """More than a fifth above the quote is asked about."""

    @pytest.mark.parametrize(
        ("prices", "consent"),
        [
            ((), None),
            ((1,), None),
            ((A_FIFTH,), None),
            ((A_FIFTH - 1, 1), None),
            ((A_FIFTH + 1,), ExtraConsent.AWAITED),
            ((A_FIFTH, 1), ExtraConsent.AWAITED),
        ],
    )
    async def test_exactly_a_fifth_needs_no_consent(
        self,
        session: AsyncSession,
        prices: tuple[int, ...],
        consent: ExtraConsent | None,
    ) -> None:
        booking, _ = await earning.visit(session)
        await earning.complete(session, booking, *prices)
        assert booking.extras_kopecks == sum(prices)
        assert booking.extra_consent is consent
        charged = PRICE if consent else PRICE + sum(prices)
        assert await held(session, postings.receivable(booking.id)) == [charged]

    async def test_the_share_is_a_setting(self, session: AsyncSession) -> None:
        admin = as_staff(await factories.person(session, Role.ADMIN), Role.ADMIN)
        await settings.put(session, admin, settings.EXTRAS_CONSENT_PERCENT, 0)
        booking, _ = await earning.visit(session)
        await earning.complete(session, booking, 1)
        assert booking.extra_consent is ExtraConsent.AWAITED

    async def test_nothing_above_a_free_visit_goes_unasked(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session, price=0)
        await earning.complete(session, booking, 1)
        assert booking.extra_consent is ExtraConsent.AWAITED
        assert await visit_money.due(session, booking) == 0

    async def test_the_vat_code_is_that_of_the_day(self, session: AsyncSession) -> None:
        booking, _ = await earning.visit(session)
        await earning.complete(session, booking, 100, vat_code=11)
        query = select(BookingItem).where(col(BookingItem.booking_id) == booking.id)
        assert (await session.exec(query)).one().vat_code == 11


class TestConsent:
    """The patient agrees, or finance lets it go; once."""

    async def test_the_patient_is_told_the_sum_and_nothing_medical(
        self, session: AsyncSession
    ) -> None:
        booking, patient, _ = await awaiting(session)
        query = select(Notification).where(
            col(Notification.kind) == "extras_await_consent"
        )
        notice = (await session.exec(query)).one()
        assert notice.booking_id == booking.id
        assert (notice.kind, notice.user_id) == ("extras_await_consent", patient.id)
        assert notice.facts == {"call": booking.label, "amount": "900,01\u00a0₽"}

    async def test_agreed_extras_are_charged_and_earned(
        self, session: AsyncSession
    ) -> None:
        booking, patient, doctor = await awaiting(session)
        version = booking.version
        assert await visit_money.due(session, booking) == PRICE
        await extras.agree(session, as_patient(patient), booking.id)
        await settle(session)
        assert booking.extra_consent is ExtraConsent.AGREED
        assert booking.version == version
        whole = PRICE + A_FIFTH + 1
        assert await visit_money.due(session, booking) == whole
        assert await held(session, postings.doctor(doctor.id)) == [378_001]
        query = select(AuditEvent).where(col(AuditEvent.action) == "extras.agreed")
        assert (await session.exec(query)).one().actor_id == patient.id

    async def test_a_paid_visit_becomes_unpaid_by_the_extras_alone(
        self, session: AsyncSession
    ) -> None:
        booking, patient, _ = await awaiting(session)
        await money_rows.payment(session, booking, PRICE)
        assert await visit_money.due(session, booking) == 0
        await extras.agree(session, as_patient(patient), booking.id)
        assert await visit_money.due(session, booking) == A_FIFTH + 1
        money = (await visit_money.money_of(session, [booking.id]))[booking.id]
        assert money.payment_state is PaymentState.UNPAID

    async def test_later_extras_go_by_the_tariff_of_the_visit(
        self, session: AsyncSession
    ) -> None:
        booking, patient, doctor = await awaiting(session)
        new = TariffInput(share_points=0, doctor_id=doctor.id)
        await publish(session, await finance(session), new)
        await extras.agree(session, as_patient(patient), booking.id)
        assert await held(session, postings.doctor(doctor.id)) == [378_001]

    async def test_waived_extras_cost_nobody_anything(
        self, session: AsyncSession
    ) -> None:
        booking, _, doctor = await awaiting(session)
        actor = await finance(session)
        with pytest.raises(ValidationFailed):
            await extras.waive(session, actor, booking.id, " ")
        await extras.waive(session, actor, booking.id, "Врач не предупредил")
        assert booking.extra_consent is ExtraConsent.WAIVED
        assert await visit_money.due(session, booking) == PRICE
        assert await held(session, postings.doctor(doctor.id)) == [315_000]

    async def test_what_is_decided_stays_decided(self, session: AsyncSession) -> None:
        booking, patient, _ = await awaiting(session)
        actor = await finance(session)
        await extras.agree(session, as_patient(patient), booking.id)
        with pytest.raises(IllegalTransition):
            await extras.agree(session, as_patient(patient), booking.id)
        with pytest.raises(IllegalTransition):
            await extras.waive(session, actor, booking.id, "x")

    async def test_a_call_without_any_has_nothing_to_agree_to(
        self, session: AsyncSession
    ) -> None:
        booking, _ = await earning.visit(session, Status.PENDING)
        patient = await session.get_one(User, booking.patient_id)
        with pytest.raises(IllegalTransition):
            await extras.agree(session, as_patient(patient), booking.id)

    async def test_only_the_patient_agrees_and_only_finance_waives(
        self, session: AsyncSession
    ) -> None:
        booking, patient, doctor = await awaiting(session)
        stranger = as_patient(await factories.patient(session))
        with pytest.raises(NotFound):
            await extras.agree(session, stranger, booking.id)
        staff = as_staff(await factories.dispatcher(session))
        for actor in (as_doctor(doctor), staff, await finance(session)):
            with pytest.raises(Forbidden):
                await extras.agree(session, actor, booking.id)
        for actor in (as_doctor(doctor), staff, as_patient(patient)):
            with pytest.raises(Forbidden):
                await extras.waive(session, actor, booking.id, "x")
        own = await finance(session, patient)
        with pytest.raises(Forbidden):
            await extras.waive(session, own, booking.id, "x")
