"""Paying from the wallet: the ledger alone moves, at once, and nobody else is asked.

Few statements instead of the unit of work keep it near to what the rows themselves
cost. What is owed is asked once the call is locked: a statement that waits for a lock
sees other rows as they were before it waited.
"""

import json
import uuid
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment
from models.base import uuid7
from models.booking import Status
from models.booking_words import BookingSource, ExtraConsent
from models.payment import PaymentMethod, PaymentStatus
from services import direct, ledger, live, postings, visit_money
from services.actor import Actor
from services.booking_steps import demand_ownership
from services.errors import NotFound, NothingToPay
from services.request_id import current_request_id

_CALL = """
SELECT id, patient_id, status, source, price_kopecks, extras_kopecks, extra_consent,
       app_now() AS now
  FROM booking WHERE id = %(id)s FOR UPDATE
"""
# The attempt that it supersedes, the payment, the journal and the wake-up call.
_PAYMENT = f"""
WITH given_up AS (
  UPDATE payment SET superseded_at = app_now()
   WHERE booking_id = %(booking_id)s AND superseded_at IS NULL
     AND status IN ('created', 'unknown', 'pending')
  RETURNING id
), made AS (
  INSERT INTO payment (id, booking_id, payer_id, method, status, amount_kopecks,
                       captured_kopecks, refunded_or_reserved_kopecks,
                       returned_or_reserved_kopecks, succeeded_at, ended_at, tries)
  VALUES (%(id)s, %(booking_id)s, %(payer_id)s, 'wallet', 'succeeded', %(amount)s,
          %(amount)s, 0, 0, app_now(), app_now(), 0)
  RETURNING id, created_at, succeeded_at, ended_at
), steps AS (
  SELECT %(given_up_audit_id)s AS id, 'payment.superseded' AS action, given_up.id AS about,
         '{{}}' AS data FROM given_up
  UNION ALL
  SELECT %(audit_id)s, 'payment.succeeded', made.id, %(data)s FROM made
), journal AS (
  INSERT INTO audit_event (id, actor_id, acting_as, via, action, object_type,
                           object_id, data, request_id)
  SELECT steps.id, %(actor_id)s, %(acting_as)s, %(via)s, steps.action, 'payment',
         steps.about, CAST(steps.data AS jsonb), %(request_id)s FROM steps
)
SELECT made.*, CAST(pg_notify('{live.CHANNEL}', %(wake_up)s) AS text) FROM made
"""  # noqa: S608 - made of constants only


async def pay(session: AsyncSession, actor: Actor, booking_id: uuid.UUID) -> Payment:
    """Take all that is owed for one's own call out of the wallet.

    Gives the payment as it was written, past the unit of work. Raises NothingToPay
    when nothing is owed and InsufficientFunds when the wallet holds less.
    """
    booking = await _locked(session, actor, booking_id)
    amount = await visit_money.due(session, booking)
    if amount == 0:
        raise NothingToPay
    payment = await _written(session, actor, booking, amount)
    owed = amount if booking.status is Status.COMPLETED else 0
    purse = postings.wallet(booking.patient_id)
    posting = postings.paid(payment.id, booking.id, purse, owed, amount - owed)
    await ledger.post(session, actor, posting)
    return payment


async def _locked(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> Booking:
    """Lock the call and read of it what counts here, if it is the patient's own."""
    row: Any = await direct.fetch_one(session, _CALL, {"id": booking_id})
    if row is None:
        raise NotFound
    consent = row.extra_consent
    words = {
        "status": Status(row.status),
        "source": BookingSource(row.source),
        "extra_consent": None if consent is None else ExtraConsent(consent),
    }
    booking = direct.filled(Booking, row._asdict() | words)
    await demand_ownership(session, actor, booking, None, row.now)
    return booking


async def _written(
    session: AsyncSession, actor: Actor, booking: Booking, amount: int
) -> Payment:
    made = {"id": uuid7(), "booking_id": booking.id, "payer_id": booking.patient_id}
    said = {"method": PaymentMethod.WALLET, "amount_kopecks": amount}
    given = {
        **made,
        "amount": amount,
        "audit_id": uuid7(),
        "given_up_audit_id": uuid7(),
        "actor_id": actor.user_id,
        "acting_as": actor.acting_as,
        "via": actor.via,
        "data": json.dumps(said),
        "request_id": current_request_id(),
        "wake_up": json.dumps({"topic": live.Topic.CALL, "id": str(booking.id)}),
    }
    row: Any = await direct.fetch_one(session, _PAYMENT, given)
    facts = {
        "method": PaymentMethod.WALLET,
        "status": PaymentStatus.SUCCEEDED,
        "amount_kopecks": amount,
        "captured_kopecks": amount,
        "created_at": row.created_at,
        "succeeded_at": row.succeeded_at,
        "ended_at": row.ended_at,
    }
    return direct.filled(Payment, made | facts)
