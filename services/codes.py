"""Codes of six digits that prove a contact: made, sent once, spent once.

Ten minutes, five tries, bound to one person, purpose, channel and address; only a
keyed hash is kept, and a new code burns the one before.
"""

import secrets
import uuid
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import VerificationCode
from models.verification_code import Channel, Purpose
from services import clock, sealing
from services.errors import ValidationFailed
from services.i18n import gettext
from services.inputs import wrong

LIFETIME = timedelta(minutes=10)
DIGITS = 6
USE = "verification code"


async def issue(
    session: AsyncSession,
    user_id: uuid.UUID,
    purpose: Purpose,
    channel: Channel,
    address: str,
) -> str:
    """Make the only live code of its purpose and channel; gives its six digits."""
    await burn(session, user_id, purpose, channel)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    made = VerificationCode(
        user_id=user_id,
        purpose=purpose,
        channel=channel,
        address=address,
        code_hash="",
        expires_at=await clock.now(session) + LIFETIME,
    )
    made.code_hash = sealing.keyed_hash(USE, _said(made.id, address, code))
    session.add(made)
    await session.flush()
    return code


async def spend(
    session: AsyncSession,
    user_id: uuid.UUID,
    purpose: Purpose,
    channel: Channel,
    code: str,
) -> str | None:
    """Use up the code, or one of its tries; gives the address that it proves.

    The caller commits also when it gives None, or the try would not count.
    """
    try_one = (
        sa.update(VerificationCode)
        .where(_live(user_id, purpose, channel))
        .where(col(VerificationCode.tries_left) > 0)
        .where(col(VerificationCode.expires_at) > sa.func.app_now())
        .values(tries_left=col(VerificationCode.tries_left) - 1)
        .returning(
            col(VerificationCode.id),
            col(VerificationCode.address),
            col(VerificationCode.code_hash),
        )
    )
    row = (await session.execute(try_one)).one_or_none()
    if row is None:
        return None
    said = _said(row.id, row.address, code)
    if not sealing.is_keyed_hash(row.code_hash, USE, said):
        return None
    await session.execute(
        sa.update(VerificationCode)
        .where(col(VerificationCode.id) == row.id)
        .values(used_at=sa.func.app_now())
    )
    address: str = row.address
    return address


def refused() -> ValidationFailed:
    """Make the refusal of a wrong code, once its try is committed."""
    return wrong("code", gettext("The code is wrong or has run out."))


async def burn(
    session: AsyncSession, user_id: uuid.UUID, purpose: Purpose, channel: Channel
) -> None:
    """Make every live code of this purpose and channel worthless."""
    await session.execute(
        sa.update(VerificationCode)
        .where(_live(user_id, purpose, channel))
        .values(burnt_at=sa.func.app_now())
    )


def _live(
    user_id: uuid.UUID, purpose: Purpose, channel: Channel
) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(VerificationCode.user_id) == user_id,
        col(VerificationCode.purpose) == purpose,
        col(VerificationCode.channel) == channel,
        col(VerificationCode.used_at).is_(None),
        col(VerificationCode.burnt_at).is_(None),
    )


def _said(code_id: uuid.UUID, address: str, code: str) -> str:
    return f"{code_id} {address} {code}"
