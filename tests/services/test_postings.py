"""Every recipe with its legs written by hand, and random days of all of them."""

import asyncio
import inspect
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel.ext.asyncio.session import AsyncSession

from services import ledger, postings
from services.actor import SYSTEM
from services.errors import InsufficientFunds, LedgerConflict
from services.ledger import Posting
from tests import factories
from tests.conftest import settle

EXAMPLES = 400 if os.environ.get("TOT_PROVE") else 25
IT, BOOKING, USER, OTHER = (uuid.UUID(int=each) for each in (1, 2, 3, 4))
WALLET, OTHERS = f"wallet:{USER}", f"wallet:{OTHER}"
PREPAID, OWED = f"visit_prepaid:{BOOKING}", f"visit_receivable:{BOOKING}"
DOCTOR, CLINIC = f"doctor_payable:{USER}", f"clinic_payable:{OTHER}"
CLEARING, BANK, TRANSIT = "psp_clearing", "bank", "refund_in_transit"
HOUSE = "revenue_service"

Legs = dict[str, int]
# What is posted, its key, its legs. Debits are negative: money into our own accounts
# (clearing, bank, what a visit owes us) and out of what we owe others.
RECIPES: dict[str, tuple[Posting, str, Legs]] = {
    "paid ahead": (
        postings.paid(IT, BOOKING, postings.CLEARING, 0, 450_000),
        f"payment:{IT}:succeeded",
        {CLEARING: -450_000, PREPAID: 450_000},
    ),
    "paid after the visit": (
        postings.paid(IT, BOOKING, postings.CLEARING, 450_000, 0),
        f"payment:{IT}:succeeded",
        {CLEARING: -450_000, OWED: 450_000},
    ),
    "paid more than is owed": (
        postings.paid(IT, BOOKING, postings.CLEARING, 300, 200),
        f"payment:{IT}:succeeded",
        {CLEARING: -500, OWED: 300, PREPAID: 200},
    ),
    "paid from the wallet": (
        postings.paid(IT, BOOKING, postings.wallet(USER), 0, 700),
        f"payment:{IT}:succeeded",
        {WALLET: -700, PREPAID: 700},
    ),
    "fee": (
        postings.fee(IT, BOOKING, 15_750),
        f"payment:{IT}:fee",
        {"expense_psp_fee": -15_750, CLEARING: 15_750},
    ),
    "earned, nothing prepaid": (
        postings.earned("completed", BOOKING, postings.doctor(USER), 700, 300, 0),
        f"booking:{BOOKING}:completed",
        {OWED: -1000, DOCTOR: 700, HOUSE: 300},
    ),
    "earned, half prepaid": (
        postings.earned("completed", BOOKING, postings.doctor(USER), 700, 300, 500),
        f"booking:{BOOKING}:completed",
        {OWED: -500, PREPAID: -500, DOCTOR: 700, HOUSE: 300},
    ),
    "earned, all prepaid": (
        postings.earned("completed", BOOKING, postings.clinic(OTHER), 700, 300, 1000),
        f"booking:{BOOKING}:completed",
        {PREPAID: -1000, CLINIC: 700, HOUSE: 300},
    ),
    "kept": (
        postings.kept("cancelled", BOOKING, 100_000),
        f"booking:{BOOKING}:kept:cancelled",
        {PREPAID: -100_000, "revenue_cancellation": 100_000},
    ),
    "reserved before the visit": (
        postings.reserved(IT, BOOKING, 600),
        f"refund:{IT}:reserved",
        {PREPAID: -600, TRANSIT: 600},
    ),
    "reserved after the visit": (
        postings.reserved(IT, BOOKING, 600, (postings.doctor(USER), 420, 180)),
        f"refund:{IT}:reserved",
        {DOCTOR: -420, HOUSE: -180, TRANSIT: 600},
    ),
    "reserved, partly from what was prepaid": (
        postings.reserved(IT, BOOKING, 600, (postings.doctor(USER), 100, 200)),
        f"refund:{IT}:reserved",
        {DOCTOR: -100, HOUSE: -200, PREPAID: -300, TRANSIT: 600},
    ),
    "reserved anew, after a change": (
        postings.reserved(IT, BOOKING, 500, None, ":2"),
        f"refund:{IT}:reserved:2",
        {PREPAID: -500, TRANSIT: 500},
    ),
    "refunded through the provider": (
        postings.refunded(IT, BOOKING, postings.CLEARING, 600),
        f"refund:{IT}:succeeded",
        {TRANSIT: -600, CLEARING: 600},
    ),
    "refunded to the wallet": (
        postings.refunded(IT, BOOKING, postings.wallet(USER), 600),
        f"refund:{IT}:succeeded",
        {TRANSIT: -600, WALLET: 600},
    ),
    "released before the visit": (
        postings.released(IT, BOOKING, 600),
        f"refund:{IT}:released",
        {TRANSIT: -600, PREPAID: 600},
    ),
    "released after the visit": (
        postings.released(IT, BOOKING, 600, (postings.doctor(USER), 420, 180)),
        f"refund:{IT}:released",
        {TRANSIT: -600, DOCTOR: 420, HOUSE: 180},
    ),
    "released, to be reserved anew": (
        postings.released(IT, BOOKING, 600, None, ":2"),
        f"refund:{IT}:released:2",
        {TRANSIT: -600, PREPAID: 600},
    ),
    "compensated": (
        postings.compensated(IT, BOOKING, USER, 50_000),
        f"compensation:{IT}",
        {"expense_compensation": -50_000, WALLET: 50_000},
    ),
    "withdrawn": (
        postings.withdrawn(IT, USER, 900),
        f"withdrawal:{IT}:reserved",
        {WALLET: -900, TRANSIT: 900},
    ),
    "withdrawal_transferred": (
        postings.withdrawal_transferred(IT, 400),
        f"withdrawal:{IT}:transferred",
        {TRANSIT: -400, BANK: 400},
    ),
    "withdrawal_returned": (
        postings.withdrawal_returned(IT, USER, 900),
        f"withdrawal:{IT}:returned",
        {TRANSIT: -900, WALLET: 900},
    ),
    "merged": (
        postings.merged(USER, OTHER, 80),
        f"wallet:{USER}:merged",
        {WALLET: -80, OTHERS: 80},
    ),
    "paid_out": (
        postings.paid_out(IT, BOOKING, postings.doctor(USER), 7000),
        f"payout:{IT}:paid",
        {DOCTOR: -7000, BANK: 7000},
    ),
    "payout_reversed": (
        postings.payout_reversed(IT, BOOKING, postings.doctor(USER), 7000),
        f"payout:{IT}:reversed",
        {BANK: -7000, DOCTOR: 7000},
    ),
    "settled": (
        postings.settled("2026-12-01", 434_250),
        "settlement:2026-12-01",
        {BANK: -434_250, CLEARING: 434_250},
    ),
    "settled, kept back for a refund": (
        postings.settled("2026-12-02", -500),
        "settlement:2026-12-02",
        {CLEARING: -500, BANK: 500},
    ),
}


