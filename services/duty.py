"""Whether doctors work now, and where they are."""

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, DoctorProfile, DoctorState
from models.base import uuid7
from services import audit, clock, live
from services.acting_doctor import acting_doctor
from services.actor import Actor
from services.eligibility import lock_doctors
from services.errors import Conflict, VisitUnderWay
from services.permissions import Permission

HAND, PLAN = "hand", "plan"


async def set_duty(
    session: AsyncSession,
    actor: Actor,
    on_duty: bool,
    doctor_id: uuid.UUID | None = None,
) -> None:
    """Begin or end a doctor's work; a visit under way has to end first.

    Visits planned for later stay with the doctor, and the board shows them red.
    """
    doctor_id = await acting_doctor(session, actor, Permission.DOCTOR_DUTY, doctor_id)
    await lock_doctors(session, doctor_id)
    if not on_duty and await under_way(session, doctor_id):
        raise VisitUnderWay
    if on_duty:
        await _demand_may_work(session, doctor_id)
    await switch(session, actor, doctor_id, on_duty, HAND)


async def stop(session: AsyncSession, actor: Actor, doctor_id: uuid.UUID) -> None:
    """End the work of a doctor whose papers ran out, unless a visit is under way."""
    await lock_doctors(session, doctor_id)
    if not await under_way(session, doctor_id):
        await switch(session, actor, doctor_id, False, HAND)


async def switch(
    session: AsyncSession, actor: Actor, doctor_id: uuid.UUID, on_duty: bool, by: str
) -> None:
    """Set the duty of a doctor whose row the caller has locked; `by` hand or plan."""
    row = insert(DoctorState).values(
        id=uuid7(),
        doctor_id=doctor_id,
        on_duty=on_duty,
        duty_by=by,
        duty_changed_at=await clock.now(session),
    )
    changed = await session.execute(
        row.on_conflict_do_update(
            index_elements=["doctor_id"],
            set_={
                "on_duty": row.excluded.on_duty,
                "duty_by": row.excluded.duty_by,
                "duty_changed_at": row.excluded.duty_changed_at,
            },
            where=col(DoctorState.on_duty) != row.excluded.on_duty,
        ).returning(col(DoctorState.id))
    )
    if changed.one_or_none() is not None:
        action = "doctor.on_duty" if on_duty else "doctor.off_duty"
        audit.record(session, actor, action, "doctor", doctor_id, by=by)
        await live.announce(session, live.Topic.DOCTOR, doctor_id)


async def set_position(
    session: AsyncSession,
    actor: Actor,
    latitude: float,
    longitude: float,
    accuracy_m: float | None = None,
    at: datetime | None = None,
) -> None:
    """Remember where the doctor is; news from the past never hide fresher ones.

    A clock that runs ahead counts as now, or it would silence all that follows.
    """
    doctor_id = await acting_doctor(session, actor, Permission.DOCTOR_DUTY, None)
    now = await clock.now(session)
    row = insert(DoctorState).values(
        id=uuid7(),
        doctor_id=doctor_id,
        on_duty=False,
        latitude=latitude,
        longitude=longitude,
        accuracy_m=accuracy_m,
        position_at=min(at or now, now),
    )
    written = ("latitude", "longitude", "accuracy_m", "position_at")
    changed = await session.execute(
        row.on_conflict_do_update(
            index_elements=["doctor_id"],
            set_={name: row.excluded[name] for name in written},
            where=sa.func.coalesce(
                col(DoctorState.position_at) <= row.excluded.position_at, sa.true()
            ),
        ).returning(col(DoctorState.id))
    )
    if changed.one_or_none() is not None:
        await live.announce(session, live.Topic.DOCTOR, doctor_id)


async def _demand_may_work(session: AsyncSession, doctor_id: uuid.UUID) -> None:
    query = select(DoctorProfile).where(col(DoctorProfile.user_id) == doctor_id)
    fresh = query.execution_options(populate_existing=True)
    profile = (await session.exec(fresh)).one()
    if profile.suspended_at is not None:
        raise Conflict("The doctor's work is suspended.")
    today = (await clock.now(session)).astimezone(clock.MOSCOW).date()
    if profile.valid_until < today:
        raise Conflict("The doctor's licence or documents have run out.")


async def under_way(session: AsyncSession, doctor_id: uuid.UUID) -> bool:
    """Whether the doctor is on the way to a patient or with one."""
    query = sa.exists().where(
        col(Assignment.doctor_id) == doctor_id,
        col(Assignment.released_at).is_(None),
        sa.or_(
            col(Assignment.departed_at).is_not(None),
            col(Assignment.started_at).is_not(None),
        ),
    )
    return bool(await session.scalar(sa.select(query)))
