"""The floor of a wallet payment: what a hand-written transaction says to PostgreSQL.

The same rows in the same tables, in as few statements as they need. The call is locked,
or two payments of it could pass each other; nothing else is looked up beforehand.
"""

import json
import uuid

import psycopg

from models.base import uuid7

CALL = "SELECT patient_id, price_kopecks FROM booking WHERE id = %s FOR UPDATE"
ACCOUNT = """
INSERT INTO ledger_account (id, code, kind, nature, owner_id, currency, guarded,
                            balance_kopecks, version)
VALUES (%s, %s, 'visit_prepaid', 'liability', %s, 'RUB', true, 0, 0)
"""
PAYMENT = """
INSERT INTO payment (id, booking_id, payer_id, method, status, amount_kopecks,
                     captured_kopecks, refunded_or_reserved_kopecks,
                     returned_or_reserved_kopecks, succeeded_at, ended_at, tries)
VALUES (%s, %s, %s, 'wallet', 'succeeded', %s, %s, 0, 0, app_now(), app_now(), 0)
"""
JOURNAL = """
INSERT INTO ledger_journal (id, idem_key, request_hash, kind, ref_type, ref_id,
                            booking_id, actor_id, acting_as, via)
VALUES (%s, %s, %s, 'payment', 'payment', %s, %s, %s, 'patient', 'api')
"""
ENTRIES = """
INSERT INTO ledger_entry (id, journal_id, account_id, amount_kopecks)
SELECT leg.id, %s, a.id, leg.amount
  FROM (VALUES (%s::uuid, %s, %s), (%s::uuid, %s, %s)) AS leg (id, code, amount)
  JOIN ledger_account a ON a.code = leg.code
"""
AUDIT = """
INSERT INTO audit_event (id, actor_id, acting_as, via, action, object_type, object_id,
                         data, request_id)
VALUES (%s, %s, 'patient', 'api', 'payment.succeeded', 'payment', %s, %s, '-')
"""
NOTIFY = "SELECT pg_notify('tot_live', %s)"


async def pay(
    connection: psycopg.AsyncConnection,
    booking_id: uuid.UUID,
    patient_id: uuid.UUID,
    amount: int,
) -> None:
    """Pay a call from the wallet."""
    payment, journal, prepaid = uuid7(), uuid7(), f"visit_prepaid:{booking_id}"
    key, said = f"payment:{payment}:succeeded", {"method": "wallet", "amount": amount}
    wake = json.dumps({"topic": "call", "id": str(booking_id)})
    legs = (uuid7(), f"wallet:{patient_id}", -amount, uuid7(), prepaid, amount)
    async with connection.transaction(), connection.cursor() as cursor:
        run = cursor.execute
        await run(CALL, (booking_id,))
        await cursor.fetchone()
        await run(ACCOUNT, (uuid7(), prepaid, booking_id))
        await run(PAYMENT, (payment, booking_id, patient_id, amount, amount))
        about = (payment, booking_id, patient_id)
        await run(JOURNAL, (journal, key, f"{payment.hex}{journal.hex}", *about))
        await run(ENTRIES, (journal, *legs))
        await run(AUDIT, (uuid7(), patient_id, payment, json.dumps(said)))
        await run(NOTIFY, (wake,))
