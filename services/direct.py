"""Hot statements past the unit of work: same transaction, a third of the cost."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.rows import namedtuple_row
from sqlalchemy.orm import Session, class_mapper
from sqlalchemy.orm.attributes import instance_dict, manager_of_class
from sqlmodel.ext.asyncio.session import AsyncSession

_DRIVER = "tot.driver"
Row = TypeVar("Row")
Statement = tuple[str, Mapping[str, Any]]


async def fetch_one(
    session: AsyncSession, sql: str, values: Mapping[str, Any]
) -> Any | None:
    """Run one statement in the session's transaction; give its first row."""
    rows = await fetch_all(session, sql, values)
    return rows[0] if rows else None


async def fetch_all(
    session: AsyncSession, sql: str, values: Mapping[str, Any]
) -> list[Any]:
    """Run one statement in the session's transaction; give its rows."""
    driver = await _driver(session)
    try:
        cursor = driver.cursor(row_factory=namedtuple_row)
        await cursor.execute(sql, values)
        rows: list[Any] = await cursor.fetchall()
        return rows
    except psycopg.OperationalError:
        await _tell_if_lost(session, driver)
        raise


async def fetch_together(
    session: AsyncSession, statements: Sequence[Statement]
) -> list[list[Any]]:
    """Run statements one after the other on a single way to the server and back.

    Each sees what the ones before have waited for; gives the rows of each.
    """
    driver = await _driver(session)
    cursors = [driver.cursor(row_factory=namedtuple_row) for _ in statements]
    try:
        async with driver.pipeline():
            for cursor, (sql, values) in zip(cursors, statements, strict=True):
                await cursor.execute(sql, values)
            return [await cursor.fetchall() for cursor in cursors]
    except psycopg.OperationalError:
        await _tell_if_lost(session, driver)
        raise


async def _tell_if_lost(session: AsyncSession, driver: Any) -> None:
    """Let the pool know that the server is gone, for the sake of its others.

    Through SQLAlchemy this fails too, and its other connections are given up as well.
    """
    if driver.closed:
        await session.execute(sa.text("SELECT 1"))


def filled(table: type[Row], values: Mapping[str, Any]) -> Row:
    """Give a row as an object that no session knows; columns not given are None.

    It is filled the way a loaded row is: setting the fields one by one would cost as
    much as a statement.
    """
    # Asking for the columns also makes the class ready, which no query may have done.
    columns = class_mapper(table).columns.keys()
    row: Row = manager_of_class(table).new_instance()
    instance_dict(row).update({**dict.fromkeys(columns), **values})
    return row


async def _driver(session: AsyncSession) -> Any:
    """Give the connection of the driver, looked for once in each transaction."""
    known = session.info.get(_DRIVER)
    transaction = _innermost(session)
    if known is not None and known[0] is transaction and transaction is not None:
        return known[1]
    driver = await session.run_sync(_driver_of)
    session.info[_DRIVER] = (_innermost(session), driver)
    return driver


def _innermost(session: AsyncSession) -> Any:
    # A savepoint is set only when its session asks for the connection.
    inner = session.sync_session
    return inner.get_nested_transaction() or inner.get_transaction()


def _driver_of(session: Session) -> Any:
    return session.connection().connection.driver_connection
