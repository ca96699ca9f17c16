"""A day of money by the real verbs and the real provider: no rule is broken at any step."""

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlmodel import col

from models import Booking, Payment, Receipt, Refund, User
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentStatus, Surplus
from models.refund import Destination, RefundReason, RefundStatus, Split
from models.role_grant import Role
from services import (
    bookings,
    compensations,
    invariant_watch,
    invariants,
    ledger,
    postings,
    recon,
    refund_sending,
    refunds,
    withdrawals,
)
from services.actor import Actor
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.refund_terms import Terms, Wish
from tests import factories
from tests.earning import paid_out
from tests.paying import CARD, SBP, WALLET, look, opened, paid_through, sent
from tests.yookassa_server import YooKassa, yookassa

ENDED = {RefundStatus.SUCCEEDED, RefundStatus.FAILED, RefundStatus.REJECTED}
PRICE = 450_000


@pytest.fixture
def provider(settings: Settings) -> Iterator[YooKassa]:
    receipts = {"yookassa_receipts": True, "yookassa_receipt_email": "a@example.org"}
    with (
        yookassa(refund_s=0, fiscalization=True) as running,
        paid_through(running, settings, **receipts),
    ):
        yield running


class Day:
    """The people of the day, and its steps; every step ends with sound books."""

    def __init__(self, sessions: Sessions, provider: YooKassa) -> None:
        self.sessions, self.provider = sessions, provider

    async def begin(self) -> None:
        async with transaction(self.sessions) as session:
            await factories.price(session, price_kopecks=PRICE)
            self.doctor = await factories.doctor(session)
            self.dispatcher = await factories.dispatcher(session)
            self.patient = await factories.patient(session)
            people = [await factories.person(session, Role.FINANCE) for _ in range(2)]
        self.anna, self.boris = (
            factories.as_staff(each, Role.FINANCE) for each in people
        )

    async def sound(self) -> None:
        async with transaction(self.sessions) as session:
            found = await invariants.check(session)
        assert list(map(str, found)) == []

    async def call(self, status: Status = Status.PENDING) -> Booking:
        async with transaction(self.sessions) as session:
            return await factories.booking_in(
                session,
                status,
                by=self.patient,
                doctor=self.doctor,
                dispatcher=self.dispatcher,
            )

    async def paid(self, booking: Booking) -> Payment:
        payment = await sent(self.sessions, booking, CARD)
        self.provider.pay(str(payment.provider_id))
        return await look(self.sessions, payment)

    async def cancelled(self, booking: Booking) -> None:
        async with transaction(self.sessions) as session:
            staff = factories.as_staff(self.dispatcher)
            await bookings.cancel(session, staff, booking.id, CancelReason.NO_DOCTOR)

    async def sending(self) -> None:
        """Send every refund that may go, and follow it to its end."""
        for _ in range(3):
            await self.sound()
            for refund in await self.refunds():
                if refund.status not in ENDED:
                    await self._due(refund.id)
                    await refund_sending.send(self.sessions, refund.id)
        await self.sound()

    async def _due(self, refund_id: uuid.UUID) -> None:
        async with transaction(self.sessions) as session:
            await session.execute(
                sa.text("UPDATE refund SET next_look_at = app_now() WHERE id = :id"),
                {"id": refund_id},
            )

    async def refunds(self) -> list[Refund]:
        async with transaction(self.sessions) as session:
            query = sa.select(Refund).order_by(col(Refund.created_at))
            return list(await session.scalars(query))

    async def asked_back(self, payment: Payment, kopecks: int) -> None:
        """One of finance asks after a visit, the other agrees."""
        terms = Terms(kopecks, Destination.ORIGINAL, Split.PRO_RATA)
        wish = Wish(payment.id, terms, RefundReason.POOR_SERVICE)
        async with transaction(self.sessions) as session:
            refund = await refunds.request(session, self.anna, wish)
        await self.sound()
        async with transaction(self.sessions) as session:
            row = await session.get_one(Payment, payment.id)
            seen = refunds.refund_approvals.seal(refund, row)
            await refunds.approve(session, self.boris, refund.id, seen)
        await self.sending()

    @property
    def payer(self) -> Actor:
        return factories.as_patient(self.patient)


async def test_no_step_of_a_day_of_money_breaks_a_rule(
    sessions: Sessions, provider: YooKassa
) -> None:
    day = Day(sessions, provider)
    await day.begin()
    # Prepaid, visited, and a part given back by two people.
    visit = await day.call(Status.IN_PROGRESS)
    payment = await day.paid(visit)
    assert payment.status is PaymentStatus.SUCCEEDED
    await day.sound()
    async with transaction(sessions) as session:
        doctor = await session.get_one(User, day.doctor.id)
        await factories.PATH[Status.COMPLETED][-1](session, visit, doctor)
    await day.sound()
    async with transaction(sessions) as session:
        closing = (await session.scalars(sa.select(Receipt))).all()
    assert "closing" in {each.kind.value for each in closing}
    await day.asked_back(payment, 100_000)
    # Paid after the visit.
    await day.paid(await day.call(Status.COMPLETED))
    await day.sound()
    # Paid and cancelled: policy gives it back by itself.
    dropped = await day.call()
    await day.paid(dropped)
    await day.cancelled(dropped)
    await day.sending()
    # Paid twice, by two ways at once; and paid after the cancellation.
    twice = await day.call()
    first = await sent(sessions, twice, CARD)
    second = await sent(sessions, twice, SBP)
    for each in (first, second):
        provider.pay(str(each.provider_id))
        await look(sessions, each)
    await day.sending()
    late = await day.call()
    pending = await sent(sessions, late, CARD)
    await day.cancelled(late)
    provider.pay(str(pending.provider_id))
    assert (await look(sessions, pending)).surplus is Surplus.LATE
    await day.sending()
    # Given back in the provider's cabinet.
    provider.cabinet_refund(str(first.provider_id), 50_000)
    await recon.hourly(sessions)
    await day.sound()
    # The wallet is filled, pays, gets its money back, and is emptied by hand.
    async with transaction(sessions) as session:
        await compensations.credit(
            session, day.anna, visit.id, PRICE, "Опоздание", uuid.uuid4()
        )
    await day.sound()
    by_wallet = await day.call()
    await opened(sessions, by_wallet, WALLET)
    await day.sound()
    await day.cancelled(by_wallet)
    await day.sending()
    async with transaction(sessions) as session:
        asked = await withdrawals.request(session, day.payer, 200_000)
    await day.sound()
    async with transaction(sessions) as session:
        row = await withdrawals.prepare(session, day.anna, asked.id, asked.version)
    async with transaction(sessions) as session:
        await withdrawals.approve(session, day.boris, asked.id, row.version)
    await day.sending()
    async with transaction(sessions) as session:
        await withdrawals.transfer(session, day.anna, asked.id, "ПП-7")
    await day.sound()
    # The doctor is paid.
    async with transaction(sessions) as session:
        await paid_out(session)
    await day.sound()
    assert {each.status for each in await day.refunds()} == {RefundStatus.SUCCEEDED}
    assert await invariant_watch.watch(sessions) == 0
    told = provider.totals()
    async with transaction(sessions) as session:
        held = await ledger.balance(session, postings.CLEARING)
    assert held == told["captured"] - told["refunded"] - told["fees"]
