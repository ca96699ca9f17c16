"""The console's own sessions: sqladmin may save plain tables, and nothing else."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent
from services.errors import Forbidden
from services.plain_tables import PLAIN

BORN_WITH = frozenset({"id", "created_at", "updated_at"})


class ProtectedColumn(Forbidden):
    """A form tried to write what only a service may."""


class ConsoleSession(Session):
    """The synchronous heart of the console's sessions; the guard listens to it."""


def changed_columns(row: Any) -> frozenset[str]:
    """The columns of a row that this flush would write."""
    state = sa.inspect(row)
    columns = state.mapper.column_attrs.keys()
    return frozenset(n for n in columns if state.attrs[n].history.has_changes())


def guard(session: Session, *_: Any) -> None:
    """Refuse to flush anything but allowed columns of plain tables and the journal."""
    if session.deleted:
        raise ProtectedColumn
    for row in session.new:
        if not isinstance(row, AuditEvent):
            _check(row, BORN_WITH)
    for row in session.dirty:
        _check(row, frozenset())


def _check(row: Any, also: frozenset[str]) -> None:
    plain = PLAIN.get(type(row))
    if plain is None or changed_columns(row) - plain.columns - also:
        raise ProtectedColumn


event.listen(ConsoleSession, "before_flush", guard)


def console_sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Make sqladmin's sessions; it reconfigures what it is given, so never ours."""
    return async_sessionmaker(
        engine,
        class_=AsyncSession,
        sync_session_class=ConsoleSession,
        expire_on_commit=False,
    )
