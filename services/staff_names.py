"""What members of staff are called, for other members of staff."""

import uuid
from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import RoleGrant, User
from models.role_grant import STAFF_ROLES
from models.user import short_name


async def of(
    session: AsyncSession, ids: Collection[uuid.UUID | None]
) -> Mapping[uuid.UUID, str]:
    """Give the short names of those who are or were staff, and of nobody else."""
    of_staff = sa.exists().where(
        col(RoleGrant.user_id) == col(User.id), col(RoleGrant.role).in_(STAFF_ROLES)
    )
    query = sa.select(
        col(User.id), col(User.last_name), col(User.first_name), col(User.middle_name)
    ).where(col(User.id).in_({each for each in ids if each is not None}), of_staff)
    return {row[0]: short_name(*row[1:]) for row in await session.execute(query)}
