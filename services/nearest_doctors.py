"""Who could come soon: told to the caller before the call exists.

An orientation only: the board's candidates weigh everything else.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile, DoctorState, User
from models.base import uuid7
from models.booking_words import CallType
from models.specialization import Specialization
from services import clock, settings
from services.actor import Actor
from services.permissions import Permission, demand
from services.planning import Day, Point, busy_times, distance_km, point_of

LOOKED_AT, SHOWN = 5, 3


@dataclass(frozen=True)
class NearDoctor:
    """A doctor on duty and when they could stand at the door."""

    doctor_id: uuid.UUID
    short_name: str
    arrives_at: datetime
    minutes: int
    distance_km: float
    free: bool


async def nearest_doctors(
    session: AsyncSession,
    actor: Actor,
    target: Point,
    specialization: Specialization,
    call_type: CallType,
) -> list[NearDoctor]:
    """List the soonest of the nearest doctors on duty who treat this."""
    demand(actor, Permission.BOARD_USE)
    now = await clock.now(session)
    length = await settings.get(
        session, settings.visit_minutes_key(call_type, specialization)
    )
    found = []
    for user, state in await _around(session, target, specialization):
        origin = point_of(state)
        assert origin is not None  # noqa: S101 - the query asks for one
        busy = await busy_times(session, user.id, besides=uuid7())
        day = Day(busy, origin, target, uuid7(), length, now)
        start = day.earliest(now).start
        found.append(
            NearDoctor(
                doctor_id=user.id,
                short_name=user.short_name,
                arrives_at=start,
                minutes=ceil((start - now).total_seconds() / 60),
                distance_km=round(distance_km(origin, target), 1),
                free=not any(each.starts <= now < each.ends for each in busy),
            )
        )
    return sorted(found, key=lambda each: each.arrives_at)[:SHOWN]


async def _around(
    session: AsyncSession, target: Point, specialization: Specialization
) -> Sequence[tuple[User, DoctorState]]:
    latitude, longitude = target
    distance = sa.func.point(col(DoctorState.longitude), col(DoctorState.latitude)).op(
        "<->"
    )(sa.func.point(longitude, latitude))
    today = sa.cast(sa.func.timezone("Europe/Moscow", sa.func.app_now()), sa.Date)
    query = (
        select(User, DoctorState)
        .join(DoctorState, col(DoctorState.doctor_id) == col(User.id))
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .where(
            col(DoctorState.on_duty),
            col(DoctorState.latitude).is_not(None),
            col(User.blocked_at).is_(None),
            col(DoctorProfile.approved_at).is_not(None),
            col(DoctorProfile.suspended_at).is_(None),
            col(DoctorProfile.specializations).contains([specialization.value]),
            sa.func.least(
                col(DoctorProfile.licence_expires_on),
                col(DoctorProfile.documents_valid_until),
            )
            >= today,
        )
        .order_by(distance)
        .limit(LOOKED_AT)
    )
    return (await session.exec(query)).all()
