"""A login is an e-mail or a phone number, spelled in whatever way."""

import uuid
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from services.phones import complete_phone


def canonical_login(login: str) -> str:
    """Give the one spelling of a login: E.164, else an e-mail in small letters.

    What is counted by it is counted alike for logins that somebody has and others.
    """
    return complete_phone(login) or login.strip().lower()


def login_matches(login: str) -> Any:
    """The condition on people that a login stands for."""
    phone = complete_phone(login)
    if phone is not None:
        return col(User.phone) == phone
    return sa.func.lower(col(User.email)) == canonical_login(login)


async def known_login(session: AsyncSession, login: str) -> uuid.UUID | None:
    """The person whom a login names, if there is one."""
    query = sa.select(col(User.id)).where(login_matches(login))
    found: uuid.UUID | None = await session.scalar(query)
    return found