@pytest.mark.parametrize("name", RECIPES)
def test_legs_and_key_are_as_written_by_hand(name: str) -> None:
    posting, key, legs = RECIPES[name]
    assert {account.code: kop for account, kop in posting.legs().items()} == legs
    assert posting.key == key
    assert sum(legs.values()) == 0
    assert len(legs) >= 2


def recipes() -> Iterator[tuple[str, Callable[..., Posting]]]:
    for name, made in inspect.getmembers(postings, inspect.isfunction):
        ours = made.__module__ == postings.__name__ and not name.startswith("_")
        if ours and inspect.signature(made).return_annotation is Posting:
            yield name, made


def test_every_recipe_stands_in_the_table() -> None:
    told = {name.split()[0].rstrip(",") for name in RECIPES}
    assert told == {name for name, _ in recipes()}


def filled(made: Callable[..., Posting], **facts: Any) -> Posting:
    """Call a recipe with something fit for each of its parameters."""
    fit: dict[str, Any] = {
        "key": "key",
        "payee": postings.doctor(USER),
        "source": postings.BANK,
        "target": postings.BANK,
        "unwound": None,
        "version": "",
    }
    values = {}
    for name, parameter in inspect.signature(made).parameters.items():
        if parameter.annotation is int:
            values[name] = facts.get(name, 1)
        elif parameter.annotation is uuid.UUID:
            values[name] = facts.get(name, uuid.uuid5(IT, name))
        else:
            values[name] = facts.get(name, fit[name])
    return made(**values)


