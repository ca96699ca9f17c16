"""The money of the demo's past: what visits earned and how they were paid.

It goes past the verbs like the past itself; the invariants are asked afterwards. The
local YooKassa is told the same payments, so that both sides agree from the start.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking
from models import Payment as Paid
from models.base import uuid7
from models.payment import PaymentMethod, PaymentStatus
from sandbox.yookassa.config import Config
from sandbox.yookassa.records import Payment
from sandbox.yookassa.store import Store
from services import audit, bulk_loader, clock, ledger, postings
from services.actor import SYSTEM

TABLES = ("payment", "ledger_account", "ledger_journal", "ledger_entry")
CARD_FEE = 350
NOBODY = "00000000-0000-0000-0000-000000000000"
# A uuid v7 of a moment, so that rows sort by when they were made.
IDENTITY = """CAST(lpad(to_hex(CAST(extract(epoch FROM {at}) * 1000 AS bigint)), 12, '0')
  || '7' || substr(md5(random()::text), 1, 3)
  || '8' || substr(md5(random()::text), 1, 15) AS uuid)"""
# Seventy of a hundred is the doctor's; one visit in fourteen is not paid yet.
VISITS = f"""
CREATE TEMP TABLE past_visit ON COMMIT DROP AS
SELECT v.*, {IDENTITY.format(at="v.completed_at")} AS earned_id,
       {IDENTITY.format(at="v.paid_at")} AS payment_id,
       {IDENTITY.format(at="v.paid_at")} AS paid_id,
       {IDENTITY.format(at="v.paid_at")} AS fee_id,
       CASE WHEN v.luck < 0.6 THEN 'card' ELSE 'sbp' END AS method,
       (v.price * CASE WHEN v.luck < 0.6 THEN {CARD_FEE} ELSE 70 END + 5000) / 10000 AS fee,
       'visit_receivable:' || v.booking_id AS owed,
       coalesce('clinic_payable:' || v.clinic_id, 'doctor_payable:' || v.doctor_id)
         AS payee
FROM (
  SELECT b.id AS booking_id, b.patient_id, b.clinic_id, a.doctor_id, b.completed_at,
         b.price_kopecks AS price, (b.price_kopecks * 7000 + 5000) / 10000 AS share,
         least(app_now(), b.completed_at + random() * interval '20 minutes')
           AS paid_at,
         random() AS luck, random() < 0.93 AS pays,
         NOT EXISTS (SELECT FROM ledger_journal j
                      WHERE j.booking_id = b.id AND j.kind = 'earned') AS bare
  FROM booking b JOIN assignment a
    ON a.booking_id = b.id AND a.outcome = 'completed'
  WHERE b.status = 'completed' AND b.price_kopecks >= 100
    AND b.extras_kopecks = 0
    AND b.completed_at >= app_now() - make_interval(days => :days)) v
"""  # noqa: S608 - made of constants only
ACCOUNTS = """
INSERT INTO ledger_account (id, code, kind, nature, owner_id, currency, guarded, version)
SELECT gen_random_uuid(), code, split_part(code, ':', 1),
       CASE WHEN starts_with(code, 'visit_receivable') THEN 'asset' ELSE 'liability' END,
       CAST(split_part(code, ':', 2) AS uuid), 'RUB', false, 0
FROM (SELECT owed AS code FROM past_visit UNION SELECT payee FROM past_visit) named
WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.code = named.code)
"""
PAYMENTS = """
INSERT INTO payment (id, created_at, updated_at, booking_id, payer_id, method, status,
  amount_kopecks, captured_kopecks, refunded_or_reserved_kopecks,
  returned_or_reserved_kopecks, request_body, key_used_at, provider_id, method_title,
  fee_kopecks, succeeded_at, ended_at, tries)
SELECT payment_id, paid_at, paid_at, booking_id, patient_id, method, 'succeeded',
  price, price, 0, 0, '{}', paid_at,
  lpad(to_hex(CAST(extract(epoch FROM paid_at) AS bigint) - 946684800), 8, '0')
    || '-000f-5000-8000-' || substr(md5(payment_id::text), 1, 12),
  CASE WHEN method = 'card'
       THEN '•••• ' || lpad(CAST(floor(luck * 100000) AS bigint)::text, 4, '0') END,
  fee, paid_at, paid_at, 1
FROM past_visit WHERE pays
"""
LINES = """
INSERT INTO audit_event (id, created_at, updated_at, actor_id, acting_as, via, action,
  object_type, object_id, data)
SELECT gen_random_uuid(), paid_at, paid_at, CAST(:nobody AS uuid), 'system', 'job',
       'payment.succeeded', 'payment', payment_id,
       jsonb_build_object('amount_kopecks', price)
FROM past_visit WHERE pays
"""
JOURNALS = f"""
INSERT INTO ledger_journal (id, created_at, updated_at, idem_key, request_hash, kind,
  ref_type, ref_id, booking_id, actor_id, acting_as, via)
SELECT id, at, at, idem_key, md5(idem_key), kind, ref_type, ref_id, booking_id,
       '{NOBODY}', 'system', 'job'
