"""Hot statements past the unit of work: same connection, a third of the cost."""

from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.rows import namedtuple_row
from sqlmodel.ext.asyncio.session import AsyncSession


async def fetch_one(
    session: AsyncSession, sql: str, values: Mapping[str, Any]
) -> Any | None:
    """Run one statement in the session's transaction; give its first row."""
    connection = await session.connection()
    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        cursor = driver.cursor(row_factory=namedtuple_row)
        await cursor.execute(sql, values)
        return await cursor.fetchone()
    except psycopg.OperationalError:
        if driver.closed:
            # Through SQLAlchemy this fails too, and tells the pool that the
            # server is gone, so that its other connections are given up as well.
            await connection.execute(sa.text("SELECT 1"))
        raise
