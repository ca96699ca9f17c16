"""Every rule of money holds for sound books and sees the offence planted for it."""

import uuid
from dataclasses import dataclass

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Payout, Refund, User, Withdrawal
from models.booking import Status
from models.payment import PaymentMethod, PaymentStatus
from models.payout import PayoutStatus
from models.refund import Destination, RefundOrigin, RefundReason, RefundStatus
from models.withdrawal import WithdrawalStatus
from services import invariants, ledger, postings
from services.actor import SYSTEM
from services.money_invariant_rules import MONEY_RULES
from tests import factories, money_rows
from tests.conftest import settle

PRICE = 450_000


@dataclass
class World:
    """A paid visit, a cancelled call given back, one on its way back, one open."""

    done: Booking
    paid: Payment
    back: Refund
    going: Refund
    waiting: Booking
    pending: Payment
    payer: User
    withdrawal: Withdrawal
    payout: Payout

    @property
    def names(self) -> dict[str, object]:
        """What the planted statements may refer to."""
        return {
            "done": self.done.id,
            "paid": self.paid.id,
            "back": self.back.id,
            "going": self.going.id,
            "waiting": self.waiting.id,
            "pending": self.pending.id,
            "payer": self.payer.id,
            "withdrawal": self.withdrawal.id,
            "payout": self.payout.id,
        }


@pytest.fixture
async def world(session: AsyncSession) -> World:
    await factories.price(session, price_kopecks=PRICE)
    people = {
        "doctor": await factories.doctor(session),
        "dispatcher": await factories.dispatcher(session),
    }
    payer = await factories.patient(session)
    await ledger.open_account(session, postings.wallet(payer.id))
    # The first visit that was ever earned; those before it are not in the books.
    await _finished(session, people)
    done = await _finished(session, people, by=payer)
    paid = await money_rows.payment(session, done, PRICE)
    back = await _given_back(session, payer, RefundStatus.SUCCEEDED)
    going = await _given_back(session, payer, RefundStatus.UNKNOWN)
    waiting = await factories.booking(session, payer)
    pending = await money_rows.payment(session, waiting, PRICE, PaymentStatus.PENDING)
    made = World(
        done=done,
        paid=paid,
        back=back,
        going=going,
        waiting=waiting,
        pending=pending,
        payer=payer,
        withdrawal=await _withdrawn(session, payer),
        payout=await money_rows.payout(session, people["doctor"].id, 100_000),
    )
    await settle(session)
    return made


async def _finished(
    session: AsyncSession, people: dict[str, User], **facts: User
) -> Booking:
    patient = facts.get("by") or await factories.patient(session)
    await ledger.open_account(session, postings.wallet(patient.id))
    return await factories.booking_in(session, Status.COMPLETED, by=patient, **people)


async def _given_back(
    session: AsyncSession, payer: User, status: RefundStatus
) -> Refund:
    call = await factories.booking_in(
        session,
        Status.CANCELLED,
        by=payer,
        doctor=payer,
        dispatcher=await factories.dispatcher(session),
    )
    late = await money_rows.payment(session, call, PRICE)
    return await money_rows.refund(session, late, PRICE, status)


async def _withdrawn(session: AsyncSession, payer: User) -> Withdrawal:
    """Half of a refund in the wallet is on its way out, by a payment and by hand."""
    call = await factories.booking_in(
        session,
        Status.CANCELLED,
        by=payer,
        doctor=payer,
        dispatcher=await factories.dispatcher(session),
    )
    late = await money_rows.payment(session, call, PRICE)
    await money_rows.refund(
        session, late, PRICE, RefundStatus.SUCCEEDED, Destination.WALLET
    )
    made = await money_rows.withdrawal(
        session,
        payer.id,
        200_000,
        manual_kopecks=50_000,
        status=WithdrawalStatus.APPROVED,
        prepared_by=factories.nobody(),
        approved_by=factories.nobody(),
    )
    await money_rows.refund(
        session,
        late,
        150_000,
        RefundStatus.SUCCEEDED,
        origin=RefundOrigin.WITHDRAWAL,
        reason_code=RefundReason.WITHDRAWAL,
        withdrawal_id=made.id,
    )
    return made


