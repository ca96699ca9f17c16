"""What a doctor may read: as little as the stage of the visit needs.

Before accepting: the district, the age, the complaint. From then on, and for some
hours after completion: name, phone, address, allergies and conditions. A visit
that was lost is gone at once.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, BookingItem, Outcome, PatientProfile, User
from models.booking import Status
from models.patient_profile import Sex
from services import pages, settings
from services.actor import Actor
from services.booking_reads import items_of
from services.errors import NotFound
from services.pages import Page, Wanted
from services.permissions import Permission, demand


@dataclass(frozen=True)
class Subject:
    """Who is ill, with their own medical facts."""

    age: int | None
    name: str | None = None
    birth_date: date | None = None
    sex: Sex | None = None
    allergies: str | None = None
    chronic_conditions: str | None = None
    contact_phone: str | None = None


@dataclass(frozen=True)
class Visit:
    """A call as its doctor sees it; `known` once they have accepted."""

    booking: Booking
    turn: Assignment
    known: bool
    subject: Subject
    patient: User | None = None
    items: Sequence[BookingItem] = ()


async def visit(session: AsyncSession, actor: Actor, booking_id: uuid.UUID) -> Visit:
    """Show one of the doctor's own visits."""
    query = (await _mine(session, actor)).where(col(Booking.id) == booking_id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound
    return (await _visits(session, [row]))[0]


async def visits(
    session: AsyncSession,
    actor: Actor,
    wanted: Wanted,
    statuses: Sequence[Status] = (),
) -> Page[Visit]:
    """List the doctor's visits, running or finished a short time ago."""
    query = await _mine(session, actor)
    if statuses:
        query = query.where(col(Booking.status).in_(statuses))
    rows = (await session.execute(pages.newest_first(query, Booking, wanted))).all()
    page = pages.cut([row[0] for row in rows], wanted)
    return Page(await _visits(session, rows[: len(page.items)]), page.next)


async def _mine(session: AsyncSession, actor: Actor) -> Any:
    demand(actor, Permission.DOCTOR_DUTY)
    hours = await settings.get(session, settings.DOCTOR_ACCESS_HOURS)
    fresh = sa.func.app_now() - timedelta(hours=hours)
    today = sa.cast(sa.func.timezone("Europe/Moscow", sa.func.app_now()), sa.Date)
    return (
        sa.select(Booking, Assignment, User, PatientProfile, today)
        .join(Assignment, col(Assignment.booking_id) == col(Booking.id))
        .join(User, col(User.id) == col(Booking.patient_id))
        .outerjoin(PatientProfile, col(PatientProfile.user_id) == col(User.id))
        .where(
            col(Assignment.doctor_id) == actor.user_id,
            sa.or_(
                col(Assignment.released_at).is_(None),
                sa.and_(
                    col(Assignment.outcome) == Outcome.COMPLETED,
                    col(Booking.completed_at) > fresh,
                ),
            ),
        )
    )


async def _visits(
    session: AsyncSession,
    rows: Sequence[Any],
) -> list[Visit]:
    items = await items_of(session, [row[0].id for row in rows])
    return [_visit(row, items.get(row[0].id, [])) for row in rows]


def _visit(row: Any, items: Sequence[BookingItem]) -> Visit:
    booking, turn, patient, profile, today = row
    who = subject_of(booking, patient, profile, today)
    if booking.status is Status.ASSIGNED:
        return Visit(booking, turn, known=False, subject=Subject(who.age))
    return Visit(booking, turn, known=True, subject=who, patient=patient, items=items)


def subject_of(
    booking: Booking, patient: User, profile: PatientProfile | None, today: date
) -> Subject:
    """Tell who is ill: another person's facts never mix with the holder's."""
    if booking.for_another:
        return Subject(
            age_on(today, booking.subject_birth_date),
            booking.subject_name,
            booking.subject_birth_date,
            booking.subject_sex,
            booking.subject_allergies,
            booking.subject_chronic_conditions,
            booking.subject_contact_phone,
        )
    profile = profile or PatientProfile(user_id=patient.id)
    return Subject(
        age_on(today, profile.birth_date),
        patient.full_name,
        profile.birth_date,
        profile.sex,
        profile.allergies,
        profile.chronic_conditions,
        patient.phone,
    )


def age_on(today: date, born: date | None) -> int | None:
    """Count full years."""
    if born is None:
        return None
    before_birthday = (today.month, today.day) < (born.month, born.day)
    return today.year - born.year - before_birthday
