"""How far each check of reconciliation has come, and that each runs alone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ReconMark
from models.base import uuid7
from services.database import Sessions

_NOTE = """
INSERT INTO recon_mark (id, name, reached, ran_at, found)
VALUES (:id, :name, :reached, app_now(), :found)
ON CONFLICT (name) DO UPDATE
   SET reached = EXCLUDED.reached, ran_at = EXCLUDED.ran_at, found = EXCLUDED.found
"""


async def reached(session: AsyncSession, name: str) -> datetime | None:
    """Tell up to which moment a check has compared everything; None at first."""
    query = select(ReconMark.reached).where(col(ReconMark.name) == name)
    return (await session.exec(query)).one_or_none()


async def note(
    session: AsyncSession, name: str, reached: datetime | None, found: int
) -> None:
    """Keep that a check has run to its end, how far, and how much it found."""
    values = {"id": uuid7(), "name": name, "reached": reached, "found": found}
    await session.execute(sa.text(_NOTE), values)


async def every(session: AsyncSession) -> Sequence[ReconMark]:
    """List the checks that have ever run to their end."""
    return (await session.exec(select(ReconMark).order_by(col(ReconMark.name)))).all()


@asynccontextmanager
async def alone(sessions: Sessions, name: str) -> AsyncIterator[bool]:
    """Let one run of a check at a time do its work; False for all others.

    The lock hangs on a connection of its own, which is in no transaction, and goes
    with it when the process dies.
    """
    engine = sessions.kw["bind"]
    values = {"name": f"recon {name}"}
    async with engine.connect() as held:
        await held.execution_options(isolation_level="AUTOCOMMIT")
        take = sa.text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
        mine = bool(await held.scalar(take, values))
        try:
            yield mine
        finally:
            if mine:
                give = sa.text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
                await held.execute(give, values)
