"""Papers that run out: warnings ahead, and the end of duty on the day after the last.

Who may be assigned is decided by the dates themselves, see services/eligibility.py;
this job only tells people and ends duty, so a late run leaves no door open.
"""

from datetime import date, timedelta

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import DoctorProfile, DoctorState, User
from models.role_grant import Role
from services import clock, duty, jobs
from services.actor import SYSTEM
from services.edges import in_transaction
from services.notifications import Notice, notify, notify_role

WARNED_DAYS = (1, 7, 30)
# Nobody is woken by a warning; duty ends at midnight all the same.
FIRST_HOUR = 9
# Whose papers ran out longer ago was told long ago.
TOLD_FOR = timedelta(days=30)
ENDS = sa.func.least(
    col(DoctorProfile.licence_expires_on), col(DoctorProfile.documents_valid_until)
)
WORKING = sa.and_(
    col(DoctorProfile.approved_at).is_not(None),
    col(DoctorProfile.suspended_at).is_(None),
    col(User.blocked_at).is_(None),
)


async def stop_expired(session: AsyncSession) -> None:
    """End the duty of everybody whose last valid day is over in Moscow."""
    today = await clock.today(session)
    query = (
        sa.select(col(DoctorState.doctor_id))
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(DoctorState.doctor_id))
        .where(col(DoctorState.on_duty), today > ENDS)
        .order_by(col(DoctorState.doctor_id))
    )
    for doctor_id in (await session.scalars(query)).all():
        await duty.stop(session, SYSTEM, doctor_id)


async def warn(session: AsyncSession) -> None:
    """Tell doctors and curators of papers that end within 30, 7 and 1 days, or did.

    Each is told once for each date and border, however often this runs.
    """
    now = (await clock.now(session)).astimezone(clock.MOSCOW)
    if now.hour < FIRST_HOUR:
        return
    today = now.date()
    latest = today + timedelta(days=max(WARNED_DAYS))
    query = (
        select(DoctorProfile, User)
        .join(User, col(User.id) == col(DoctorProfile.user_id))
        .where(WORKING, ENDS.between(today - TOLD_FOR, latest))
        .order_by(col(User.id))
    )
    for profile, user in (await session.exec(query)).all():
        await _tell(session, user, profile.valid_until, today)


async def _tell(session: AsyncSession, user: User, ends: date, today: date) -> None:
    left = (ends - today).days
    border = next(days for days in WARNED_DAYS if left <= days)
    kind = "licence_expired" if left < 0 else "licence_expiring"
    key = f"{kind} {user.id} {ends} {border}"
    facts = {"day": ends.isoformat()}
    await notify(session, SYSTEM, Notice(kind, user.id, facts=facts, dedup_key=key))
    to_curators = Notice(
        "licence_expiring_curator",
        facts=facts | {"doctor": user.short_name, "doctor_id": str(user.id)},
        dedup_key=f"curator {key}",
    )
    await notify_role(session, SYSTEM, Role.CURATOR, to_curators)


# Moscow is whole hours from UTC, so a run falls one minute after its midnight.
@jobs.queue.periodic(cron="1 * * * *", periodic_id="expiry")
@jobs.queue.task(name="expiry.look", pass_context=True)
async def look_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Look every hour, so that a worker that was down at midnight makes up for it."""
    sessions = context.additional_context["sessions"]
    await in_transaction(sessions, stop_expired)
    await in_transaction(sessions, warn)