@pytest.mark.parametrize(("name", "made"), list(recipes()))
def test_no_recipe_takes_a_negative_sum(
    name: str, made: Callable[..., Posting]
) -> None:
    """But the provider may keep back more than it transfers."""
    if made is postings.settled:
        return
    parameters = inspect.signature(made).parameters
    sums = [each for each, of in parameters.items() if of.annotation is int]
    assert sums
    for each in sums:
        with pytest.raises(ValueError, match="-1 kopecks cannot move"):
            filled(made, **{each: -1}).legs()
    if "unwound" in parameters:
        for unwound in ((postings.doctor(USER), -1, 0), (postings.doctor(USER), 0, -1)):
            with pytest.raises(ValueError, match="-1 kopecks cannot move"):
                filled(made, unwound=unwound).legs()


def test_each_thing_that_happens_has_a_key_of_its_own() -> None:
    keys = [filled(made).key for _, made in recipes()]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("name", "made"), list(recipes()))
def test_the_same_thing_has_the_same_key_whatever_the_sum(
    name: str, made: Callable[..., Posting]
) -> None:
    parameters = inspect.signature(made).parameters
    others = {each: 7 for each, of in parameters.items() if of.annotation is int}
    assert filled(made).key == filled(made, **others).key
    another = {"key": "another", next(iter(parameters)): uuid.uuid5(OTHER, "x")}
    if next(iter(parameters)) == "key":
        another = {"key": "another"}
    assert filled(made).key != filled(made, **another).key


def test_a_release_undoes_its_reservation_to_the_kopeck() -> None:
    for unwound in (None, (postings.doctor(USER), 33, 67)):
        taken = postings.reserved(IT, BOOKING, 100, unwound).legs()
        given_back = postings.released(IT, BOOKING, 100, unwound).legs()
        assert given_back == {account: -kop for account, kop in taken.items()}


def test_who_may_be_paid_in_more_ways_is_not_mixed_up() -> None:
    codes = {
        each(USER).code
        for each in (
            *(postings.wallet, postings.prepaid, postings.receivable),
            *(postings.doctor, postings.clinic),
        )
    }
    assert len(codes) == 5


# -- random days --------------------------------------------------------------

SUMS = """
SELECT a.code, a.balance_kopecks, coalesce(sum(e.amount_kopecks), 0)::bigint,
       coalesce(min(e.balance_after_kopecks), 0), a.version, count(e.id)
  FROM ledger_account a LEFT JOIN ledger_entry e ON e.account_id = a.id
 GROUP BY a.id
"""
sums = st.integers(0, 300)
two = st.integers(0, 1)
unwound = st.none() | st.tuples(sums, sums)


