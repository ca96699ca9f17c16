"""Calls that wait beyond their deadline: the senior dispatchers are told, once.

A call that comes back from a doctor, or gets another deadline, is another breach.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from procrastinate import JobContext
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Notification, RoleGrant, User
from models.booking import Status
from models.role_grant import Role
from services import clock, jobs, sla
from services.actor import SYSTEM
from services.edges import in_transaction
from services.notification_kinds import CONSOLE
from services.notifications import Notice, notify

KIND = "sla_breach"
_TURNS = "(SELECT count(*) FROM assignment a WHERE a.booking_id = booking.id)"


async def look(session: AsyncSession) -> int:
    """Tell of every waiting call whose time is over and that was not told; how many."""
    now, limits = await clock.now(session), await sla.thresholds(session)
    late = {
        breach: booking
        for booking, breach in await _waiting(session)
        if _deadline(limits, booking).red_at <= now
    }
    known = await _told(session, [booking.id for booking in late.values()])
    fresh = {key: late[key] for key in late if key not in known}
    people = await seniors(session) if fresh else ()
    for breach, booking in fresh.items():
        starts_at = _deadline(limits, booking).starts_at
        minutes = int((now - starts_at).total_seconds() // 60)
        await _tell(session, people, booking, breach, minutes)
    return len(fresh)


async def seniors(session: AsyncSession) -> Sequence[uuid.UUID]:
    """The senior dispatchers; where nobody is, every dispatcher."""
    query = (
        sa.select(col(RoleGrant.user_id), col(RoleGrant.senior))
        .join(User, col(User.id) == col(RoleGrant.user_id))
        .where(
            col(RoleGrant.role) == Role.DISPATCHER,
            col(RoleGrant.revoked_at).is_(None),
            col(User.blocked_at).is_(None),
        )
        .order_by(col(RoleGrant.user_id))
    )
    found = (await session.execute(query)).all()
    senior = [user_id for user_id, is_senior in found if is_senior]
    return senior or [user_id for user_id, _ in found]


async def _waiting(session: AsyncSession) -> Sequence[tuple[Booking, str]]:
    """The calls without a doctor, each with what makes its breach another one."""
    turns: sa.ColumnElement[int] = sa.literal_column(_TURNS)
    query = select(Booking, turns).where(col(Booking.status) == Status.PENDING)
    rows = (await session.execute(query.order_by(col(Booking.id)))).all()
    return [(booking, _breach(booking, count)) for booking, count in rows]


def _breach(booking: Booking, turns: int) -> str:
    wanted = booking.wanted_from.isoformat() if booking.wanted_from else "now"
    return f"{booking.id} {turns} {booking.priority} {wanted}"


def _deadline(limits: sla.Thresholds, booking: Booking) -> sla.Deadline:
    return limits.deadline(
        booking.priority, booking.call_type, booking.created_at, booking.wanted_from
    )


async def _told(
    session: AsyncSession, booking_ids: Collection[uuid.UUID]
) -> Collection[str]:
    query = sa.select(col(Notification.facts)["breach"].astext).where(
        col(Notification.booking_id).in_(booking_ids), col(Notification.kind) == KIND
    )
    return set((await session.scalars(query)).all())


async def _tell(
    session: AsyncSession,
    people: Sequence[uuid.UUID],
    booking: Booking,
    breach: str,
    minutes: int,
) -> None:
    """In the console, and where it is heard by whoever does not look there."""
    facts: Mapping[str, Any] = {
        "call": booking.label,
        "district": booking.district,
        "minutes": minutes,
        "breach": breach,
    }
    for user_id in people:
        for channel in (CONSOLE, None):
            notice = Notice(
                KIND,
                user_id,
                channel,
                facts=facts,
                dedup_key=f"{KIND} {breach} {user_id} {channel or 'out'}",
                booking_id=booking.id,
            )
            await notify(session, SYSTEM, notice)


@jobs.queue.periodic(cron="* * * * *", periodic_id="sla")
@jobs.queue.task(name="sla.look", pass_context=True)
async def look_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Look every minute."""
    await in_transaction(context.additional_context["sessions"], look)
