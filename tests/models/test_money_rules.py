"""What the database itself refuses, whoever writes: raw SQL, past every service."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, Payout, Refund, Withdrawal
from models import payment as payments
from models import refund as refunds
from models.base import uuid7
from models.payment import PaymentMethod, PaymentStatus, ProviderEvent
from models.payout import PayoutStatus
from models.refund import Destination, RefundOrigin, RefundReason, RefundStatus
from models.withdrawal import WithdrawalStatus
from services import clock
from services.database import Sessions
from tests import factories
from tests.conftest import settle

JOURNAL = """
INSERT INTO ledger_journal (id, idem_key, request_hash, kind, ref_type,
                            actor_id, acting_as, via)
VALUES (CAST(:journal AS uuid), CAST(:journal AS text), '', 'raw', 'raw', gen_random_uuid(), 'system', 'job')
"""
ENTRY = """
INSERT INTO ledger_entry (id, journal_id, account_id, amount_kopecks)
SELECT gen_random_uuid(), CAST(:journal AS uuid), id, :amount FROM ledger_account WHERE code = :code
"""
ACCOUNT = """
INSERT INTO ledger_account (id, code, kind, nature, owner_id, currency, guarded,
                            balance_kopecks, version)
VALUES (gen_random_uuid(), :code, :kind, 'liability', :owner, 'RUB', :guarded,
        :balance, 0)