ENTRY = (
    "INSERT INTO ledger_entry (id, journal_id, account_id, amount_kopecks,"
    " balance_after_kopecks) SELECT gen_random_uuid(), {journal}, a.id, {amount},"
    " {after} FROM ledger_account a WHERE a.code = '{account}'"
)
LONE_JOURNAL = (
    "INSERT INTO ledger_journal (id, idem_key, request_hash, kind, ref_type, ref_id,"
    " booking_id, actor_id, acting_as, via) VALUES ({id}, {id}, 'h', '{kind}', 'x',"
    " {ref}, {booking}, {id}, 'system', 'job')"
)
EVENT = "id, source, outcome"
AGAIN = "00000000-0000-7000-8000-00000000aaaa"


def journal(kind: str, ref: str = "NULL", booking: str = "NULL") -> str:
    return LONE_JOURNAL.format(id=f"'{AGAIN}'", kind=kind, ref=ref, booking=booking)


def entry(account: str, amount: int, after: str = "NULL") -> str:
    return ENTRY.format(
        journal=f"'{AGAIN}'", account=account, amount=amount, after=after
    )


def loose(table: str, rule: str) -> str:
    return f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{rule}"


# A rule with several halves has an offence for each.
PLANTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("journals_balance", (journal("x"), entry("bank", 500))),
    ("journals_balance", (journal("x"),)),
    (
        "guarded_accounts_hold_their_entries",
        (
            "UPDATE ledger_account SET balance_kopecks = balance_kopecks + 1"
            " WHERE kind = 'wallet' AND owner_id = :payer",
        ),
    ),
    (
        "guarded_accounts_hold_their_entries",
        (
            "UPDATE ledger_account SET version = version + 1"
            " WHERE kind = 'wallet' AND owner_id = :payer",
        ),
    ),
    (
        "guarded_accounts_never_fall_below_nothing",
        (
            "UPDATE ledger_entry SET balance_after_kopecks = -1"
            " WHERE balance_after_kopecks = 0",
        ),
    ),
    (
        "guarded_accounts_never_fall_below_nothing",
        (
            loose("ledger_account", "balance_not_negative"),
            "UPDATE ledger_account SET balance_kopecks = -1"
            " WHERE kind = 'wallet' AND owner_id = :payer",
        ),
    ),
    (
        "snapshots_fit_entries",
        (
            "INSERT INTO ledger_snapshot (id, account_id, up_to, sum_kopecks)"
            " SELECT gen_random_uuid(), id, app_now(), 7 FROM ledger_account"
            " WHERE code = 'suspense'",
        ),
    ),
    (
        "patients_have_wallets",
        ("DELETE FROM ledger_account WHERE kind = 'wallet' AND owner_id = :payer",),
    ),
    (
        "clearing_fits_payments",
        (journal("x"), entry("psp_clearing", -500), entry("bank", 500)),
    ),
    (
        "transit_fits_refunds",
        (journal("x"), entry("refund_in_transit", 500), entry("bank", -500)),
    ),
    ("payouts_are_posted", ("UPDATE payout SET status = 'exported'",)),
    ("payouts_are_posted", ("UPDATE payout SET status = 'reversed'",)),
    ("payouts_are_posted", ("UPDATE payout SET total_kopecks = 5",)),
    (
        "payments_are_posted_once",
        (
            "UPDATE payment SET status = 'pending', captured_kopecks = 0,"
            " succeeded_at = NULL WHERE id = :paid",
        ),
    ),
    (
        "payments_are_posted_once",
        (
            "UPDATE payment SET status = 'succeeded', succeeded_at = app_now(),"
            " captured_kopecks = amount_kopecks WHERE id = :pending",
        ),
    ),
    (
        "payments_are_posted_once",
        (
            "UPDATE payment SET amount_kopecks = 5, captured_kopecks = 5,"
            " fee_kopecks = NULL WHERE id = :paid",
        ),
    ),
    ("payments_are_posted_once", (journal("payment"),)),
    ("fees_are_posted", ("UPDATE payment SET fee_kopecks = 1 WHERE id = :paid",)),
    (
        "refunds_stay_within_their_payment",
        (
            loose("payment", "refunds_within_captured"),
            "UPDATE payment SET refunded_or_reserved_kopecks = captured_kopecks + 1"
            " WHERE id = :paid",
        ),
    ),
    (
        "payments_count_their_refunds",
        ("UPDATE payment SET refunded_or_reserved_kopecks = 100 WHERE id = :paid",),
    ),
    (
        "nothing_is_open_twice",
        (
            "DROP INDEX uq_payment_open",
            "UPDATE payment SET status = 'unknown', booking_id = :waiting,"
            " captured_kopecks = 0, succeeded_at = NULL WHERE id = :paid",
        ),
    ),
    (
        "nothing_is_open_twice",
        (
            "DROP INDEX uq_refund_open",
            "UPDATE refund SET status = 'unknown', succeeded_at = NULL,"
            " payment_id = (SELECT payment_id FROM refund WHERE id = :going)"
            " WHERE id = :back",
        ),
    ),
    (
        "provider_ids_are_used_once",
        (
            "UPDATE refund SET provider_id = p.provider_id FROM payment p"
            " WHERE refund.id = :going AND p.id = :paid",
        ),
    ),
    (
        "keys_serve_for_a_day",
        (
            "UPDATE payment SET key_used_at = app_now() - interval '25 hours'"
            " WHERE id = :paid",
            f"INSERT INTO provider_event ({EVENT}, payment_id)"
            " VALUES (gen_random_uuid(), 'create', 'unknown', :paid)",
        ),
    ),
    (
        "keys_serve_for_a_day",
        (
            "UPDATE refund SET key_used_at = app_now() - interval '25 hours'"
            " WHERE id = :going",
            f"INSERT INTO provider_event ({EVENT}, refund_id)"
            " VALUES (gen_random_uuid(), 'create', 'unknown', :going)",
        ),
    ),
    (
        "money_is_journalled",
        ("DELETE FROM audit_event WHERE action = 'refund.succeeded'",),
    ),
    (
        "refunds_hold_what_they_reserve",
        ("UPDATE refund SET status = 'failed' WHERE id = :going",),
    ),
    (
        "refunds_hold_what_they_reserve",
        (
            "UPDATE refund SET status = 'pending_provider', succeeded_at = NULL"
            " WHERE id = :back",
        ),
    ),
    (
        "refunds_hold_what_they_reserve",
        (
            "UPDATE refund SET status = 'unknown', succeeded_at = NULL"
            " WHERE withdrawal_id = :withdrawal",
        ),
    ),
    (
        "withdrawals_hold_what_they_reserve",
        ("UPDATE withdrawal SET status = 'done' WHERE id = :withdrawal",),
    ),
    (
        "withdrawals_hold_what_they_reserve",
        ("UPDATE withdrawal SET amount_kopecks = 7, manual_kopecks = 0",),
    ),
    (
        "two_people_see_to_it",
        (
            loose("refund", "approved_before_sent"),
            "UPDATE refund SET needs_approval = true, status = 'sending'"
            " WHERE id = :going",
        ),
    ),
    (
        "two_people_see_to_it",
        (
            loose("withdrawal", "four_eyes"),
            "UPDATE withdrawal SET approved_by = prepared_by",
        ),
    ),
    (
        "two_people_see_to_it",
        (
            loose("payout", "approved_before_exported"),
            "UPDATE payout SET approved_by = NULL",
        ),
    ),
    (
        "nobody_decides_on_their_own_money",
        ("UPDATE withdrawal SET prepared_by = :payer WHERE id = :withdrawal",),
    ),
    (
        "nobody_decides_on_their_own_money",
        ("UPDATE refund SET requested_by = :payer WHERE id = :going",),
    ),
    (
        "nobody_decides_on_their_own_money",
        (
            "INSERT INTO refund_claim (id, booking_id, opened_by, opened_as,"
            " reason_code, status, decided_by, decided_at, version)"
            " VALUES (gen_random_uuid(), :done, :payer, 'patient', 'other',"
            " 'accepted', :payer, app_now(), 2)",
        ),
    ),
    (
        "closed_calls_hold_no_money",
        (
            "UPDATE ledger_account a SET balance_kopecks = 5 FROM refund r"
            " WHERE r.id = :back AND a.kind = 'visit_prepaid'"
            " AND a.owner_id = r.booking_id",
        ),
    ),
    (
        "money_of_calls_adds_up",
        (
            loose("payment", "captured_when_succeeded"),
            "UPDATE payment SET captured_kopecks = captured_kopecks + 1"
            " WHERE id = :paid",
        ),
    ),
    (
        "finished_calls_are_earned_whole",
        ("UPDATE booking SET price_kopecks = price_kopecks + 1 WHERE id = :done",),
    ),
    (
        "finished_calls_are_earned_whole",
        ("UPDATE ledger_journal SET booking_id = :waiting WHERE booking_id = :done",),
    ),
    (
        "shares_are_the_payees",
        (
            "UPDATE assignment SET doctor_id = :payer"
            " WHERE booking_id = :done AND outcome = 'completed'",
        ),
    ),
    (
        "shares_are_the_payees",
        (
            "UPDATE booking SET clinic_id = (SELECT doctor_id FROM assignment"
            " WHERE booking_id = :done AND outcome = 'completed') WHERE id = :done",
        ),
    ),
    (
        "only_finished_calls_are_owed",
        (
            loose("ledger_account", "code_tells_owner"),
            "UPDATE ledger_account SET owner_id = :waiting"
            " WHERE kind = 'visit_receivable' AND owner_id <> :done",
        ),
    ),
    (
        "only_finished_calls_are_owed",
        (
            loose("ledger_account", "code_tells_owner"),
            "UPDATE ledger_account SET owner_id = :done, kind = 'visit_receivable'"
            " WHERE code = 'refund_in_transit'",
        ),
    ),
    (
        "prepaid_visits_have_closing_receipts",
        (
            'UPDATE payment SET request_body = \'{"receipt": {"items":'
            ' [{"payment_mode": "full_prepayment"}]}}\' WHERE id = :paid',
        ),
    ),
)


