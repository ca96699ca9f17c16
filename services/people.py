"""People made by staff: what is typed about them, and their one-time passwords."""

import secrets

import sqlalchemy as sa
from pydantic import model_validator
from sqlalchemy.exc import IntegrityError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from services import passwords
from services.errors import AccountExists
from services.i18n import gettext
from services.inputs import Email, Input, Name, Phone

# No letters or digits that look like others when read aloud from a screen.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP_LENGTH = 4, 4


class NewPerson(Input):
    """A person as staff enter them; an e-mail or a phone is the login."""

    first_name: Name
    last_name: Name
    middle_name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None

    @model_validator(mode="after")
    def _reachable(self) -> "NewPerson":
        if self.email is None and self.phone is None:
            raise ValueError(gettext("Give an e-mail or a phone number."))
        return self


def one_time_password() -> str:
    """Make a password of about 79 bits that can be dictated over the phone."""
    groups = (
        "".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH))
        for _ in range(GROUPS)
    )
    return "-".join(groups)


async def make(session: AsyncSession, person: NewPerson, password: str | None) -> User:
    """Insert the person; a known e-mail or phone is refused.

    The password was chosen by somebody else, so it has to be changed.
    """
    if await _known(session, person):
        raise AccountExists
    user = User(
        **person.model_dump(),
        password_hash=None if password is None else await passwords.hash(password),
        must_change_password=password is not None,
    )
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise AccountExists from error
    return user


async def _known(session: AsyncSession, person: NewPerson) -> bool:
    same = sa.or_(
        sa.func.lower(col(User.email)) == (person.email or "").lower(),
        col(User.phone) == (person.phone or ""),
    )
    return await session.scalar(sa.select(sa.exists().where(same))) or False


async def renew_password(user: User) -> str:
    """Give a person a one-time password; whoever knew the old one is out."""
    password = one_time_password()
    user.password_hash = await passwords.hash(password)
    user.must_change_password = True
    user.auth_version += 1
    return password
