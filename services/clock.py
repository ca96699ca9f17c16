"""The one clock: PostgreSQL's, which tests and the demo may set ahead."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import direct

MOSCOW = ZoneInfo("Europe/Moscow")
_OF_OUTSIDE = """
SELECT date_bin('1 second', app_now() - greatest(clock_timestamp() - %(at)s, '0')
                + interval '0.5 second', timestamptz 'epoch') AS at
"""


async def now(session: AsyncSession) -> datetime:
    """Ask the database for the present moment (aware, UTC)."""
    row: Any = await direct.fetch_one(session, "SELECT app_now() AS now", {})
    moment: datetime = row.now
    return moment


async def today(session: AsyncSession) -> date:
    """The present day in Moscow."""
    return (await now(session)).astimezone(MOSCOW).date()


async def of_outside(session: AsyncSession, moment: datetime) -> datetime:
    """Tell when, by our clock, something happened that others have stamped.

    To the second, so that equal stamps stay equal; never later than about now.
    """
    row: Any = await direct.fetch_one(session, _OF_OUTSIDE, {"at": moment})
    ours: datetime = row.at
    return ours


async def shift(session: AsyncSession, seconds: float) -> None:
    """Move this transaction's clock; only for the demo and test profiles."""
    await session.execute(
        sa.text("SELECT set_config('tot.clock_offset', :offset, true)"),
        {"offset": f"{seconds} seconds"},
    )
