"""A form sent twice acts once: the first answer is kept under the form's token."""

import hashlib
import re

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import direct
from services.actor import Actor
from services.errors import ValidationFailed
from services.idempotency import LOOKUP, Attempt, keep

TOKEN = re.compile(r"[0-9A-Za-z_-]{16,64}")
SENT = 303


def _attempt(actor: Actor, path: str, token: str) -> Attempt:
    if not TOKEN.fullmatch(token):
        raise ValidationFailed
    # Only the token counts: a corrected word in a repeated form makes no new call.
    digest = hashlib.sha256(token.encode()).hexdigest()
    return Attempt(actor.user_id, "POST", path, token, digest)


async def first_answer(
    session: AsyncSession, actor: Actor, path: str, token: str
) -> str | None:
    """Wait for a twin of this form, if one is under way, and give its answer.

    The lock lasts until the transaction ends, so two twins never both see None.
    """
    attempt = _attempt(actor, path, token)
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(attempt.lock)))
    row = await direct.fetch_one(session, LOOKUP, vars(attempt))
    return None if row is None else str(row.body)


async def keep_answer(
    session: AsyncSession, actor: Actor, path: str, token: str, answer: str
) -> None:
    """Remember what this form did, in the transaction that did it."""
    await keep(session, _attempt(actor, path, token), SENT, answer)