def test_every_rule_has_a_planted_offence() -> None:
    assert [rule.name for rule in MONEY_RULES] == list(dict(PLANTED))


async def test_each_rule_finds_what_was_planted_against_it(
    session: AsyncSession, world: World
) -> None:
    rules = {rule.name: rule for rule in MONEY_RULES}
    missed = []
    for name, statements in PLANTED:
        attempt = await session.begin_nested()
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            known = {
                key: value
                for key, value in world.names.items()
                if f":{key}" in statement
            }
            await session.execute(text(statement), known)
        found = await invariants.check_rule(session, rules[name])
        await attempt.rollback()
        if {violation.rule for violation in found} != {name}:
            missed.append((name, statements))
    assert missed == []


async def test_sound_books_break_no_rule(session: AsyncSession, world: World) -> None:
    await _break_no_rule(session)
    payer, done = world.payer, world.done
    await money_rows.payment(session, done, 100, PaymentStatus.FAILED)
    paying = await factories.booking(session, payer)
    await money_rows.payment(session, paying, 50_000, method=PaymentMethod.WALLET)
    unwound = (postings.REVENUE, 0, 30_000)
    await money_rows.refund(
        session, world.paid, 30_000, RefundStatus.REJECTED, unwound=unwound
    )
    doctor = postings.doctor(await _doctor_of(session, done))
    await money_rows.refund(
        session,
        world.paid,
        40_000,
        RefundStatus.SUCCEEDED,
        Destination.MANUAL,
        unwound=(doctor, 25_000, 15_000),
    )
    await money_rows.withdrawal(
        session, payer.id, 1_000, status=WithdrawalStatus.REJECTED
    )
    await money_rows.payout(
        session, await _doctor_of(session, done), 500, PayoutStatus.REVERSED
    )
    given = postings.compensated(factories.nobody(), done.id, payer.id, 900)
    await ledger.post(session, SYSTEM, given)
    await ledger.post(session, SYSTEM, postings.settled("november", 100_000))
    await settle(session)
    await _break_no_rule(session)


async def _break_no_rule(session: AsyncSession) -> None:
    for rule in MONEY_RULES:
        assert await invariants.check_rule(session, rule) == [], rule.name


async def _doctor_of(session: AsyncSession, booking: Booking) -> uuid.UUID:
    found = await session.scalar(
        text("SELECT doctor_id FROM assignment WHERE booking_id = :id"),
        {"id": booking.id},
    )
    assert isinstance(found, uuid.UUID)
    return found