"""


async def run(session: AsyncSession, statement: str, **values: Any) -> None:
    await session.execute(sa.text(statement), values)


async def refusal(session: AsyncSession, statement: str, **values: Any) -> str:
    """What the database says to a statement and the commit after it; "" if nothing."""
    try:
        async with session.begin_nested():
            await run(session, statement, **values)
            await settle(session)
    except IntegrityError as error:
        return str(error.orig).splitlines()[0]
    return ""


async def journal(session: AsyncSession, *amounts: int) -> str:
    """Write a journal of raw legs, in turns on two accounts of the house."""
    made = str(uuid7())
    await run(session, JOURNAL, journal=made)
    for place, amount in enumerate(amounts):
        code = ("bank", "suspense")[place % 2]
        await run(session, ENTRY, journal=made, amount=amount, code=code)
    return made


async def guarded(session: AsyncSession, kind: str = "wallet") -> str:
    owner = uuid7()
    code = f"{kind}:{owner}"
    await run(
        session, ACCOUNT, code=code, kind=kind, owner=owner, guarded=True, balance=0
    )
    return code


class TestJournals:
    """Journals balance, and are whole when they are made."""

    @pytest.mark.parametrize(
        ("amounts", "said"),
        [
            ((), "0 legs come to 0"),
            ((5,), "1 legs come to 5"),
            ((5, -4), "2 legs come to 1"),
            ((5, 5), "2 legs come to 10"),
            ((5, -5, 1), "3 legs come to 1"),
            ((2**62, 2**62, 2**62, 2**62), "4 legs come to 18446744073709551616"),
        ],
    )
    async def test_what_does_not_balance_is_refused_at_commit(
        self, session: AsyncSession, amounts: tuple[int, ...], said: str
    ) -> None:
        await journal(session, *amounts)
        with pytest.raises(IntegrityError, match=f"ledger_journal: {said}"):
            await settle(session)

    async def test_a_real_commit_refuses_too(self, sessions: Sessions) -> None:
        async with sessions() as session:
            made = await journal(session, 5, -4)
            with pytest.raises(IntegrityError, match="2 legs come to 1"):
                await session.commit()
        async with sessions() as session:
            left = sa.text("SELECT count(*) FROM ledger_journal WHERE id = :id")
            assert await session.scalar(left, {"id": made}) == 0

    @pytest.mark.parametrize("amounts", [(5, -5), (5, -3, -2), (1, 1, 1, -3)])
    async def test_what_balances_is_taken(
        self, session: AsyncSession, amounts: tuple[int, ...]
    ) -> None:
        await journal(session, *amounts)
        await settle(session)

    async def test_a_checked_journal_is_checked_again_when_it_grows(
        self, session: AsyncSession
    ) -> None:
        """`SET CONSTRAINTS` in the middle of a transaction opens no way around."""
        made = await journal(session, 5, -5)
        await settle(session)
        more = {"journal": made, "amount": 7, "code": "bank"}
        assert "3 legs come to 7" in await refusal(session, ENTRY, **more)

    async def test_a_leg_of_nothing_is_refused(self, session: AsyncSession) -> None:
        made = await journal(session, 5, -5)
        nothing = {"journal": made, "amount": 0, "code": "bank"}
        assert "amount_not_zero" in await refusal(session, ENTRY, **nothing)

    async def test_a_key_is_used_once(self, session: AsyncSession) -> None:
        made = await journal(session, 5, -5)
        again = JOURNAL.replace("CAST(:journal AS uuid)", "gen_random_uuid()")
        assert "idem_key" in await refusal(session, again, journal=made)


LATE = "the journal was made in another transaction"


class TestLegs:
    """A leg is written in the transaction that made its journal, or not at all."""

    async def test_savepoints_belong_to_their_transaction(
        self, session: AsyncSession
    ) -> None:
        async with session.begin_nested():
            made = await journal(session, 9)
            async with session.begin_nested():
                await run(session, ENTRY, journal=made, amount=-5, code="bank")
        await run(session, ENTRY, journal=made, amount=-4, code="suspense")
        await settle(session)

    async def test_an_old_journal_takes_not_even_balanced_legs(
        self, sessions: Sessions
    ) -> None:
        async with sessions() as session:
            made = await journal(session, 5, -5)
            await session.commit()
        pair = (
            "INSERT INTO ledger_entry (id, journal_id, account_id, amount_kopecks)"
            " SELECT gen_random_uuid(), :journal, id,"
            " CASE code WHEN 'bank' THEN 3 ELSE -3 END"
            " FROM ledger_account WHERE code IN ('bank', 'suspense')"
        )
        async with sessions() as session:
            assert LATE in await refusal(session, pair, journal=made)
        async with sessions() as session, session.begin_nested():
            assert LATE in await refusal(session, pair, journal=made)

    async def test_a_journal_that_is_not_there_takes_none(
        self, session: AsyncSession
    ) -> None:
        lost = {"journal": str(uuid7()), "amount": 1, "code": "bank"}
        assert LATE in await refusal(session, ENTRY, **lost)

    async def test_a_forged_transaction_number_only_locks_the_forger_out(
        self, session: AsyncSession
    ) -> None:
        made = str(uuid7())
        forged = JOURNAL.replace("via)", "via, made_in)").replace("'job')", "'job', 1)")
        await run(session, forged, journal=made)
        leg = {"journal": made, "amount": 1, "code": "bank"}
        assert LATE in await refusal(session, ENTRY, **leg)
        with pytest.raises(IntegrityError, match="0 legs"):
            await settle(session)

    async def test_a_leg_says_the_balance_that_is_true(
        self, session: AsyncSession
    ) -> None:
        """Whatever the writer claims: the trigger writes the balance after the leg."""
        code = await guarded(session)
        made = await journal(session, -5)
        lie = ENTRY.replace("amount_kopecks)", "amount_kopecks, balance_after_kopecks)")
        lie = lie.replace(":amount FROM", ":amount, 999 FROM")
        await run(session, lie, journal=made, amount=3, code=code)
        await run(session, lie, journal=made, amount=2, code="bank")
        await settle(session)
        rows = await session.execute(
            sa.text(
                "SELECT a.code, e.balance_after_kopecks FROM ledger_entry e"
                " JOIN ledger_account a ON a.id = e.account_id"
                " WHERE e.journal_id = :id AND e.amount_kopecks > 0"
            ),
            {"id": made},
        )
        assert {tuple(row) for row in rows} == {(code, 3), ("bank", None)}


async def written(session: AsyncSession) -> None:
    """A row in each table that only grows; tariffs and policies have their first."""
    await journal(session, 5, -5)
    await run(
        session,
        "INSERT INTO ledger_snapshot (id, account_id, sum_kopecks)"
        " SELECT gen_random_uuid(), id, 5 FROM ledger_account WHERE code = 'bank'",
    )
    session.add(ProviderEvent(source="webhook", outcome="done"))
    await settle(session)


GROWING = (
    *("ledger_journal", "ledger_entry", "ledger_snapshot"),
    *("provider_event", "refund_policy", "tariff"),
)
CHANGES = (
    ("UPDATE {} SET created_at = created_at - interval '1 day'", "UPDATE"),
    ("DELETE FROM {}", "DELETE"),
    ("TRUNCATE {} CASCADE", "TRUNCATE"),
)


@pytest.mark.parametrize("table", GROWING)
@pytest.mark.parametrize(("change", "verb"), CHANGES)
async def test_what_only_grows_is_neither_changed_nor_emptied(
    session: AsyncSession, table: str, change: str, verb: str
) -> None:
    await written(session)
    said = await refusal(session, change.format(table))
    assert said == f"{table} refuses {verb}"


async def test_an_amount_cannot_be_corrected_in_place(session: AsyncSession) -> None:
    await written(session)
    change = "UPDATE ledger_entry SET amount_kopecks = 2 * amount_kopecks"
    assert await refusal(session, change) == "ledger_entry refuses UPDATE"


async def test_accounts_are_neither_deleted_nor_emptied(session: AsyncSession) -> None:
    assert "ledger_account refuses DELETE" in await refusal(
        session, "DELETE FROM ledger_account WHERE code = 'suspense'"
    )
    said = await refusal(session, "TRUNCATE ledger_account CASCADE")
    assert said in {f"{table} refuses TRUNCATE" for table in GROWING}


class TestAccounts:
    """What an account is stays, and its balance moves by entries alone."""

    @pytest.mark.parametrize(
        "change",
        [
            "id = gen_random_uuid()",
            "code = 'wallet:' || gen_random_uuid()",
            "kind = 'visit_prepaid'",
            "nature = 'asset'",
            "owner_id = gen_random_uuid()",
            "currency = 'EUR'",
            "guarded = false, balance_kopecks = NULL",
            "created_at = app_now()",
        ],
    )
    async def test_what_it_is_stays(self, session: AsyncSession, change: str) -> None:
        code = await guarded(session)
        said = await refusal(
            session,
            f"UPDATE ledger_account SET {change} WHERE code = :code",
            code=code,
        )
        assert "what an account is stays" in said

    @pytest.mark.parametrize(
        "change", ["balance_kopecks = 100", "balance_kopecks = NULL", "version = 5"]
    )
    async def test_a_balance_is_not_written_by_hand(
        self, session: AsyncSession, change: str
    ) -> None:
        code = await guarded(session)
        said = await refusal(
            session,
            f"UPDATE ledger_account SET {change} WHERE code = :code",
            code=code,
        )
        assert "a balance moves by entries alone" in said

    async def test_nobody_is_born_rich(self, session: AsyncSession) -> None:
        owner = uuid7()
        wealth = {"code": f"wallet:{owner}", "kind": "wallet", "owner": owner}
        said = await refusal(session, ACCOUNT, **wealth, guarded=True, balance=1)
        assert "an account begins with nothing" in said

    @pytest.mark.parametrize(
        ("facts", "rule"),
        [
            ({"guarded": False, "balance": None}, "guarded_kinds"),
            ({"balance": None}, "guarded_has_balance"),
            ({"owner": None, "code": "wallet"}, "owned_kinds"),
            ({"code": "wallet:somebody"}, "code_tells_owner"),
            ({"kind": "visit_prepaid"}, "code_tells_owner"),
            ({"kind": "piggy_bank"}, ""),
        ],
    )
    async def test_its_columns_agree_with_its_kind(
        self, session: AsyncSession, facts: dict[str, Any], rule: str
    ) -> None:
        owner = uuid7()
        right = {
            "code": f"wallet:{owner}",
            "kind": "wallet",
            "owner": owner,
            "guarded": True,
            "balance": 0,
        }
        said = await refusal(session, ACCOUNT, **(right | facts))
        assert "violates check constraint" in said
        assert rule in said
        assert await refusal(session, ACCOUNT, **right) == ""

    async def test_a_guarded_balance_is_the_sum_of_its_legs(
        self, session: AsyncSession
    ) -> None:
        code = await guarded(session, "visit_prepaid")
        for amount in (50, -20, 3):
            made = await journal(session, -amount)
            await run(session, ENTRY, journal=made, amount=amount, code=code)
        await settle(session)
        row = await session.execute(
            sa.text(
                "SELECT balance_kopecks, version FROM ledger_account WHERE code = :c"
            ),
            {"c": code},
        )
        assert tuple(row.one()) == (33, 3)

    async def test_below_nothing_is_refused(self, session: AsyncSession) -> None:
        code = await guarded(session)
        made = await journal(session, 1)
        leg = {"journal": made, "amount": -1, "code": code}
        assert "balance_not_negative" in await refusal(session, ENTRY, **leg)


# -- payments -----------------------------------------------------------------


async def paid_booking(session: AsyncSession) -> dict[str, Any]:
    booking = await factories.booking(session)
    return {"booking_id": booking.id, "payer_id": booking.patient_id}


async def payment(session: AsyncSession, **facts: Any) -> Payment:
    """A card payment of 100 ₽, paid if that is its status."""
    settled: dict[str, Any] = {"method": PaymentMethod.CARD, "amount_kopecks": 10_000}
    settled["request_body"] = "{}"
    if facts.get("status") is PaymentStatus.SUCCEEDED:
        settled["captured_kopecks"] = 10_000
        settled["succeeded_at"] = await clock.now(session)
    if "booking_id" not in facts:
        settled |= await paid_booking(session)
    made = Payment(**(settled | facts))
    session.add(made)
    await session.flush()
    return made


def payment_becomes(status: str) -> str:
    """What a service would write beside the status."""
    return (
        f"UPDATE payment SET status = '{status}',"
        f" captured_kopecks = CASE '{status}' WHEN 'succeeded' THEN amount_kopecks"
        f" ELSE 0 END, succeeded_at = CASE '{status}' WHEN 'succeeded' THEN app_now()"
        " END WHERE id = :id"
    )


@pytest.mark.parametrize("was", list(PaymentStatus))
async def test_payments_move_along_the_edges_alone(
    session: AsyncSession, was: PaymentStatus
) -> None:
    of = await paid_booking(session)
    allowed = set()
    for becomes in PaymentStatus:
        async with session.begin_nested() as trial:
            made = await payment(session, status=was, **of)
            if not await refusal(session, payment_becomes(becomes), id=made.id):
                allowed.add(becomes)
            await trial.rollback()
    assert allowed == payments.EDGES[was] | {was}


class TestPayments:
    """What was asked of the provider stays, and no more goes back than came."""

    @pytest.mark.parametrize(
        "change",
        [
            "amount_kopecks = 9999",
            "method = 'sbp'",
            """request_body = '{"amount": 1}'""",
            "booking_id = (SELECT id FROM booking WHERE id <> payment.booking_id)",
            "provider_id = 'another'",
        ],
    )
    async def test_what_was_asked_stays(
        self, session: AsyncSession, change: str
    ) -> None:
        await factories.booking(session)
        made = await payment(session, provider_id="first")
        said = await refusal(
            session, f"UPDATE payment SET {change} WHERE id = :id", id=made.id
        )
        assert "call, method, amount, body and provider id are fixed" in said

    async def test_the_provider_may_name_its_id_once(
        self, session: AsyncSession
    ) -> None:
        made = await payment(session)
        name = "UPDATE payment SET provider_id = 'named' WHERE id = :id"
        assert await refusal(session, name, id=made.id) == ""
        other = await payment(session)
        assert "provider_id" in await refusal(session, name, id=other.id)

    @pytest.mark.parametrize(
        ("reserved", "returned", "taken"),
        [
            (10_000, 0, True),
            (10_000, 10_000, True),
            (10_001, 0, False),
            (500, 501, False),
            (-1, -1, False),
            (0, -1, False),
        ],
    )
    async def test_no_more_goes_back_than_came(
        self, session: AsyncSession, reserved: int, returned: int, taken: bool
    ) -> None:
        made = await payment(session, status=PaymentStatus.SUCCEEDED)
        said = await refusal(
            session,
            "UPDATE payment SET refunded_or_reserved_kopecks = :reserved,"
            " returned_or_reserved_kopecks = :returned WHERE id = :id",
            id=made.id,
            reserved=reserved,
            returned=returned,
        )
        assert (said == "") is taken
        assert taken or "refunds_within_captured" in said

    @pytest.mark.parametrize(
        "facts",
        [
            {"amount_kopecks": 0},
            {"captured_kopecks": 10_000},
            {"refunded_or_reserved_kopecks": 1},
            {"surplus": payments.Surplus.LATE},
            {"request_body": None},
        ],
    )
    async def test_facts_agree_with_the_status(
        self, session: AsyncSession, facts: dict[str, Any]
    ) -> None:
        with pytest.raises(IntegrityError):
            await payment(session, **facts)

    async def test_a_call_has_one_open_attempt(self, session: AsyncSession) -> None:
        of = await paid_booking(session)
        first = await payment(session, **of)
        first.superseded_at = await clock.now(session)
        await payment(session, **of)
        with pytest.raises(IntegrityError, match="uq_payment_open"):
            await payment(session, status=PaymentStatus.UNKNOWN, **of)

    async def test_payments_are_never_deleted(self, session: AsyncSession) -> None:
        made = await payment(session)
        said = await refusal(session, "DELETE FROM payment WHERE id = :id", id=made.id)
        assert said == "payment refuses DELETE"


# -- refunds ------------------------------------------------------------------


async def refund(session: AsyncSession, of: Payment, **facts: Any) -> Refund:
    """A refund of 50 ₽ that needs no second person."""
    settled: dict[str, Any] = {
        "booking_id": of.booking_id,
        "payment_id": of.id,
        "origin": RefundOrigin.STAFF,
        "destination": Destination.ORIGINAL,
        "status": RefundStatus.APPROVED,
        "amount_kopecks": 5000,
        "reason_code": RefundReason.OTHER,
        "requested_by": uuid7(),
        "requested_as": "finance",
    }
    if facts.get("status") is RefundStatus.SUCCEEDED:
        settled["succeeded_at"] = await clock.now(session)
    made = Refund(**(settled | facts))
    session.add(made)
    await session.flush()
    return made


def refund_becomes(status: str) -> str:
    return (
        f"UPDATE refund SET status = '{status}', succeeded_at ="
        f" CASE '{status}' WHEN 'succeeded' THEN app_now() END WHERE id = :id"
    )


@pytest.mark.parametrize("was", list(RefundStatus))
@pytest.mark.parametrize("sent", [False, True])
async def test_refunds_move_along_the_edges_alone(
    session: AsyncSession, was: RefundStatus, sent: bool
) -> None:
    """Once its key was used a refund cannot wait or be rejected any more."""
    of = await payment(session, status=PaymentStatus.SUCCEEDED)
    key = {"key_used_at": await clock.now(session)} if sent else {}
    allowed = set()
    for becomes in RefundStatus:
        async with session.begin_nested() as trial:
            made = await refund(session, of, status=was, **key)
            if not await refusal(session, refund_becomes(becomes), id=made.id):
                allowed.add(becomes)
            await trial.rollback()
    expected = refunds.EDGES[was] | {was}
    if sent and was is RefundStatus.APPROVED:
        expected -= {RefundStatus.AWAITING_APPROVAL, RefundStatus.REJECTED}
    assert allowed == expected


@pytest.fixture
async def captured(session: AsyncSession) -> Payment:
    """A payment that came."""
    return await payment(session, status=PaymentStatus.SUCCEEDED)


class TestRefunds:
    """Two people, one open refund for a payment, and what was sent stays."""

    async def test_whoever_asked_never_approves(
        self, session: AsyncSession, captured: Payment
    ) -> None:
        made = await refund(session, captured, status=RefundStatus.AWAITING_APPROVAL)
        approve = (
            "UPDATE refund SET approved_by = :who, approval_hash = 'bound',"
            " status = 'approved' WHERE id = :id"
        )
        own = {"id": made.id, "who": made.requested_by}
        assert "four_eyes" in await refusal(session, approve, **own)
        assert await refusal(session, approve, id=made.id, who=uuid7()) == ""

    async def test_who_asked_cannot_be_rewritten(
        self, session: AsyncSession, captured: Payment
    ) -> None:
        made = await refund(session, captured)
        for change in (
            "requested_by = gen_random_uuid()",
            "origin = 'policy'",
            "booking_id = gen_random_uuid()",
            "payment_id = gen_random_uuid()",
        ):
            said = await refusal(
                session, f"UPDATE refund SET {change} WHERE id = :id", id=made.id
            )
            assert "what was sent stays" in said

    @pytest.mark.parametrize("status", list(RefundStatus))
    async def test_nothing_goes_without_the_approval_it_needs(
        self, session: AsyncSession, captured: Payment, status: RefundStatus
    ) -> None:
        facts = {"status": status, "needs_approval": True}
        if status in {RefundStatus.AWAITING_APPROVAL, RefundStatus.REJECTED}:
            await refund(session, captured, **facts)
            return
        with pytest.raises(IntegrityError, match="approved_before_sent"):
            await refund(session, captured, **facts)

    async def test_an_approval_says_what_it_is_bound_to(
        self, session: AsyncSession, captured: Payment
    ) -> None:
        with pytest.raises(IntegrityError, match="approval_bound"):
            await refund(session, captured, approved_by=uuid7())

    @pytest.mark.parametrize(
        "change", ["amount_kopecks = 4999", "request_body = '{}'", "provider_id = 'b'"]
    )
    async def test_what_was_sent_stays(
        self, session: AsyncSession, captured: Payment, change: str
    ) -> None:
        now = await clock.now(session)
        facts = {"status": RefundStatus.SENDING, "key_used_at": now}
        made = await refund(session, captured, provider_id="a", **facts)
        said = await refusal(
            session, f"UPDATE refund SET {change} WHERE id = :id", id=made.id
        )
        assert "what was sent stays as it was sent" in said

    async def test_before_it_is_sent_the_amount_may_change(
        self, session: AsyncSession, captured: Payment
    ) -> None:
        made = await refund(session, captured)
        change = "UPDATE refund SET amount_kopecks = 4999 WHERE id = :id"
        assert await refusal(session, change, id=made.id) == ""

    async def test_a_payment_has_one_open_refund(
        self, session: AsyncSession, captured: Payment
    ) -> None:
        await refund(session, captured, status=RefundStatus.REJECTED)
        await refund(session, captured, status=RefundStatus.SUCCEEDED)
        await refund(session, captured)
        with pytest.raises(IntegrityError, match="uq_refund_open"):
            await refund(session, captured, status=RefundStatus.UNKNOWN)

    @pytest.mark.parametrize(
        "facts",
        [
            {"amount_kopecks": 0},
            {"doctor_kopecks": 5001},
            {"doctor_kopecks": -1},
            {"policy_percent": 101},
        ],
    )
    async def test_its_numbers_are_in_range(
        self, session: AsyncSession, captured: Payment, facts: dict[str, Any]
    ) -> None:
        with pytest.raises(IntegrityError, match="check constraint"):
            await refund(session, captured, **facts)

    async def test_refunds_are_never_deleted(
        self, session: AsyncSession, captured: Payment
    ) -> None:
        await refund(session, captured)
        assert await refusal(session, "DELETE FROM refund") == "refund refuses DELETE"


# -- withdrawals and registers ------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"status": WithdrawalStatus.APPROVED}, "approved_before_paid"),
        ({"status": WithdrawalStatus.DONE}, "approved_before_paid"),
        ({"manual_kopecks": 501}, "manual_range"),
        ({"manual_kopecks": -1}, "manual_range"),
        ({"amount_kopecks": 0}, "amount_positive"),
    ],
)
async def test_withdrawals_keep_their_rules(
    session: AsyncSession, facts: dict[str, Any], rule: str
) -> None:
    user = await factories.patient(session)
    session.add(Withdrawal(**({"user_id": user.id, "amount_kopecks": 500} | facts)))
    with pytest.raises(IntegrityError, match=rule):
        await session.flush()


async def test_who_prepared_a_withdrawal_does_not_approve_it(
    session: AsyncSession,
) -> None:
    user, one, other = await factories.patient(session), uuid7(), uuid7()
    made = Withdrawal(user_id=user.id, amount_kopecks=500, prepared_by=one)
    session.add(made)
    await session.flush()
    approve = "UPDATE withdrawal SET approved_by = :who WHERE id = :id"
    assert "four_eyes" in await refusal(session, approve, id=made.id, who=one)
    assert await refusal(session, approve, id=made.id, who=other) == ""
    session.add(Withdrawal(user_id=user.id, amount_kopecks=1))
    with pytest.raises(IntegrityError, match="uq_withdrawal_open"):
        await session.flush()


async def test_a_register_is_approved_by_another_and_is_alone(
    session: AsyncSession,
) -> None:
    one, now = uuid7(), await clock.now(session)
    made = Payout(made_by=one, earned_until=now, total_kopecks=100)
    session.add(made)
    await session.flush()
    approve = "UPDATE payout SET approved_by = :who, status = :to WHERE id = :id"
    said = await refusal(session, approve, id=made.id, who=one, to="approved")
    assert "four_eyes" in said
    for status in set(PayoutStatus) - {PayoutStatus.DRAFT, PayoutStatus.DISCARDED}:
        said = await refusal(session, approve, id=made.id, who=None, to=status.value)
        assert "approved_before_exported" in said
    said = await refusal(session, approve, id=made.id, who=uuid7(), to="approved")
    assert said == ""
    session.add(Payout(made_by=one, earned_until=now, total_kopecks=100))
    with pytest.raises(IntegrityError, match="uq_payout_open"):
        await session.flush()
