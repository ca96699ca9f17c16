"""The right to be forgotten: an account is emptied, what accounting needs stays."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, User
from models.booking import ACTIVE
from models.notification import NotificationChannel
from models.role_grant import STAFF_ROLES, Role
from services import (
    anonymising,
    audit,
    live,
    open_money,
    passwords,
    roles,
    telegram_ending,
)
from services.actor import Actor
from services.callers import Caller
from services.eligibility import lock_doctors
from services.errors import Forbidden, OpenObligations
from services.i18n import gettext
from services.inputs import wrong
from services.notifications import Notice, notify
from services.permissions import Permission, demand


async def erase(session: AsyncSession, caller: Caller, current_password: str) -> None:
    """Erase one's own account, unless calls, visits or money are open.

    The contacts are free afterwards: whoever registers with them is somebody new.
    """
    actor = caller.actor
    demand(actor, Permission.ACCOUNT_OWN)
    held = await roles.roles_of(session, caller.user_id)
    if held & STAFF_ROLES:
        raise Forbidden("Accounts of staff are closed by an administrator.")
    user = await session.get_one(User, caller.user_id)
    if not await passwords.verify(current_password, user.password_hash):
        raise wrong("current_password", gettext("The present password is wrong."))
    ids = await lock(session, caller.user_id)
    await demand_free(session, ids)
    contact = _contact(await session.get_one(User, caller.user_id))
    await forget(session, actor, ids)
    if contact is not None:
        await notify(session, actor, contact)
    if Role.DOCTOR in held:
        await live.announce(session, live.Topic.DOCTOR, caller.user_id)


async def lock(session: AsyncSession, user_id: uuid.UUID) -> list[uuid.UUID]:
    """Take everything about a person, in the order in which everybody locks.

    Gives the ids of the account and of those that were merged into it.
    """
    merged = sa.select(col(User.id)).where(col(User.merged_into) == user_id)
    ids = [user_id, *(await session.scalars(merged)).all()]
    for each in sorted(ids):
        await session.execute(sa.select(sa.func.open_bookings_of(each)))
    calls = sa.select(col(Booking.id)).where(col(Booking.patient_id).in_(ids))
    await session.execute(calls.order_by(col(Booking.id)).with_for_update())
    await lock_doctors(session, *ids)
    for each in sorted(ids):
        await roles.lock_user(session, each)
    return ids


async def demand_free(session: AsyncSession, ids: Sequence[uuid.UUID]) -> None:
    """Refuse while calls, visits to others or money of the person are not settled."""
    query = (
        sa.select(col(Booking.number))
        .outerjoin(
            Assignment,
            sa.and_(
                col(Assignment.booking_id) == col(Booking.id),
                col(Assignment.released_at).is_(None),
            ),
        )
        .where(
            sa.or_(
                sa.and_(
                    col(Booking.patient_id).in_(ids), col(Booking.status).in_(ACTIVE)
                ),
                col(Assignment.doctor_id).in_(ids),
            )
        )
        .order_by(col(Booking.number))
    )
    numbers = (await session.scalars(query)).all()
    if numbers:
        raise OpenObligations(
            "Open calls stand in the way: {calls}.",
            calls=", ".join(f"B-{number}" for number in numbers),
        )
    await open_money.demand_none(session, ids, earnings=True)


async def forget(session: AsyncSession, actor: Actor, ids: Sequence[uuid.UUID]) -> None:
    """Empty locked accounts that nothing is open for, with a line in the journal."""
    for each in ids:
        await telegram_ending.end(session, actor, each, "erased")
    await anonymising.empty(
        session,
        ids,
        actor_id=actor.user_id,
        acting_as=actor.acting_as.value,
        via=actor.via.value,
    )
    for each in ids:
        audit.record(session, actor, "account.erased", "user", each)
    await session.flush()


def _contact(user: User) -> Notice | None:
    """Say where the last message goes; its row is deleted soon after it was sent."""
    address = user.email or user.phone
    if address is None:
        return None
    way = NotificationChannel.EMAIL if user.email else NotificationChannel.SMS
    return Notice("account_erased", user.id, way, address)
