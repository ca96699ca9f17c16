"""The visits of a clinic's own doctors: when and which, nothing about who is ill."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, DoctorProfile, User
from models.assignment import SHOWN
from models.booking import Status
from services import pages
from services.actor import Actor
from services.clinic_reads import own_clinic
from services.pages import Page, Wanted


@dataclass(frozen=True)
class ClinicVisit:
    """One visit of one of the clinic's doctors."""

    booking: Booking
    turn: Assignment
    doctor: User


async def visits(
    session: AsyncSession,
    actor: Actor,
    wanted: Wanted,
    statuses: Sequence[Status] = (),
) -> Page[ClinicVisit]:
    """List the visits of the clinic's own doctors, newest call first.

    A call that is with another clinic is that clinic's; a visit that ended before
    the doctor joined belongs to where the doctor was then.
    """
    clinic_id = await own_clinic(session, actor)
    query: Any = (
        sa.select(Booking, Assignment, User)
        .join(Assignment, col(Assignment.booking_id) == col(Booking.id))
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(Assignment.doctor_id))
        .join(User, col(User.id) == col(Assignment.doctor_id))
        .where(
            sa.text(SHOWN),
            col(DoctorProfile.clinic_id) == clinic_id,
            sa.func.coalesce(col(Booking.clinic_id), clinic_id) == clinic_id,
            sa.or_(
                col(Assignment.released_at).is_(None),
                col(Assignment.assigned_at) >= col(DoctorProfile.clinic_since),
            ),
        )
    )
    if statuses:
        query = query.where(col(Booking.status).in_(statuses))
    rows = (await session.execute(pages.newest_first(query, Booking, wanted))).all()
    page = pages.cut([row[0] for row in rows], wanted)
    return Page([ClinicVisit(*row) for row in rows[: len(page.items)]], page.next)
