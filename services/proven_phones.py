"""What an account may see and do before its phone number is proven.

Somebody may have registered with another's number: until a code shows whose it is,
they order nothing and see nothing of what that number's owner told a dispatcher.
"""

import uuid

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, User
from models.booking_words import BookingSource
from services.config import get_settings
from services.errors import Forbidden


async def demand(session: AsyncSession, user_id: uuid.UUID) -> None:
    """Refuse whoever has not proven their number, where the settings ask for it."""
    if get_settings().require_verified_phone and not await _holds(
        session, _proven(user_id)
    ):
        raise Forbidden("Prove your phone number first: have a code sent to it.")


def shown(user_id: uuid.UUID) -> sa.ColumnElement[bool]:
    """The condition on this person's calls that they may see now."""
    if not get_settings().require_verified_phone:
        return sa.true()
    return sa.or_(col(Booking.source) != BookingSource.PHONE, _proven(user_id))


async def may_see(
    session: AsyncSession, user_id: uuid.UUID, source: BookingSource
) -> bool:
    """Tell whether a call of this source is theirs to see now."""
    if source is not BookingSource.PHONE or not get_settings().require_verified_phone:
        return True
    return await _holds(session, _proven(user_id))


def _proven(user_id: uuid.UUID) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        col(User.id) == user_id, col(User.phone_verified_at).is_not(None)
    )


async def _holds(session: AsyncSession, condition: sa.ColumnElement[bool]) -> bool:
    return await session.scalar(sa.select(condition)) or False
