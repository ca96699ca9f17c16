"""What the assigned doctor does with a visit; dispatchers may do it on behalf."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, Outcome
from models.booking import Verb
from models.booking_words import Priority
from models.role_grant import Role
from services import earnings, extras, receipts, settings, visit_money
from services.actor import Actor
from services.booking_drafts import ItemInput
from services.booking_steps import Step, begin, finish, release
from services.eligibility import lock_doctors
from services.errors import DoctorUnderWay, PaymentRequired
from services.inputs import wrong


async def accept(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    reason: str | None = None,
    version: int | None = None,
) -> Booking:
    """The doctor takes the visit on; a dispatcher says why they speak for them."""
    step = await begin(session, actor, Verb.ACCEPT, booking_id, version)
    if actor.acting_as is not Role.DOCTOR and not reason:
        raise wrong("reason")
    step.running.accepted_at = step.now
    return await _told(step, reason)


async def decline(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    reason: str,
    version: int | None = None,
) -> Booking:
    """The doctor gives the visit back and is not asked again for this call."""
    step = await begin(session, actor, Verb.DECLINE, booking_id, version)
    turn = release(step, Outcome.DECLINED, reason)
    return await finish(step, comment=reason, doctor_id=str(turn.doctor_id))


async def depart(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    reason: str | None = None,
    version: int | None = None,
) -> Booking:
    """The doctor sets out; the plan stays where it is.

    Raises PaymentRequired where such a visit is paid in advance and is not yet.
    """
    step = await begin(session, actor, Verb.DEPART, booking_id, version)
    await _demand_paid(step)
    await _demand_nowhere_else(step)
    step.running.departed_at = step.now
    return await _told(step, reason)


async def start(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    reason: str | None = None,
    version: int | None = None,
) -> Booking:
    """The doctor is on scene, whether or not they pressed the buttons before."""
    step = await begin(session, actor, Verb.START, booking_id, version)
    await _demand_nowhere_else(step)
    step.running.started_at = step.now
    return await _told(step, reason)


async def complete(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    actual_minutes: int,
    conclusion: str,
    items: Sequence[ItemInput] = (),
    version: int | None = None,
) -> Booking:
    """The visit is over: how long it took, what was found, what was done.

    It is earned from now on, whether or not it has been paid.
    """
    step = await begin(session, actor, Verb.COMPLETE, booking_id, version)
    if not 1 <= actual_minutes <= 1440:
        raise wrong("actual_minutes")
    if not conclusion.strip():
        raise wrong("conclusion")
    await extras.add(session, actor, step.booking, items)
    booking, turn = step.booking, release(step, Outcome.COMPLETED)
    booking.completed_at = step.now
    booking.actual_minutes, booking.conclusion = actual_minutes, conclusion
    await finish(step, doctor_id=str(turn.doctor_id))
    await earnings.post_visit(session, actor, booking)
    await receipts.close(session, booking)
    return booking


async def _demand_paid(step: Step) -> None:
    """Money never stops an urgent call, nor a doctor who is at the door."""
    booking = step.booking
    prepayable = booking.call_type in settings.PREPAYABLE
    if not prepayable or booking.priority is Priority.EMERGENCY:
        return
    key = settings.prepay_key(booking.call_type)
    ahead = await settings.get(step.session, key)
    if ahead and await visit_money.due(step.session, booking) > 0:
        raise PaymentRequired


async def _told(step: Step, reason: str | None) -> Booking:
    doctor_id = step.running.doctor_id
    step.told.add(doctor_id)
    return await finish(step, comment=reason, doctor_id=str(doctor_id))


async def _demand_nowhere_else(step: Step) -> None:
    """One doctor is under way to, or at, one stop at a time."""
    turn = step.running
    await lock_doctors(step.session, turn.doctor_id)
    elsewhere = sa.exists().where(
        col(Assignment.doctor_id) == turn.doctor_id,
        col(Assignment.stop_id) != turn.stop_id,
        col(Assignment.released_at).is_(None),
        sa.or_(
            col(Assignment.departed_at).is_not(None),
            col(Assignment.started_at).is_not(None),
        ),
    )
    if await step.session.scalar(sa.select(elsewhere)):
        raise DoctorUnderWay
