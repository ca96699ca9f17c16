"""Proving again who one is, before what must not be done with a borrowed screen."""

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import StaffSession, User
from services import audit, passwords, rate_limits, second_factor
from services.errors import Forbidden
from services.staff_sessions import Staff


class WrongProof(Forbidden):
    """The password or the code was wrong, and it is not told which."""

    code = "wrong_proof"
    text = "The password or the code is wrong."


async def limit(session: AsyncSession, staff: Staff, address: str) -> None:
    """Count one try, in a transaction of its own, before the check."""
    await rate_limits.password_check(session, staff.user_id, address)
    if staff.enrolled:
        await second_factor.limit(session, staff.user_id)


async def confirm(
    session: AsyncSession, staff: Staff, password: str, code: str
) -> bool:
    """Take the password, and the code of whoever is enrolled; freshens the session.

    The code is used up only when the password was right.
    """
    user = await session.get_one(User, staff.user_id)
    if not await passwords.verify(password, user.password_hash):
        return False
    if staff.enrolled and not await second_factor.check(session, user.id, code):
        return False
    await session.execute(
        sa.update(StaffSession)
        .where(col(StaffSession.id) == staff.session_id)
        .values(reauthenticated_at=sa.func.app_now())
    )
    await rate_limits.forgive(session, user.id)
    audit.record(session, staff.actor, "staff.reauthenticated", "user", user.id)
    return True


async def refused(session: AsyncSession, staff: Staff) -> None:
    """Put a failed proof into the journal."""
    audit.record(
        session, staff.actor, "staff.reauthentication_refused", "user", staff.user_id
    )
