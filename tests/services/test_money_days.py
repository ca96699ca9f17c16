"""Days of money: figures made by hand, on both sides of midnight in Moscow."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Role
from models.base import uuid7
from models.payment import PaymentMethod
from models.refund import Destination, RefundOrigin, RefundStatus
from services import clock, ledger, money_days, postings
from services.actor import SYSTEM, SYSTEM_ID, Actor, Via
from services.errors import Forbidden, ValidationFailed
from services.ledger import Move, Posting
from services.money_days import Flow, Period
from tests import factories, money_rows

CARD, SBP, WALLET = PaymentMethod.CARD, PaymentMethod.SBP, PaymentMethod.WALLET
DONE = RefundStatus.SUCCEEDED
FINANCE = Actor(SYSTEM_ID, Role.FINANCE, Via.CONSOLE)
# The last second of a day of Moscow, and the first of the next.
BEFORE = datetime(2031, 3, 9, 20, 59, 59, tzinfo=UTC)
AFTER = datetime(2031, 3, 9, 21, 0, 1, tzinfo=UTC)
NINTH, TENTH = date(2031, 3, 9), date(2031, 3, 10)


async def at(session: AsyncSession, moment: datetime) -> None:
    """Set this transaction's clock."""
    await clock.shift(session, 0)
    ahead = moment - await clock.now(session)
    await clock.shift(session, ahead.total_seconds())


async def paid(
    session: AsyncSession, moment: datetime, amount: int, method: PaymentMethod = CARD
) -> tuple[Booking, Payment]:
    booking = await factories.booking(session)
    await at(session, moment)
    if method is WALLET:
        gift = postings.compensated(uuid7(), booking.id, booking.patient_id, amount)
        await ledger.post(session, SYSTEM, gift)
    payment = await money_rows.payment(session, booking, amount, method=method)
    await clock.shift(session, 0)
    return booking, payment


async def refunded(
    session: AsyncSession,
    moment: datetime,
    payment: Payment,
    amount: int,
    destination: Destination = Destination.ORIGINAL,
    **facts: RefundOrigin,
) -> None:
    await at(session, moment)
    await money_rows.refund(session, payment, amount, DONE, destination, **facts)
    await clock.shift(session, 0)


async def days(
    session: AsyncSession, first: date = NINTH, last: date = TENTH
) -> money_days.Summary:
    await session.flush()
    return await money_days.summary(session, FINANCE, Period(first, last))


async def test_a_second_before_midnight_and_a_second_after_are_two_days(
    session: AsyncSession,
) -> None:
    _, first = await paid(session, BEFORE, 450_000)
    await paid(session, BEFORE, 100_000, SBP)
    await paid(session, AFTER, 70_000)
    await refunded(session, AFTER, first, 360_000)
    seen = await days(session)
    ninth, tenth = seen.days[NINTH], seen.days[TENTH]
    assert ninth.paid == {
        CARD: Flow(1, 450_000),
        SBP: Flow(1, 100_000),
        WALLET: Flow(),
    }
    assert (ninth.came, ninth.back) == (Flow(2, 550_000), Flow())
    assert (tenth.came, tenth.back) == (Flow(1, 70_000), Flow(1, 360_000))
    assert tenth.refunded[CARD] == Flow(1, 360_000)
    assert (ninth.fees, tenth.fees) == (2 * money_rows.FEE, money_rows.FEE)
    assert ninth.net == 550_000 - 2 * money_rows.FEE
    assert tenth.net == 70_000 - 360_000 - money_rows.FEE
    assert seen.total.came == Flow(3, 620_000)
    assert seen.total.net == ninth.net + tenth.net
    assert (await days(session, NINTH, NINTH)).total.came == Flow(2, 550_000)
    assert (await days(session, TENTH, TENTH)).total.came == Flow(1, 70_000)


async def test_the_provider_and_the_books_agree_whatever_went_through_them(
    session: AsyncSession,
) -> None:
    _, card = await paid(session, BEFORE, 450_000)
    _, purse = await paid(session, BEFORE, 90_000, WALLET)
    await refunded(session, BEFORE, card, 100_000)
    await refunded(session, AFTER, card, 50_000, Destination.WALLET)
    await refunded(session, AFTER, card, 30_000, Destination.MANUAL)
    await refunded(session, AFTER, purse, 90_000, Destination.WALLET)
    seen = await days(session)
    ninth, tenth = seen.days[NINTH], seen.days[TENTH]
    assert (ninth.told, ninth.posted) == (350_000, 350_000)
    assert (tenth.told, tenth.posted) == (0, 0)
    assert (ninth.difference, tenth.difference) == (0, 0)
    assert ninth.came == Flow(2, 540_000)
    assert tenth.refunded == {
        CARD: Flow(2, 80_000),
        SBP: Flow(),
        WALLET: Flow(1, 90_000),
    }
    assert seen.held == 350_000 - money_rows.FEE


