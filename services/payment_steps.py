"""What all payment verbs share: locks, edges, the journal and the wake-up call.

Locks are taken in one order everywhere: booking, payment, refund, ledger accounts.
"""

import uuid
from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment
from models.payment import EDGES, FINAL, OPEN, PENDING, PaymentStatus
from services import audit, live
from services.actor import Actor
from services.booking_steps import lock_booking
from services.errors import NotFound

LOOK = "payment.look"
# An interactive call is over by then; who died in it is followed up.
FIRST_LOOK = timedelta(seconds=15)
# Lost answers are asked for soon and then ever more seldom.
LOST_PAUSES = (15, 30, 60, 120, 180, 300, 600, 1800)
# A payment can be made for an hour; a lost notice of it is made up for in minutes.
PENDING_PAUSES = (
    (timedelta(minutes=75), timedelta(minutes=2)),
    (timedelta(days=1), timedelta(minutes=15)),
)
SELDOM = timedelta(hours=1)


async def lock(session: AsyncSession, payment_id: uuid.UUID) -> tuple[Booking, Payment]:
    """Lock a payment after the call it is for."""
    query = select(Payment.booking_id).where(col(Payment.id) == payment_id)
    booking_id = (await session.exec(query)).one_or_none()
    if booking_id is None:
        raise NotFound
    booking = await lock_booking(session, booking_id)
    return booking, await lock_alone(session, payment_id)


async def lock_alone(session: AsyncSession, payment_id: uuid.UUID) -> Payment:
    """Lock a payment whose call is locked already, or is not touched at all."""
    query = select(Payment).where(col(Payment.id) == payment_id).with_for_update()
    found = await session.exec(query.execution_options(populate_existing=True))
    return found.one()


async def open_one(session: AsyncSession, booking_id: uuid.UUID) -> Payment | None:
    """Lock the attempt of a call that is open and not superseded, if there is one."""
    query = select(Payment).where(
        col(Payment.booking_id) == booking_id,
        col(Payment.status).in_(OPEN),
        col(Payment.superseded_at).is_(None),
    )
    query = query.with_for_update().execution_options(populate_existing=True)
    return (await session.exec(query)).one_or_none()


def advance(payment: Payment, target: PaymentStatus, now: datetime) -> bool:
    """Move an attempt along an edge; False, and no change, where none leads there."""
    if target not in EDGES[payment.status]:
        return False
    payment.status = target
    if target is PaymentStatus.SUCCEEDED:
        payment.captured_kopecks = payment.amount_kopecks
        payment.succeeded_at = now
    if target in FINAL:
        payment.ended_at, payment.next_look_at = now, None
    return True


async def finish(
    session: AsyncSession, actor: Actor, payment: Payment, verb: str, **data: object
) -> None:
    """Write a step: the row, the journal, and the call's boards turn."""
    audit.record(session, actor, f"payment.{verb}", "payment", payment.id, **data)
    await session.flush()
    await live.announce(session, live.Topic.CALL, payment.booking_id)


def pause(payment: Payment, now: datetime) -> timedelta:
    """How long to leave an open attempt alone after a look at it."""
    if payment.status is not PENDING:
        seconds = LOST_PAUSES[min(payment.tries, len(LOST_PAUSES) - 1)]
        return timedelta(seconds=seconds)
    age = now - (payment.key_used_at or payment.created_at)
    return next((wait for until, wait in PENDING_PAUSES if age < until), SELDOM)
