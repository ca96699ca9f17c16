"""The ledger's promises: once, balanced, never below nothing, and in no one's way."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import uuid7
from models.ledger import GUARDED, NATURE, OWNED, AccountKind, Nature, sign_of
from services import ledger, postings
from services.actor import SYSTEM
from services.config import Settings
from services.database import Sessions, make_engine, make_sessions
from services.edges import in_transaction
from services.errors import InsufficientFunds, LedgerConflict
from services.ledger import Account, Move, Posting
from tests.conftest import settle

BANK, CLEARING = postings.BANK, postings.CLEARING


def moved(source: Account, target: Account, kopecks: int, key: str = "") -> Posting:
    """One move of money that no visit is part of."""
    key = key or f"test:{uuid7()}"
    return Posting(key, "test", "test", None, None, [Move(source, target, kopecks)])


def a_wallet() -> Account:
    return postings.wallet(uuid7())


async def filled(session: AsyncSession, kopecks: int) -> Account:
    made = a_wallet()
    await ledger.post(session, SYSTEM, moved(CLEARING, made, kopecks))
    return made


async def counts(session: AsyncSession) -> tuple[int, ...]:
    found = await session.execute(
        sa.text(
            "SELECT (SELECT count(*) FROM ledger_journal),"
            " (SELECT count(*) FROM ledger_entry)"
        )
    )
    return tuple(found.one())


class TestPosting:
    """What one posting writes."""

    async def test_each_leg_and_the_balance_after_it(
        self, session: AsyncSession
    ) -> None:
        user, booking = uuid7(), uuid7()
        wallet, prepaid = postings.wallet(user), postings.prepaid(booking)
        assert await ledger.post(session, SYSTEM, moved(CLEARING, wallet, 700))
        assert await ledger.post(session, SYSTEM, moved(wallet, prepaid, 300, "second"))
        await settle(session)
        rows = await session.execute(
            sa.text(
                "SELECT a.code, e.amount_kopecks, e.balance_after_kopecks"
                " FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id"
                " JOIN ledger_journal j ON j.id = e.journal_id"
                " WHERE j.idem_key = 'second' ORDER BY 2"
            )
        )
        assert [tuple(row) for row in rows] == [
            (f"wallet:{user}", -300, 400),
            (f"visit_prepaid:{booking}", 300, 300),
        ]

    async def test_the_journal_says_why_and_who(self, session: AsyncSession) -> None:
        posting = Posting(
            "key", "kind", "ref", uuid7(), None, [Move(BANK, CLEARING, 5)]
        )
        await ledger.post(session, SYSTEM, posting)
        row = (
            await session.execute(
                sa.text(
                    "SELECT kind, ref_type, ref_id, booking_id, actor_id, acting_as,"
                    " via, request_hash FROM ledger_journal WHERE idem_key = 'key'"
                )
            )
        ).one()
        assert tuple(row) == (
            *("kind", "ref", posting.ref_id, None, SYSTEM.user_id, "system", "job"),
            posting.fingerprint(),
        )

    async def test_moves_between_the_same_accounts_become_one_leg_each(
        self, session: AsyncSession
    ) -> None:
        wallet = a_wallet()
        moves = [Move(BANK, wallet, 70), Move(wallet, CLEARING, 20)]
        posting = Posting("key", "test", "test", None, None, moves)
        assert posting.legs() == {BANK: -70, wallet: 50, CLEARING: 20}
        assert await ledger.post(session, SYSTEM, posting)
        await settle(session)
        assert await ledger.balance(session, wallet) == 50

    async def test_what_comes_to_nothing_is_not_written(
        self, session: AsyncSession
    ) -> None:
        before = await counts(session)
        there_and_back = [Move(BANK, CLEARING, 7), Move(CLEARING, BANK, 7)]
        for moves in ([], [Move(BANK, CLEARING, 0)], there_and_back):
            posting = Posting("key", "test", "test", None, None, moves)
            assert not await ledger.post(session, SYSTEM, posting)
        assert await counts(session) == before

    def test_a_negative_move_is_a_mistake_of_the_program(self) -> None:
        with pytest.raises(ValueError, match="-5 kopecks cannot move"):
            moved(BANK, CLEARING, -5).legs()

    @pytest.mark.parametrize(
        ("kind", "owner"), [(AccountKind.WALLET, None), (AccountKind.BANK, "somebody")]
    )
    def test_an_account_has_an_owner_exactly_if_its_kind_has(
        self, kind: AccountKind, owner: str | None
    ) -> None:
        account = Account(kind, uuid7() if owner else None)
        with pytest.raises(ValueError, match=kind.value):
            assert account.code


class TestBalances:
    """What an account holds, as people read it."""

    async def test_assets_and_expenses_grow_by_debits(
        self, session: AsyncSession
    ) -> None:
        clearing = await ledger.balance(session, CLEARING)
        fee = await ledger.balance(session, postings.FEE)
        wallet = await filled(session, 1000)
        await ledger.post(session, SYSTEM, moved(postings.FEE, CLEARING, 30))
        assert await ledger.balance(session, wallet) == 1000
        assert await ledger.balance(session, CLEARING) == clearing + 970
        assert await ledger.balance(session, postings.FEE) == fee + 30

    async def test_an_account_that_is_not_there_holds_nothing(
        self, session: AsyncSession
    ) -> None:
        assert await ledger.balance(session, a_wallet()) == 0
        assert await ledger.balance(session, postings.doctor(uuid7())) == 0

    async def test_an_unguarded_account_may_be_a_debt(
        self, session: AsyncSession
    ) -> None:
        doctor = postings.doctor(uuid7())
        await ledger.post(session, SYSTEM, moved(doctor, BANK, 250))
        await settle(session)
        assert await ledger.balance(session, doctor) == -250

    async def test_a_snapshot_stands_for_all_before_it(
        self, session: AsyncSession
    ) -> None:
        doctor = postings.doctor(uuid7())
        await ledger.post(session, SYSTEM, moved(BANK, doctor, 100))
        await session.execute(
            sa.text(
                "INSERT INTO ledger_snapshot (id, account_id, sum_kopecks)"
                " SELECT gen_random_uuid(), id, 90000 FROM ledger_account"
                " WHERE code = :code"
            ),
            {"code": doctor.code},
        )
        await ledger.post(session, SYSTEM, moved(BANK, doctor, 7))
        assert await ledger.balance(session, doctor) == 90007

    def test_every_kind_has_its_side_of_the_books(self) -> None:
        """Written by hand: the chart of accounts."""
        assets = {"psp_clearing", "bank", "visit_receivable"}
        income = {"revenue_service", "revenue_cancellation"}
        expenses = {"expense_psp_fee", "expense_compensation"}
        liabilities = {
            *("wallet", "visit_prepaid", "doctor_payable", "clinic_payable"),
            *("refund_in_transit", "suspense"),
        }
        assert {kind.value for kind in AccountKind} == (
            assets | income | expenses | liabilities
        )
        for kind in AccountKind:
            positive = kind.value in liabilities | income
            assert sign_of(kind) == (1 if positive else -1)
        assert {k.value for k, n in NATURE.items() if n is Nature.INCOME} == income
        assert {kind.value for kind in GUARDED} == {"wallet", "visit_prepaid"}
        assert {
            AccountKind.VISIT_RECEIVABLE,
            AccountKind.DOCTOR_PAYABLE,
            AccountKind.CLINIC_PAYABLE,
        } == OWNED - GUARDED


class TestOnce:
    """One key, one posting."""

    async def test_a_replay_changes_nothing(self, session: AsyncSession) -> None:
        wallet = a_wallet()
        posting = moved(CLEARING, wallet, 500)
        assert await ledger.post(session, SYSTEM, posting)
        before = await counts(session)
        for _ in range(3):
            assert not await ledger.post(session, SYSTEM, posting)
        await settle(session)
        assert await counts(session) == before
        assert await ledger.balance(session, wallet) == 500

    async def test_a_replay_asks_for_no_money(self, session: AsyncSession) -> None:
        wallet = await filled(session, 500)
        posting = moved(wallet, BANK, 500)
        assert await ledger.post(session, SYSTEM, posting)
        assert not await ledger.post(session, SYSTEM, posting)
        assert await ledger.balance(session, wallet) == 0

    @pytest.mark.parametrize("what", ["amount", "account", "kind", "ref", "more"])
    async def test_another_posting_under_the_same_key_is_refused(
        self, session: AsyncSession, what: str
    ) -> None:
        wallet, ref = a_wallet(), uuid7()
        moves = [Move(CLEARING, wallet, 500)]
        others = {
            "amount": ("a", "r", ref, [Move(CLEARING, wallet, 501)]),
            "account": ("a", "r", ref, [Move(CLEARING, a_wallet(), 500)]),
            "kind": ("b", "r", ref, moves),
            "ref": ("a", "r", uuid7(), moves),
            "more": ("a", "r", ref, [*moves, Move(CLEARING, BANK, 1)]),
        }
        first = Posting("key", "a", "r", ref, None, moves)
        assert await ledger.post(session, SYSTEM, first)
        before = await counts(session)
        kind, ref_type, ref_id, other = others[what]
        second = Posting("key", kind, ref_type, ref_id, None, other)
        with pytest.raises(LedgerConflict):
            await ledger.post(session, SYSTEM, second)
        assert await counts(session) == before

    def test_the_order_of_moves_is_not_part_of_what_was_asked(self) -> None:
        wallet, booking = a_wallet(), postings.prepaid(uuid7())
        moves = [Move(BANK, wallet, 5), Move(CLEARING, booking, 6)]
        prints = {
            Posting("key", "test", "test", None, None, each).fingerprint()
            for each in (moves, moves[::-1])
        }
        assert len(prints) == 1


class TestGuard:
    """Wallets and prepaid visits never fall below nothing."""

    async def test_the_service_refuses_in_words(self, session: AsyncSession) -> None:
        wallet = await filled(session, 500)
        before = await counts(session)
        with pytest.raises(InsufficientFunds):
            async with session.begin_nested():
                await ledger.post(session, SYSTEM, moved(wallet, BANK, 501))
        assert await counts(session) == before
        assert await ledger.post(session, SYSTEM, moved(wallet, BANK, 500))
        assert await ledger.balance(session, wallet) == 0

    async def test_an_account_nobody_has_seen_is_empty(
        self, session: AsyncSession
    ) -> None:
        for account in (a_wallet(), postings.prepaid(uuid7())):
            with pytest.raises(InsufficientFunds):
                await ledger.post(session, SYSTEM, moved(account, BANK, 1))

    async def test_the_database_refuses_whoever_goes_past_the_service(
        self, session: AsyncSession
    ) -> None:
        wallet = await filled(session, 500)
        with pytest.raises(IntegrityError, match="balance_not_negative"):
            await session.execute(
                sa.text(
                    "WITH j AS (INSERT INTO ledger_journal (id, idem_key,"
                    " request_hash, kind, ref_type, actor_id, acting_as, via)"
                    " VALUES (gen_random_uuid(), 'raw', '', 'raw', 'raw',"
                    " gen_random_uuid(), 'system', 'job') RETURNING id)"
                    " INSERT INTO ledger_entry"
                    " (id, journal_id, account_id, amount_kopecks)"
                    " SELECT gen_random_uuid(), j.id, a.id,"
                    " CASE WHEN a.code = 'bank' THEN 501 ELSE -501 END"
                    " FROM j, ledger_account a WHERE a.code IN ('bank', :code)"
                ),
                {"code": wallet.code},
            )


# -- on real connections ------------------------------------------------------

Act = Callable[[AsyncSession], Awaitable[object]]


@pytest.fixture
async def crowd(
    sessions: Sessions, database_url: str, settings: Settings
) -> AsyncIterator[Sessions]:
    """Twenty connections that are open already."""
    engine = make_engine(database_url, settings, pool_size=20, max_overflow=0)
    yield make_sessions(engine)
    await engine.dispose()


async def at_once(sessions: Sessions, *acts: Act) -> list[object]:
    """Run the acts in transactions of their own that begin together."""
    ready = asyncio.Barrier(len(acts))

    async def run(act: Act) -> object:
        async def work(session: AsyncSession) -> object:
            await session.execute(sa.text("SELECT 1"))
            await ready.wait()
            return await act(session)

        try:
            return await in_transaction(sessions, work)
        except (InsufficientFunds, LedgerConflict) as refusal:
            return type(refusal)

    return await asyncio.gather(*(run(act) for act in acts))


def post(posting: Posting) -> Act:
    return lambda session: ledger.post(session, SYSTEM, posting)


def opened(account: Account) -> Act:
    return lambda session: ledger.open_account(session, account)


async def held(sessions: Sessions, account: Account) -> int:
    async with sessions() as session:
        return await ledger.balance(session, account)


async def deadlocks(sessions: Sessions) -> int:
    async with sessions() as session:
        await session.execute(sa.text("SELECT pg_stat_force_next_flush()"))
        return int(
            await session.scalar(
                sa.text(
                    "SELECT deadlocks FROM pg_stat_database"
                    " WHERE datname = current_database()"
                )
            )
            or 0
        )


async def test_of_twenty_with_one_key_one_posts(crowd: Sessions) -> None:
    wallet = a_wallet()
    posting = moved(CLEARING, wallet, 300)
    results = await at_once(crowd, *[post(posting)] * 20)
    assert sorted(map(bool, results)) == [False] * 19 + [True]
    assert await held(crowd, wallet) == 300


async def test_of_twenty_with_one_key_and_other_amounts_one_posts(
    crowd: Sessions,
) -> None:
    wallet = a_wallet()
    acts = [post(moved(CLEARING, wallet, 300 + place, "key")) for place in range(20)]
    results = await at_once(crowd, *acts)
    assert results.count(LedgerConflict) == 19
    assert results.count(True) == 1
    assert await held(crowd, wallet) == 300 + results.index(True)


async def test_twenty_debits_of_an_eighth_leave_nothing_and_no_debt(
    crowd: Sessions,
) -> None:
    wallet = a_wallet()
    await at_once(crowd, post(moved(CLEARING, wallet, 800)))
    results = await at_once(crowd, *(post(moved(wallet, BANK, 100)) for _ in range(20)))
    assert (results.count(True), results.count(InsufficientFunds)) == (8, 12)
    assert await held(crowd, wallet) == 0


async def test_rivals_make_an_account_once(crowd: Sessions) -> None:
    for _ in range(5):
        booking, user = uuid7(), uuid7()
        accounts = [postings.prepaid(booking), postings.wallet(user)]
        results = await at_once(
            crowd,
            *(post(moved(CLEARING, accounts[each % 2], 10)) for each in range(10)),
            *(opened(accounts[each % 2]) for each in range(10)),
        )
        assert results == [True] * 10 + [None] * 10
        assert [await held(crowd, each) for each in accounts] == [50, 50]


async def test_opposing_transfers_never_deadlock(crowd: Sessions) -> None:
    """Eight transactions between four accounts, some of them new, all ways at once."""
    before = await deadlocks(crowd)
    for _ in range(20):
        ring = [a_wallet() for _ in range(4)]
        rich = [post(moved(CLEARING, each, 10_000)) for each in ring[:3]]
        await at_once(crowd, *rich)
        acts = []
        for place in range(8):
            ways = [ring[place % 4], ring[(place + 1 + place // 4) % 4], BANK]
            moves = [
                Move(CLEARING, ways[0], 5),
                Move(CLEARING, ways[1], 7),
                Move(ways[place % 2], BANK, 1),
            ]
            acts.append(post(Posting(f"{uuid7()}", "test", "test", None, None, moves)))
        assert await at_once(crowd, *acts) == [True] * 8
    assert await deadlocks(crowd) == before


async def test_nobody_waits_for_a_house_account(crowd: Sessions) -> None:
    """One transaction has moved money of the house and stays open; sixteen pass it."""
    wallets = [a_wallet() for _ in range(17)]
    await at_once(crowd, *(post(moved(CLEARING, each, 100)) for each in wallets))

    def busy(wallet: Account) -> Posting:
        moves = [
            Move(wallet, CLEARING, 10),
            Move(BANK, postings.REVENUE, 3),
            Move(postings.FEE, postings.IN_TRANSIT, 2),
        ]
        return Posting(f"{uuid7()}", "test", "test", None, None, moves)

    async def impatient(session: AsyncSession) -> object:
        await session.execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
        return await ledger.post(session, SYSTEM, busy(wallets.pop()))

    async with crowd() as holder:
        await ledger.post(holder, SYSTEM, busy(wallets.pop()))
        assert await at_once(crowd, *[impatient] * 16) == [True] * 16
        await holder.commit()
    assert wallets == []


async def test_a_holder_of_a_wallet_makes_the_next_one_wait(crowd: Sessions) -> None:
    """The counter-example: the net above catches a wait when there is one."""
    wallet = a_wallet()
    await at_once(crowd, post(moved(CLEARING, wallet, 100)))
    async with crowd() as holder, crowd() as rival:
        await ledger.post(holder, SYSTEM, moved(wallet, BANK, 10))
        await rival.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await ledger.post(rival, SYSTEM, moved(wallet, BANK, 10))
        await rival.rollback()
        await holder.rollback()


def test_ids_in_codes_are_written_one_way() -> None:
    """Two spellings of one owner would be two accounts."""
    owner = uuid.UUID("0193A000-0000-7000-8000-00000000000A")
    assert postings.wallet(owner).code == f"wallet:{str(owner).lower()}"
