"""What a clinic sees: its own card, its own doctors, the calls handed to it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Booking,
    ClinicProfile,
    DoctorProfile,
    DoctorState,
    PatientProfile,
    User,
)
from models.booking import Status
from models.role_grant import Role
from services import pages
from services.actor import Actor
from services.booking_reads import BookingView, views
from services.booking_steps import clinic_of
from services.errors import Forbidden, NotFound
from services.pages import Page, Wanted
from services.visit_reads import subject_of


@dataclass(frozen=True)
class ClinicDoctor:
    """One of the clinic's doctors and whether they are at work."""

    user: User
    profile: DoctorProfile
    on_duty: bool


@dataclass(frozen=True)
class ClinicCall:
    """A call handed to the clinic, to be shown without name, phone, door or symptoms."""

    view: BookingView
    age: int | None


async def clinic(session: AsyncSession, actor: Actor) -> ClinicProfile:
    """Show the clinic that the actor manages."""
    found = await session.get(ClinicProfile, await own_clinic(session, actor))
    if found is None:  # pragma: no cover - a foreign key
        raise NotFound
    return found


async def doctors(
    session: AsyncSession, actor: Actor, wanted: Wanted
) -> Page[ClinicDoctor]:
    """List the clinic's own doctors."""
    clinic_id = await own_clinic(session, actor)
    query = (
        sa.select(User, DoctorProfile, sa.func.coalesce(DoctorState.on_duty, False))
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .outerjoin(DoctorState, col(DoctorState.doctor_id) == col(User.id))
        .where(col(DoctorProfile.clinic_id) == clinic_id)
    )
    rows = (
        await session.execute(pages.newest_first(query, DoctorProfile, wanted))
    ).all()
    page = pages.cut([row[1] for row in rows], wanted)
    return Page([ClinicDoctor(*row) for row in rows[: len(page.items)]], page.next)


async def calls(
    session: AsyncSession,
    actor: Actor,
    wanted: Wanted,
    statuses: Sequence[Status] = (),
) -> Page[ClinicCall]:
    """List the calls that are with the clinic now."""
    query = _calls_of(await own_clinic(session, actor))
    if statuses:
        query = query.where(col(Booking.status).in_(statuses))
    rows = (await session.execute(pages.newest_first(query, Booking, wanted))).all()
    page = pages.cut([row[0] for row in rows], wanted)
    return Page(await _seen(session, rows[: len(page.items)]), page.next)


async def call(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> ClinicCall:
    """Show one call that is with the clinic."""
    query = _calls_of(await own_clinic(session, actor))
    rows = (await session.execute(query.where(col(Booking.id) == booking_id))).all()
    if not rows:
        raise NotFound
    return (await _seen(session, rows))[0]


def _calls_of(clinic_id: uuid.UUID) -> Any:
    today = sa.cast(sa.func.timezone("Europe/Moscow", sa.func.app_now()), sa.Date)
    return (
        sa.select(Booking, User, PatientProfile, today)
        .join(User, col(User.id) == col(Booking.patient_id))
        .outerjoin(PatientProfile, col(PatientProfile.user_id) == col(User.id))
        .where(col(Booking.clinic_id) == clinic_id)
    )


async def _seen(session: AsyncSession, rows: Sequence[Any]) -> list[ClinicCall]:
    seen = await views(session, [row[0] for row in rows])
    return [ClinicCall(view, _age(*row)) for view, row in zip(seen, rows, strict=True)]


async def own_clinic(session: AsyncSession, actor: Actor) -> uuid.UUID:
    """Tell which clinic the actor manages."""
    if actor.acting_as is not Role.CLINIC:
        raise Forbidden
    clinic_id = await clinic_of(session, actor.user_id)
    if clinic_id is None:
        raise NotFound
    return clinic_id


def _age(
    booking: Booking, patient: User, profile: PatientProfile | None, today: date
) -> int | None:
    return subject_of(booking, patient, profile, today).age