class Day:
    """Two patients, two calls, two doctors; whatever happens, in any order."""

    def __init__(self, bookings: list[uuid.UUID], users: list[uuid.UUID]) -> None:
        self.bookings, self.users = bookings, users

    def posting(self, what: int, who: int, event: int, a: int, b: int) -> Posting:
        """Make the posting; the same event is always the same posting."""
        booking, user = self.bookings[who], self.users[who]
        it = uuid.uuid5(IT, f"{event}")
        doctor, owed = postings.doctor(self.users[1 - who]), b if b % 2 else 0
        recipes: list[Callable[[], Posting]] = [
            lambda: postings.paid(it, booking, postings.CLEARING, owed, a),
            lambda: postings.paid(it, booking, postings.CLEARING, owed, a),
            lambda: postings.paid(it, booking, postings.wallet(user), owed, a),
            lambda: postings.fee(it, booking, a),
            lambda: postings.earned(f"{it}", booking, doctor, a, b, min(a, owed)),
            lambda: postings.kept(f"{it}", booking, a),
            lambda: postings.reserved(it, booking, a),
            lambda: postings.reserved(it, booking, a + b, (doctor, a, b)),
            lambda: postings.refunded(it, booking, postings.CLEARING, a),
            lambda: postings.refunded(it, booking, postings.wallet(user), a),
            lambda: postings.released(it, booking, a + b, (doctor, a, b)),
            lambda: postings.compensated(it, booking, user, a),
            lambda: postings.withdrawn(it, user, a),
            lambda: postings.withdrawal_transferred(it, a),
            lambda: postings.withdrawal_returned(it, user, a),
            lambda: postings.merged(user, self.users[1 - who], a),
            lambda: postings.paid_out(it, it, doctor, a),
            lambda: postings.payout_reversed(it, it, doctor, a),
            lambda: postings.settled(f"{it}", a),
        ]
        return recipes[what % len(recipes)]()


steps = st.lists(
    st.tuples(st.integers(0, 18), two, st.integers(0, 10**6), sums, sums),
    min_size=1,
    max_size=20,
)


async def attempt(session: AsyncSession, posting: Posting) -> bool:
    try:
        async with session.begin_nested():
            return await ledger.post(session, SYSTEM, posting)
    except (InsufficientFunds, LedgerConflict):
        return False


async def balances(session: AsyncSession) -> dict[str, int]:
    """The sums of all accounts, after a look at what must hold for each."""
    held = {}
    for code, cached, total, lowest, version, legs in await session.execute(
        sa.text(SUMS)
    ):
        held[code] = total
        if cached is not None:
            assert (cached, version) == (total, legs), code
            assert min(lowest, cached) >= 0, code
    assert sum(held.values()) == 0
    return held


async def live(session: AsyncSession, day: Day, plan: list[Any]) -> None:
    expected = await balances(session)
    posted: list[Posting] = []
    for place, step in enumerate(plan):
        posting = day.posting(*step[:2], place, *step[3:])
        if await attempt(session, posting):
            posted.append(posting)
            for account, amount in posting.legs().items():
                expected[account.code] = expected.get(account.code, 0) + amount
        # And something that happened already is told again.
        if posted:
            assert not await attempt(session, posted[step[2] % len(posted)])
    await settle(session)
    found = await balances(session)
    assert {code: kop for code, kop in found.items() if kop} == {
        code: kop for code, kop in expected.items() if kop
    }


def test_whatever_happens_the_books_are_right(database_url: str) -> None:
    """Σ is nothing, caches are true, nothing guarded falls below it, replays do nothing."""

    async def one(plan: list[Any]) -> None:
        async with stage.begin_nested() as trial:
            await live(stage, day, plan)
            await trial.rollback()

    async def opened() -> tuple[Any, Any, AsyncSession, Day]:
        # The queue has a schema of its own, as the application's connections know.
        paths = {"options": "-c search_path=public,jobs -c timezone=UTC"}
        engine = create_async_engine(
            database_url, poolclass=NullPool, connect_args=paths
        )
        connection = await engine.connect()
        await connection.begin()
        session = AsyncSession(
            bind=connection,
            join_transaction_mode="create_savepoint",
            expire_on_commit=False,
        )
        calls = [await factories.booking(session) for _ in range(2)]
        await settle(session)
        known = [[call.id for call in calls], [call.patient_id for call in calls]]
        return engine, connection, session, Day(*known)

    async def closed() -> None:
        await stage.close()
        await connection.close()
        await engine.dispose()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not os.environ.get("TOT_PROVE"),
    )
    @given(steps)
    def days(plan: list[Any]) -> None:
        runner.run(one(plan))

    with asyncio.Runner() as runner:
        engine, connection, stage, day = runner.run(opened())
        try:
            days()
        finally:
            runner.run(closed())
