"""Compensations: the house makes good for something, into the patient's wallet."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, LedgerEntry, LedgerJournal, User
from services import audit, clock, ledger, postings, refund_limits, settings
from services.actor import Actor
from services.amounts import roubles
from services.booking_steps import demand_ownership, lock_booking
from services.errors import Conflict
from services.i18n import gettext, use_locale
from services.inputs import wrong
from services.notifications import Notice, notify
from services.permissions import Permission, demand


class DayLimit(Conflict):
    """One person may not credit more in a day."""

    code = "day_limit"
    text = "You have credited {spent} today already; more than {most} is not allowed."


async def credit(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    kopecks: int,
    reason: str,
    token: uuid.UUID,
) -> bool:
    """Credit the wallet of a call's patient; False when this form did so before.

    `token` is the form's: a second click is the same compensation. The most at once,
    and for one person in a day, are settings. Raises LedgerConflict when the token was
    used for another sum or patient, DayLimit when the day's limit is reached.
    """
    demand(actor, Permission.COMPENSATE)
    await _demand_terms(session, kopecks, reason)
    booking = await lock_booking(session, booking_id)
    now = await clock.now(session)
    await demand_ownership(session, actor, booking, None, now)
    patient = await session.get_one(User, booking.patient_id)
    if patient.erased_at is not None:
        raise Conflict("The account of this patient is erased.")
    await refund_limits.take_turns(session, actor)
    spent = await _spent(session, actor, now)
    posting = postings.compensated(token, booking.id, patient.id, kopecks)
    if not await ledger.post(session, actor, posting):
        return False
    most = await settings.get(session, settings.COMPENSATION_DAY)
    if spent + kopecks > most:
        raise DayLimit(spent=roubles(spent), most=roubles(most))
    audit.record(
        session,
        actor,
        "wallet.compensated",
        "booking",
        booking.id,
        amount_kopecks=kopecks,
        reason=reason,
        token=str(token),
    )
    await _tell(session, actor, booking, patient, kopecks)
    return True


async def _demand_terms(session: AsyncSession, kopecks: int, reason: str) -> None:
    if not reason.strip():
        raise wrong("reason")
    most = await settings.get(session, settings.COMPENSATION_MOST)
    if not 1 <= kopecks <= most:
        message = gettext("From 1 kopeck to {most}.", most=roubles(most))
        raise wrong("amount_kopecks", message)


async def _spent(session: AsyncSession, actor: Actor, now: datetime) -> int:
    """Add up what the person has credited since midnight in Moscow."""
    local = now.astimezone(clock.MOSCOW)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    total = await session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(LedgerEntry.amount_kopecks), 0))
        .join(LedgerJournal, col(LedgerJournal.id) == col(LedgerEntry.journal_id))
        .where(
            col(LedgerJournal.kind) == "compensation",
            col(LedgerJournal.actor_id) == actor.user_id,
            col(LedgerJournal.created_at) >= midnight,
            col(LedgerEntry.amount_kopecks) > 0,
        )
    )
    return int(total or 0)


async def _tell(
    session: AsyncSession, actor: Actor, booking: Booking, patient: User, kopecks: int
) -> None:
    with use_locale(patient.locale):
        facts = {"call": booking.label, "amount": roubles(kopecks)}
    kind, booking_id = "refund_wallet", booking.id
    notice = Notice(kind, patient.id, facts=facts, booking_id=booking_id)
    await notify(session, actor, notice)
