"""Eight real connections after the same money: one gets it, nothing is spent twice.

A31 of the attacks is here by its name. A hundred rounds each, fewer of the rarer
races; with TOT_PROVE=1 ten times that.
"""

import uuid
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, User
from models.base import uuid7
from models.payment import PaymentMethod
from services import ledger, payment_opening, postings, visit_money, withdrawals
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import transaction
from services.errors import InsufficientFunds, NothingToPay
from services.payment_opening import Wish
from tests import factories
from tests.factories import as_patient
from tests.services.test_races import FEWER, ROUNDS, race, refusals

pytestmark = pytest.mark.race
RIVALS = 8
Act = Callable[[AsyncSession], Awaitable[object]]
BOOKS = """
SELECT (SELECT coalesce(sum(amount_kopecks), 0) FROM ledger_entry),
       (SELECT count(*) FROM ledger_account a WHERE a.guarded AND a.balance_kopecks <> (
          SELECT coalesce(sum(e.amount_kopecks), 0) FROM ledger_entry e
           WHERE e.account_id = a.id)),
       (SELECT count(*) FROM ledger_entry WHERE balance_after_kopecks < 0)
"""


async def patient_with(
    sessions: Sessions, kopecks: int, calls: int
) -> tuple[User, list[Booking]]:
    """Make a patient with so much in the wallet and so many calls to pay for."""
    async with transaction(sessions) as session:
        user = await factories.patient(session)
        made = [await factories.booking(session, user) for _ in range(calls)]
        await give(session, user, made[0], kopecks)
    return user, made


async def give(session: AsyncSession, user: User, call: Booking, kopecks: int) -> None:
    gift = postings.compensated(uuid7(), call.id, user.id, kopecks)
    await ledger.post(session, SYSTEM, gift)


def pay(user: User, call: uuid.UUID) -> Act:
    wish = Wish(PaymentMethod.WALLET)
    return lambda session: payment_opening.begin(session, as_patient(user), call, wish)


def withdraw(user: User, kopecks: int) -> Act:
    return lambda session: withdrawals.request(session, as_patient(user), kopecks)


async def held(sessions: Sessions, user: User) -> int:
    async with sessions() as session:
        return await ledger.balance(session, postings.wallet(user.id))


async def in_order(sessions: Sessions) -> None:
    """The books sum to nothing, caches are true, nothing fell below it."""
    async with sessions() as session:
        assert tuple((await session.execute(sa.text(BOOKS))).one()) == (0, 0, 0)


async def test_a31_money_for_one_call_pays_one_of_eight(sessions: Sessions) -> None:
    price = (await a_call(sessions)).price_kopecks
    for _ in range(ROUNDS):
        user, calls = await patient_with(sessions, price, RIVALS)
        results = await race(sessions, *(pay(user, call.id) for call in calls))
        assert refusals(results) == [InsufficientFunds] * (RIVALS - 1)
        assert await held(sessions, user) == 0
    await in_order(sessions)


async def a_call(sessions: Sessions) -> Booking:
    """A call as the factories make it, for its price."""
    async with transaction(sessions) as session:
        return await factories.booking(session)


async def test_one_call_is_paid_once_however_often_one_clicks(
    sessions: Sessions,
) -> None:
    price = (await a_call(sessions)).price_kopecks
    for _ in range(FEWER):
        user, calls = await patient_with(sessions, RIVALS * price, 1)
        results = await race(sessions, *[pay(user, calls[0].id)] * RIVALS)
        assert refusals(results) == [NothingToPay] * (RIVALS - 1)
        assert await held(sessions, user) == (RIVALS - 1) * price
        async with sessions() as session:
            call = await session.get_one(Booking, calls[0].id)
            assert await visit_money.due(session, call) == 0
    await in_order(sessions)


async def test_a_wallet_is_either_spent_or_withdrawn(sessions: Sessions) -> None:
    price = (await a_call(sessions)).price_kopecks
    for _ in range(FEWER):
        user, calls = await patient_with(sessions, price, 4)
        acts = [pay(user, call.id) for call in calls] + [withdraw(user, price)] * 4
        results = await race(sessions, *acts)
        assert refusals(results) == [InsufficientFunds] * (RIVALS - 1)
        assert await held(sessions, user) == 0
    await in_order(sessions)


async def test_many_patients_at_once_stand_in_no_ones_way(sessions: Sessions) -> None:
    """Eight wallets pay eight calls; each wins, and no lock is waited for."""
    price = (await a_call(sessions)).price_kopecks
    for _ in range(FEWER):
        made = [await patient_with(sessions, price, 1) for _ in range(RIVALS)]

        def impatient(user: User, call: uuid.UUID) -> Act:
            async def act(session: AsyncSession) -> object:
                await session.execute(sa.text("SET LOCAL lock_timeout = '500ms'"))
                return await pay(user, call)(session)

            return act

        acts = [impatient(user, calls[0].id) for user, calls in made]
        assert refusals(await race(sessions, *acts)) == []
    await in_order(sessions)