async def test_a_withdrawal_is_no_second_refund_but_leaves_through_the_provider(
    session: AsyncSession,
) -> None:
    booking, card = await paid(session, BEFORE, 450_000)
    await refunded(session, BEFORE, card, 50_000, Destination.WALLET)
    await money_rows.withdrawal(session, booking.patient_id, 50_000)
    origin = RefundOrigin.WITHDRAWAL
    await refunded(session, AFTER, card, 50_000, origin=origin)
    seen = await days(session)
    assert seen.total.back == Flow(1, 50_000)
    assert (seen.days[TENTH].told, seen.days[TENTH].posted) == (-50_000, -50_000)


async def test_what_is_not_posted_or_posted_too_often_shows(
    session: AsyncSession,
) -> None:
    await paid(session, BEFORE, 450_000)
    await at(session, AFTER)
    move = Move(postings.CLEARING, postings.SUSPENSE, 12_300)
    odd = Posting("test:odd", "payment", "test", None, None, [move])
    await ledger.post(session, SYSTEM, odd)
    seen = await days(session)
    assert (seen.days[NINTH].difference, seen.days[TENTH].difference) == (0, 12_300)
    assert seen.total.difference == 12_300


async def test_what_is_kept_and_what_went_to_the_bank_stand_apart(
    session: AsyncSession,
) -> None:
    booking, payment = await paid(session, BEFORE, 450_000)
    await refunded(session, BEFORE, payment, 360_000)
    await at(session, AFTER)
    kept = postings.kept("cancelled", booking.id, 90_000)
    await ledger.post(session, SYSTEM, kept)
    for key, kopecks in (("one", 440_000), ("two", -360_000)):
        await ledger.post(session, SYSTEM, postings.settled(key, kopecks))
    seen = await days(session)
    assert (seen.days[NINTH].kept, seen.days[TENTH].kept) == (0, 90_000)
    assert seen.days[TENTH].transferred == 80_000
    assert seen.days[TENTH].difference == 0
    assert seen.held == 450_000 - 360_000 - money_rows.FEE - 80_000


async def test_days_without_money_are_there_too(session: AsyncSession) -> None:
    seen = await days(session, date(2031, 3, 1), date(2031, 3, 5))
    assert [each.day for each in seen.days] == [1, 2, 3, 4, 5]
    assert all(each.came == Flow() and not each.net for each in seen.days.values())


async def test_only_finance_adds_up_the_days(session: AsyncSession) -> None:
    for role in (Role.DISPATCHER, Role.ADMIN, Role.CURATOR, Role.DOCTOR):
        other = Actor(SYSTEM_ID, role, Via.CONSOLE)
        with pytest.raises(Forbidden):
            await money_days.summary(session, other, Period(NINTH, TENTH))


class TestPeriod:
    """What may be asked for."""

    def test_thirty_days_unless_something_else_is_said(self) -> None:
        assert money_days.period(TENTH, None, None) == Period(date(2031, 2, 9), TENTH)
        assert money_days.period(TENTH, NINTH, None) == Period(NINTH, TENTH)
        until = money_days.period(TENTH, None, NINTH)
        assert until == Period(date(2031, 2, 8), NINTH)
        assert len(until.days) == 30

    @pytest.mark.parametrize(
        ("first", "last", "field"),
        [
            (NINTH, TENTH + timedelta(days=1), "to"),
            (TENTH, NINTH, "from"),
            (TENTH - timedelta(days=366), TENTH, "from"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, first: date, last: date, field: str
    ) -> None:
        with pytest.raises(ValidationFailed) as refused:
            money_days.period(TENTH, first, last)
        assert [each["field"] for each in refused.value.facts["errors"]] == [field]

    def test_a_year_and_a_day_of_a_leap_year_is_the_most(self) -> None:
        whole = money_days.period(TENTH, TENTH - timedelta(days=365), TENTH)
        assert len(whole.days) == money_days.MOST_DAYS
