"""One's own sign-ins over REST: a family of refresh tokens each."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import RefreshToken
from services import audit, refresh_tokens
from services.callers import Caller
from services.errors import NotFound
from services.permissions import Permission, demand

MOST = 100


@dataclass(frozen=True)
class SignIn:
    """A sign-in that still lives; `current` is the one that asks."""

    id: uuid.UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool


async def own(session: AsyncSession, caller: Caller) -> Sequence[SignIn]:
    """List one's own living sign-ins, the one used last first."""
    demand(caller.actor, Permission.ACCOUNT_OWN)
    family = col(RefreshToken.family_id)
    # Each swap of a token adds a row, so the newest one tells the last use.
    used = sa.func.max(col(RefreshToken.created_at))
    query = (
        sa.select(
            family,
            sa.func.min(col(RefreshToken.created_at)),
            used,
            sa.func.max(col(RefreshToken.expires_at)),
            family == caller.family_id,
        )
        .where(_living(caller.user_id))
        .group_by(family)
        .order_by(used.desc(), family)
        .limit(MOST)
    )
    return [SignIn(*row) for row in (await session.execute(query)).all()]


async def end(session: AsyncSession, caller: Caller, family_id: uuid.UUID) -> None:
    """End one of one's own sign-ins, at once; also the one that asks."""
    demand(caller.actor, Permission.ACCOUNT_OWN)
    found = sa.exists().where(
        _living(caller.user_id), col(RefreshToken.family_id) == family_id
    )
    if not await session.scalar(sa.select(found)):
        raise NotFound
    await refresh_tokens.revoke_family(session, family_id)
    audit.record(session, caller.actor, "account.sign_in_ended", "user", caller.user_id)


def _living(user_id: uuid.UUID) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(RefreshToken.user_id) == user_id,
        col(RefreshToken.revoked_at).is_(None),
        col(RefreshToken.expires_at) > sa.func.app_now(),
    )
