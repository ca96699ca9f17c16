"""Doctors as patients may look them up: never where they are."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile, User
from models.specialization import Specialization
from services import pages
from services.pages import Page, Wanted


@dataclass(frozen=True)
class ListedDoctor:
    """One approved doctor."""

    user: User
    profile: DoctorProfile


async def directory(
    session: AsyncSession,
    wanted: Wanted,
    specialization: Specialization | None = None,
    district: str | None = None,
) -> Page[ListedDoctor]:
    """List approved doctors who are not blocked, newest first."""
    query = (
        sa.select(User, DoctorProfile)
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .where(
            col(DoctorProfile.approved_at).is_not(None),
            col(DoctorProfile.suspended_at).is_(None),
            col(User.blocked_at).is_(None),
        )
    )
    if specialization is not None:
        held = col(DoctorProfile.specializations)
        query = query.where(held.contains([specialization.value]))
    if district is not None:
        same = sa.func.lower(col(DoctorProfile.home_district)) == district.lower()
        query = query.where(same)
    rows = (
        await session.execute(pages.newest_first(query, DoctorProfile, wanted))
    ).all()
    page = pages.cut([row[1] for row in rows], wanted)
    return Page([ListedDoctor(*row) for row in rows[: len(page.items)]], page.next)
