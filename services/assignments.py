"""Which doctor comes when: assign, replan, reassign, unassign and undo."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, BookingEvent, Outcome
from models.booking import Verb
from models.role_grant import Role
from services import booking_steps, eligibility, planning
from services.actor import Actor
from services.booking_steps import Step, begin, finish, release
from services.eligibility import Doctor, lock_doctors
from services.errors import (
    DoctorBusy,
    DoctorNotEligible,
    IllegalTransition,
    NotFound,
)
from services.i18n import gettext
from services.inputs import wrong
from services.permissions import Permission, demand
from services.planning import Busy, Day, Plan

# A form filled in a few minutes ago may still say «now».
PAST_ALLOWED = timedelta(minutes=5)
BEGUN = sa.or_(
    col(Assignment.departed_at).is_not(None), col(Assignment.started_at).is_not(None)
)


async def assign(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    doctor_id: uuid.UUID,
    version: int | None,
    planned_start: datetime | None = None,
) -> Booking:
    """Give a waiting call to a doctor, at the earliest free moment if none is said."""
    step = await begin(session, actor, Verb.ASSIGN, booking_id, version)
    await lock_doctors(session, doctor_id)
    plan = await _place(step, doctor_id, planned_start)
    return await finish(step, doctor_id=str(doctor_id), **_told(plan))


async def replan(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    planned_start: datetime,
    version: int | None,
) -> Booking:
    """Move the plan of a visit that has not begun."""
    step = await begin(session, actor, Verb.REPLAN, booking_id, version)
    turn = step.running
    await lock_doctors(session, turn.doctor_id)
    doctor = await eligibility.load_doctor(session, turn.doctor_id, step.booking)
    plan = await _plan(step, doctor, planned_start)
    was = turn.planned_start
    turn.planned_start, turn.planned_window = plan.start, plan.window
    turn.travel_minutes = plan.travel_minutes
    step.told.add(turn.doctor_id)
    return await finish(
        step, doctor_id=str(turn.doctor_id), was=was.isoformat(), **_told(plan)
    )


async def reassign(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    doctor_id: uuid.UUID,
    version: int | None,
    planned_start: datetime | None = None,
) -> Booking:
    """Take the call from one doctor and give it to another in one step."""
    step = await begin(session, actor, Verb.REASSIGN, booking_id, version)
    first = step.running
    if first.doctor_id == doctor_id:
        raise IllegalTransition("The call is with this doctor already.")
    await lock_doctors(session, first.doctor_id, doctor_id)
    release(step, Outcome.REASSIGNED)
    await booking_steps.flush(session)
    plan = await _place(step, doctor_id, planned_start)
    return await finish(
        step,
        doctor_id=str(doctor_id),
        from_doctor_id=str(first.doctor_id),
        from_planned_start=first.planned_start.isoformat(),
        **_told(plan),
    )


async def unassign(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    version: int | None,
    reason: str | None = None,
) -> Booking:
    """Take the doctor off; the call waits again."""
    step = await begin(session, actor, Verb.UNASSIGN, booking_id, version)
    return await _take_off(step, reason)


async def undo(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, version: int
) -> Booking:
    """Take back the assignment or reassignment that made this version.

    After a reassignment the first doctor gets the call again if still free and
    able; else it waits, and the status of the answer says so.
    """
    step = await begin(session, actor, Verb.UNASSIGN, booking_id, version)
    query = select(BookingEvent).where(
        col(BookingEvent.booking_id) == booking_id,
        col(BookingEvent.version) == version,
    )
    event = (await session.exec(query)).one()
    if event.event == Verb.REASSIGN:
        return await _give_back(step, event)
    if event.event == Verb.ASSIGN:
        return await _take_off(step, None, undone=event.version)
    raise IllegalTransition("There is nothing to undo.")


async def unassign_all(
    session: AsyncSession, actor: Actor, doctor_id: uuid.UUID, reason: str
) -> Sequence[Booking]:
    """Take a doctor who is being blocked off all visits not begun; list them.

    The doctor's row stays locked, so that nobody assigns them meanwhile.
    """
    demand(actor, Permission.DOCTOR_BLOCK)
    mine = sa.and_(
        col(Assignment.doctor_id) == doctor_id,
        col(Assignment.released_at).is_(None),
        ~BEGUN,
    )
    key = col(Assignment.booking_id)
    query = select(key).where(mine).order_by(key)
    for booking_id in (await session.exec(query)).all():
        await booking_steps.lock_booking(session, booking_id)
    await lock_doctors(session, doctor_id)
    lost = []
    for booking_id in (await session.exec(query)).all():
        booking = await booking_steps.lock_booking(session, booking_id)
        turn, now = await booking_steps.running_turn(session, booking_id)
        step = Step(session, actor, Verb.UNASSIGN, booking, turn, now)
        lost.append(await _take_off(step, reason, blocked=True))
    return lost


async def _take_off(step: Step, reason: str | None, **data: Any) -> Booking:
    turn = release(step, Outcome.UNASSIGNED, reason)
    return await finish(step, comment=reason, doctor_id=str(turn.doctor_id), **data)


async def _give_back(step: Step, event: BookingEvent) -> Booking:
    """Undo a reassignment."""
    first = uuid.UUID(event.data["from_doctor_id"])
    planned_start = datetime.fromisoformat(event.data["from_planned_start"])
    second = step.running
    await lock_doctors(step.session, first, second.doctor_id)
    release(step, Outcome.UNASSIGNED)
    await booking_steps.flush(step.session)
    try:
        plan = await _place(step, first, max(planned_start, step.now))
    except (DoctorBusy, DoctorNotEligible):
        return await finish(step, doctor_id=str(second.doctor_id), undone=event.version)
    step.verb = Verb.REASSIGN
    return await finish(
        step,
        doctor_id=str(first),
        from_doctor_id=str(second.doctor_id),
        from_planned_start=second.planned_start.isoformat(),
        undone=event.version,
        **_told(plan),
    )


async def _place(
    step: Step, doctor_id: uuid.UUID, planned_start: datetime | None
) -> Plan:
    """Check the doctor, whose row is locked, and begin their turn."""
    doctor = await eligibility.load_doctor(step.session, doctor_id, step.booking)
    if step.actor.acting_as is Role.CLINIC:
        _demand_of_clinic(step.booking, doctor)
    plan = await _plan(step, doctor, planned_start)
    turn = Assignment(
        booking_id=step.booking.id,
        doctor_id=doctor_id,
        stop_id=step.booking.stop_id,
        planned_start=plan.start,
        planned_window=plan.window,
        travel_minutes=plan.travel_minutes,
        assigned_by=step.actor.user_id,
        assigned_at=step.now,
    )
    step.session.add(turn)
    step.turn = turn
    step.told.add(doctor_id)
    return plan


def _demand_of_clinic(booking: Booking, doctor: Doctor) -> None:
    if doctor.clinic_id != booking.clinic_id:
        raise NotFound("There is no such doctor.")


async def _plan(step: Step, doctor: Doctor, planned_start: datetime | None) -> Plan:
    """Find or check the start; refuse with every reason, or with what clashes."""
    booking = step.booking
    day = Day(
        await planning.busy_times(step.session, doctor.doctor_id, besides=booking.id),
        doctor.origin,
        planning.point_of(booking),
        booking.stop_id,
        await planning.visit_minutes(step.session, booking),
        step.now,
        doctor.hours,
    )
    if planned_start is None:
        plan = day.earliest(max(step.now, booking.wanted_from or step.now))
    else:
        _demand_not_past(planned_start, step.now)
        plan = day.at(planned_start)
    eligibility.refuse(eligibility.reasons_against(doctor, booking, plan, step.now))
    clash = day.clash(plan)
    if clash is not None:
        raise _busy(clash, day.earliest(planned_start or step.now))
    if planned_start is None and _too_late(booking, plan):
        wanted = day.at(max(step.now, booking.wanted_from or step.now))
        eligibility.refuse(
            eligibility.reasons_against(doctor, booking, wanted, step.now)
        )
        raise _busy(day.clash(wanted), plan)
    return plan


def _demand_not_past(planned_start: datetime, now: datetime) -> None:
    if planned_start < now - PAST_ALLOWED:
        message = gettext("The planned time has passed")
        raise wrong("planned_start", message)


def _too_late(booking: Booking, plan: Plan) -> bool:
    return booking.wanted_to is not None and plan.start > booking.wanted_to


def _busy(clash: Busy | None, earliest: Plan) -> DoctorBusy:
    """Say what stands in the way and when the doctor is free at the earliest."""
    conflict = clash and {
        "booking_id": str(clash.booking_id),
        "number": f"B-{clash.number}",
        "from": clash.starts.isoformat(),
        "to": clash.ends.isoformat(),
        "planned_start": clash.planned_start.isoformat(),
    }
    return DoctorBusy(conflict=conflict, earliest_start=earliest.start.isoformat())


def _told(plan: Plan) -> dict[str, Any]:
    return {
        "planned_start": plan.start.isoformat(),
        "travel_minutes": plan.travel_minutes,
    }