FROM (
  SELECT earned_id AS id, completed_at AS at, booking_id,
         'booking:' || booking_id || ':earned' AS idem_key, 'earned' AS kind,
         'booking' AS ref_type, booking_id AS ref_id FROM past_visit WHERE bare
  UNION ALL
  SELECT paid_id, paid_at, booking_id, 'payment:' || payment_id || ':succeeded',
         'payment', 'payment', payment_id FROM past_visit WHERE pays
  UNION ALL
  SELECT fee_id, paid_at, booking_id, 'payment:' || payment_id || ':fee', 'fee',
         'payment', payment_id FROM past_visit WHERE pays) made
"""  # noqa: S608 - made of constants only
ENTRIES = f"""
INSERT INTO ledger_entry (id, created_at, updated_at, journal_id, account_id,
                          amount_kopecks)
SELECT {IDENTITY.format(at="leg.at")}, leg.at, leg.at, leg.journal_id, a.id, leg.amount
FROM (
  SELECT earned_id AS journal_id, completed_at AS at, owed AS code, -price AS amount
    FROM past_visit WHERE bare
  UNION ALL SELECT earned_id, completed_at, payee, share FROM past_visit
    WHERE bare AND share > 0
  UNION ALL SELECT earned_id, completed_at, 'revenue_service', price - share
    FROM past_visit WHERE bare AND price > share
  UNION ALL SELECT paid_id, paid_at, 'psp_clearing', -price FROM past_visit WHERE pays
  UNION ALL SELECT paid_id, paid_at, owed, price FROM past_visit WHERE pays
  UNION ALL SELECT fee_id, paid_at, 'expense_psp_fee', -fee FROM past_visit
    WHERE pays AND fee > 0
  UNION ALL SELECT fee_id, paid_at, 'psp_clearing', fee FROM past_visit
    WHERE pays AND fee > 0) leg
JOIN ledger_account a ON a.code = leg.code
"""  # noqa: S608 - made of constants only
TOLD = """
SELECT p.id, p.provider_id, p.booking_id, p.method, p.amount_kopecks, p.succeeded_at
FROM payment p WHERE p.provider_id IS NOT NULL ORDER BY p.succeeded_at
"""


async def load(session: AsyncSession, days: int) -> None:
    """Let the visits of the last days be earned, and most of them be paid."""
    await bulk_loader.be_patient(session)
    async with bulk_loader.unfettered(session, *TABLES):
        await session.execute(sa.text(VISITS), {"days": days})
        connection = await session.connection()
        for statement in (ACCOUNTS, PAYMENTS, JOURNALS, ENTRIES):
            # Their colons are no parameters.
            await connection.exec_driver_sql(statement)
        await session.execute(sa.text(LINES), {"nobody": NOBODY})
    await bulk_loader.analyze(session, *TABLES)


async def pay_by_card(session: AsyncSession, booking: Booking) -> None:
    """Let a call that goes on be paid by card."""
    now, price = await clock.now(session), booking.price_kopecks or 0
    payment = Paid(
        booking_id=booking.id,
        payer_id=booking.patient_id,
        method=PaymentMethod.CARD,
        status=PaymentStatus.SUCCEEDED,
        amount_kopecks=price,
        captured_kopecks=price,
        request_body="{}",
        provider_id=str(uuid7()),
        method_title="•••• 4477",
        fee_kopecks=(price * CARD_FEE + 5000) // 10_000,
        key_used_at=now,
        succeeded_at=now,
        ended_at=now,
        tries=1,
    )
    session.add(payment)
    await session.flush()
    facts = {"amount_kopecks": price}
    audit.record(session, SYSTEM, "payment.succeeded", "payment", payment.id, **facts)
    came = postings.paid(payment.id, booking.id, postings.CLEARING, 0, price)
    await ledger.post(session, SYSTEM, came)
    fee = postings.fee(payment.id, booking.id, payment.fee_kopecks or 0)
    await ledger.post(session, SYSTEM, fee)


async def tell_provider(session: AsyncSession, state: Path, env: str) -> None:
    """Let the local YooKassa know the payments, in the file that it starts from."""
    rows = (await session.execute(sa.text(TOLD))).all()
    await asyncio.to_thread(_write, rows, state, env)


def _write(rows: Sequence[Any], state: Path, env: str) -> None:
    state.unlink(missing_ok=True)
    store = Store(str(state))
    for row in rows:
        store.put(_payment(row, store.next(), env))
    store.commit()
    store.db.close()


def _payment(row: Any, seq: int, env: str) -> Payment:
    at = int(row.succeeded_at.timestamp() * 1000)
    card = row.method == "card"
    return Payment(
        id=row.provider_id,
        seq=seq,
        shop=Config.shop,
        created_at=at,
        captured_at=at,
        amount=row.amount_kopecks,
        method="bank_card" if card else "sbp",
        method_asked=not card,
        capture=True,
        confirmation={},
        status="succeeded",
        metadata={
            "attempt_id": str(row.id),
            "booking_id": str(row.booking_id),
            "env": env,
        },
    )
