"""Refresh tokens: one use each, one family for each sign-in, at most thirty days."""

import hashlib
import secrets
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import RefreshToken
from models.base import uuid7
from services.config import get_settings


@dataclass(frozen=True)
class Link:
    """A new token of a family, told once: the table keeps its digest only."""

    user_id: uuid.UUID
    family_id: uuid.UUID
    token: str


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def begin(session: AsyncSession, user_id: uuid.UUID) -> Link:
    """Start the family of a new sign-in; nothing prolongs its end."""
    lifetime = sa.func.make_interval(0, 0, 0, get_settings().refresh_token_days)
    family_id = uuid7()
    expires_at = sa.func.app_now() + lifetime
    return await _add(session, user_id, family_id, expires_at)


async def _add(
    session: AsyncSession, user_id: uuid.UUID, family_id: uuid.UUID, expires_at: object
) -> Link:
    token = secrets.token_urlsafe(32)
    await session.execute(
        sa.insert(RefreshToken).values(
            id=uuid7(),
            user_id=user_id,
            family_id=family_id,
            token_hash=_digest(token),
            expires_at=expires_at,
        )
    )
    return Link(user_id, family_id, token)


async def rotate(session: AsyncSession, token: str) -> Link | None:
    """Swap a token for the next one; None for a token that is worth nothing.

    A token used before ends its family, since one of the two users is a thief.
    Only a twin that was already waiting while the other swapped is let off: it
    gets nothing, but the family lives.
    """
    row = (await session.execute(_LOCKED, {"digest": _digest(token)})).one_or_none()
    if row is None or row.revoked or row.expired:
        return None
    if row.used:
        if not row.overlapped:
            await revoke_family(session, row.family_id)
        return None
    await session.execute(
        sa.update(RefreshToken)
        .where(col(RefreshToken.id) == row.id)
        .values(used_at=sa.func.app_now())
    )
    return await _add(session, row.user_id, row.family_id, row.expires_at)


# How long ago this transaction began, told by the clock that stamps the rows.
_LOCKED = sa.text(
    """
    SELECT id, user_id, family_id, expires_at, revoked_at IS NOT NULL AS revoked,
           expires_at <= app_now() AS expired, used_at IS NOT NULL AS used,
           used_at > app_now() - (clock_timestamp() - now()) AS overlapped
      FROM refresh_token WHERE token_hash = :digest FOR UPDATE
    """
)


async def revoke_family(session: AsyncSession, family_id: uuid.UUID) -> None:
    """End one sign-in: its refresh and access tokens die at once."""
    await _revoke(session, col(RefreshToken.family_id) == family_id)


async def revoke_all(session: AsyncSession, user_id: uuid.UUID) -> None:
    """End every sign-in of a person."""
    await _revoke(session, col(RefreshToken.user_id) == user_id)


async def revoke_others(
    session: AsyncSession, user_id: uuid.UUID, keep: uuid.UUID
) -> None:
    """End every other sign-in of a person."""
    await _revoke(
        session,
        sa.and_(
            col(RefreshToken.user_id) == user_id, col(RefreshToken.family_id) != keep
        ),
    )


async def _revoke(session: AsyncSession, which: sa.ColumnElement[bool]) -> None:
    await session.execute(
        sa.update(RefreshToken)
        .where(which, col(RefreshToken.revoked_at).is_(None))
        .values(revoked_at=sa.func.app_now())
    )
