"""Today in figures, for the first page of the console."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Booking,
    ClinicProfile,
    DoctorApplication,
    DoctorProfile,
    DoctorState,
    Document,
    ProfileChange,
    RoleGrant,
    User,
)
from models.booking import ACTIVE, Status
from models.doctor_application import ApplicationStatus
from models.profile_change import ChangeStatus
from models.role_grant import STAFF_ROLES
from services import renewed_papers

# Midnight in Moscow, by the database's clock.
TODAY = sa.text(
    "date_trunc('day', app_now() AT TIME ZONE 'Europe/Moscow')"
    " AT TIME ZONE 'Europe/Moscow'"
)
MONTH_AHEAD = sa.text("(app_now() + interval '30 days')::date")


async def calls(session: AsyncSession) -> Mapping[Status, int]:
    """Open calls by status, and today's finished ones."""
    status, number = col(Booking.status), sa.func.count()
    open_now = sa.select(status, number).where(status.in_(ACTIVE)).group_by(status)
    counts: dict[Status, int] = dict.fromkeys(Status, 0)
    for each, count in await session.execute(open_now):
        counts[each] = count
    ends = {
        Status.COMPLETED: col(Booking.completed_at),
        Status.CANCELLED: col(Booking.cancelled_at),
    }
    for each, stamp in ends.items():
        query = sa.select(number).where(status == each, stamp >= TODAY)
        counts[each] = await session.scalar(query) or 0
    return counts


async def taken_today(session: AsyncSession) -> int:
    """Calls taken since midnight."""
    query = sa.select(sa.func.count()).where(col(Booking.created_at) >= TODAY)
    return await session.scalar(query) or 0


async def quoted_today(session: AsyncSession) -> int:
    """Kopecks quoted for the visits that were completed today."""
    total = sa.func.coalesce(sa.func.sum(col(Booking.price_kopecks)), 0)
    done = sa.select(total).where(
        col(Booking.status) == Status.COMPLETED, col(Booking.completed_at) >= TODAY
    )
    return int(await session.scalar(done) or 0)


async def doctors(session: AsyncSession) -> Mapping[str, int]:
    """Doctors aboard, on duty, and with documents that end soon."""
    profile = (
        sa.select(sa.func.count())
        .select_from(DoctorProfile)
        .join(User, col(User.id) == col(DoctorProfile.user_id))
        .where(col(User.blocked_at).is_(None))
    )
    duty = profile.join(
        DoctorState, col(DoctorState.doctor_id) == col(DoctorProfile.user_id)
    )
    ends = sa.func.least(
        col(DoctorProfile.licence_expires_on), col(DoctorProfile.documents_valid_until)
    )
    return {
        "all": await session.scalar(profile) or 0,
        "on_duty": await session.scalar(duty.where(col(DoctorState.on_duty))) or 0,
        "ending": await session.scalar(profile.where(ends < MONTH_AHEAD)) or 0,
    }


async def applications(session: AsyncSession) -> Mapping[str, int]:
    """What waits for a curator, and for how many days the longest has waited."""
    state, since = col(DoctorApplication.status), col(DoctorApplication.submitted_at)
    waited = sa.func.app_now() - sa.func.min(since)
    days = sa.cast(sa.func.extract("day", waited), sa.Integer)
    waiting = sa.select(sa.func.count(), days).where(
        state == ApplicationStatus.SUBMITTED
    )
    count, longest = (await session.execute(waiting)).one()
    changes = sa.select(sa.func.count()).where(
        col(ProfileChange.status) == ChangeStatus.PENDING
    )
    age = sa.func.app_now() - sa.func.min(col(Document.created_at))
    papers = (
        sa.select(sa.func.count(), sa.cast(sa.func.extract("day", age), sa.Integer))
        .select_from(Document)
        .join(DoctorApplication, renewed_papers.TO_CHECK)
    )
    waiting_papers, papers_wait = (await session.execute(papers)).one()
    return {
        "applications": count,
        "days": longest or 0,
        "changes": await session.scalar(changes) or 0,
        "papers": waiting_papers,
        "papers_days": papers_wait or 0,
    }


async def clinics(session: AsyncSession) -> int:
    """Clinics that take calls."""
    query = sa.select(sa.func.count()).where(col(ClinicProfile.active))
    return await session.scalar(query) or 0


async def people(session: AsyncSession) -> Mapping[str, int]:
    """Members of staff and blocked accounts."""
    staff = sa.select(sa.func.count()).where(
        col(RoleGrant.revoked_at).is_(None), col(RoleGrant.role).in_(STAFF_ROLES)
    )
    blocked = sa.select(sa.func.count()).where(col(User.blocked_at).is_not(None))
    return {
        "staff": await session.scalar(staff) or 0,
        "blocked": await session.scalar(blocked) or 0,
    }
