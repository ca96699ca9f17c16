"""What all booking verbs share: lock, check, write, record, tell.

The order of the checks leaks nothing: permission, then ownership (a call of
somebody else is not found), then the version, then the edge.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, BookingEvent, ClinicMember, Outcome
from models.booking import EDGES, Verb, sources_of
from models.role_grant import Role
from services import (
    audit,
    booking_notices,
    chat_steps,
    live,
    proven_phones,
    settings,
    stale,
)
from services.actor import Actor
from services.errors import (
    DoctorBusy,
    DoctorUnderWay,
    Forbidden,
    IllegalTransition,
    NotFound,
)
from services.permissions import demand, permission_of

NETS = {
    "ex_assignment_one_place": DoctorBusy,
    "ex_assignment_under_way_once": DoctorUnderWay,
}
# Built once: every verb begins with it.
_LOCK = (
    select(Booking)
    .where(col(Booking.id) == sa.bindparam("id"))
    .with_for_update()
    .execution_options(populate_existing=True)
)


@dataclass
class Step:
    """One verb under way: the locked booking, its running turn, the moment."""

    session: AsyncSession
    actor: Actor
    verb: Verb
    booking: Booking
    turn: Assignment | None
    now: datetime
    told: set[uuid.UUID] = field(default_factory=set)

    @property
    def running(self) -> Assignment:
        """The running turn, for verbs whose edges start only where one runs."""
        assert self.turn is not None  # noqa: S101 - the edges guarantee it
        return self.turn


async def begin(
    session: AsyncSession,
    actor: Actor,
    verb: Verb,
    booking_id: uuid.UUID,
    version: int | None = None,
) -> Step:
    """Lock the booking and check everything that can be refused beforehand."""
    demand(actor, permission_of(verb))
    booking = await lock_booking(session, booking_id)
    turn, now = await running_turn(session, booking_id)
    await demand_ownership(session, actor, booking, turn, now)
    if version is not None and version != booking.version:
        raise await stale.error(session, actor, booking, now)
    if booking.status not in sources_of(verb, actor.acting_as):
        raise IllegalTransition
    return Step(session, actor, verb, booking, turn, now)


async def lock_booking(session: AsyncSession, booking_id: uuid.UUID) -> Booking:
    """Take the booking's row for the rest of the transaction."""
    booking = (await session.scalars(_LOCK, {"id": booking_id})).one_or_none()
    if booking is None:
        raise NotFound
    return booking


async def running_turn(
    session: AsyncSession, booking_id: uuid.UUID
) -> tuple[Assignment | None, datetime]:
    """Load the turn that has not ended, and the present moment."""
    moment = sa.select(sa.func.app_now().label("now")).subquery()
    query = (
        sa.select(Assignment, moment.c.now)
        .select_from(moment)
        .outerjoin(
            Assignment,
            sa.and_(
                col(Assignment.booking_id) == booking_id,
                col(Assignment.released_at).is_(None),
            ),
        )
        .execution_options(populate_existing=True)
    )
    turn, now = (await session.execute(query)).one()
    return turn, now


async def demand_ownership(
    session: AsyncSession,
    actor: Actor,
    booking: Booking,
    turn: Assignment | None,
    now: datetime,
) -> None:
    """Refuse whoever the call is not for; staff decide on no call of their own."""
    if actor.acting_as is Role.PATIENT:
        mine = booking.patient_id == actor.user_id and await proven_phones.may_see(
            session, actor.user_id, booking.source
        )
    elif actor.acting_as is Role.DOCTOR:
        mine = await _is_doctors(session, actor.user_id, booking, turn, now)
    elif actor.acting_as is Role.CLINIC:
        clinic_id = await clinic_of(session, actor.user_id)
        mine = clinic_id is not None and booking.clinic_id == clinic_id
    else:
        mine = True
    if not mine:
        raise NotFound
    if actor.acting_as is not Role.PATIENT and booking.patient_id == actor.user_id:
        raise Forbidden("Nobody decides on a call of their own.")


async def _is_doctors(
    session: AsyncSession,
    doctor_id: uuid.UUID,
    booking: Booking,
    turn: Assignment | None,
    now: datetime,
) -> bool:
    """A doctor has the running turn, or completed the visit a short time ago."""
    if turn is not None:
        return turn.doctor_id == doctor_id
    if booking.completed_at is None:
        return False
    hours = await settings.get(session, settings.DOCTOR_ACCESS_HOURS)
    if now >= booking.completed_at + timedelta(hours=hours):
        return False
    query = select(Assignment.doctor_id).where(
        col(Assignment.booking_id) == booking.id,
        col(Assignment.outcome) == Outcome.COMPLETED,
    )
    return (await session.exec(query)).one() == doctor_id


async def clinic_of(session: AsyncSession, user_id: uuid.UUID) -> uuid.UUID | None:
    """Tell which clinic this person manages."""
    query = select(ClinicMember.clinic_id).where(col(ClinicMember.user_id) == user_id)
    return (await session.exec(query)).one_or_none()


def release(step: Step, outcome: Outcome, reason: str | None = None) -> Assignment:
    """End the running turn; the doctor loses the visit in this transaction."""
    turn = step.running
    turn.released_at, turn.outcome = step.now, outcome
    turn.outcome_reason = reason
    step.told.add(turn.doctor_id)
    step.turn = None
    return turn


async def finish(step: Step, *, comment: str | None = None, **data: Any) -> Booking:
    """Write the step: the new status and version, history, journal, wake-up call."""
    booking, was = step.booking, step.booking.status
    booking.status = EDGES[step.verb].target or was
    booking.version += 1
    step.session.add(
        BookingEvent(
            booking_id=booking.id,
            version=booking.version,
            event=step.verb.value,
            from_status=was,
            to_status=booking.status,
            actor_id=step.actor.user_id,
            acting_as=step.actor.acting_as,
            via=step.actor.via.value,
            comment=comment,
            data=data,
        )
    )
    audit.record(
        step.session,
        step.actor,
        f"booking.{step.verb.value}",
        "booking",
        booking.id,
        version=booking.version,
        **data,
    )
    await flush(step.session)
    event = step.verb.value
    await chat_steps.tell(step.session, step.actor, booking.id, event, data)
    await booking_notices.tell(
        step.session, step.actor, step.verb, booking, step.turn, data
    )
    await live.announce(step.session, live.Topic.CALL, booking.id)
    for doctor_id in sorted(step.told):
        await live.announce(step.session, live.Topic.DOCTOR, doctor_id)
    return booking


async def flush(session: AsyncSession) -> None:
    """Write what is pending; the database's own nets become domain errors."""
    try:
        await session.flush()
    except IntegrityError as error:
        net = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        if net in NETS:
            raise NETS[net] from error
        raise
