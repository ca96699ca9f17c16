"""Transactions begin and end here and nowhere else.

A service never commits: the edge that called it does, so that a change, its
history, its audit row and its jobs stand or fall together.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import psycopg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel.ext.asyncio.session import AsyncSession

from services.database import Sessions
from services.errors import Unavailable

Result = TypeVar("Result")

RETRIES = 2
SERIALIZATION_FAILURE, DEADLOCK = "40001", "40P01"
GONE = (
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
# Lock or statement timeout, shutdown, cannot connect now, too many connections.
TRANSIENT = frozenset({"55P03", "57014", "57P01", "57P02", "57P03", "53300", "53100"})


def _sqlstate(error: DBAPIError | psycopg.Error) -> str | None:
    driver_error = error.orig if isinstance(error, DBAPIError) else error
    return getattr(driver_error, "sqlstate", None)


def is_rivalry(error: BaseException) -> bool:
    """A deadlock or serialization failure: trying again may well succeed."""
    return isinstance(error, DBAPIError | psycopg.Error) and _sqlstate(error) in {
        SERIALIZATION_FAILURE,
        DEADLOCK,
    }


def is_outage(error: BaseException) -> bool:
    """The database is gone, full or overloaded: the caller should come back."""
    if isinstance(error, PoolTimeout | ConnectionError):
        return True
    if not isinstance(error, DBAPIError | psycopg.Error):
        return False
    state = _sqlstate(error)
    invalidated = isinstance(error, DBAPIError) and error.connection_invalidated
    if invalidated or state in TRANSIENT or is_rivalry(error):
        return True
    gone = isinstance(error, GONE)
    return gone and (state is None or state.startswith("08"))


@asynccontextmanager
async def transaction(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """One session, one transaction: committed on success, else rolled back."""
    session = sessions()
    try:
        yield session
        await session.commit()
    except BaseException:
        # Leaving the block rolls back, and does so to the end if it is cancelled.
        async with session:
            raise
    await session.close()


async def in_transaction(
    sessions: Sessions, work: Callable[[AsyncSession], Awaitable[Result]]
) -> Result:
    """Run work in a transaction of its own; rivals make it start again, twice.

    Raises Unavailable when the database is out of reach.
    """
    for attempt in range(RETRIES + 1):
        try:
            async with transaction(sessions) as session:
                return await work(session)
        except Exception as error:
            if is_rivalry(error) and attempt < RETRIES:
                continue
            if is_outage(error):
                raise Unavailable from error
            raise
    raise Unavailable  # pragma: no cover - the loop always returns or raises
