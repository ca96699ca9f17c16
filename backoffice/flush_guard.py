"""The console's own sessions: sqladmin may save plain tables, and nothing else."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import Session
from sqlmodel import Session as SQLModelSession
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, ClinicProfile, PriceItem
from services.errors import Forbidden

# Tables without rules of their own, with the columns that a form may write. Whatever
# is not named here changes through a service, and the flush fails otherwise.
PLAIN: Mapping[type[Any], frozenset[str]] = {
    PriceItem: frozenset(
        {
            "kind",
            "title_ru",
            "title_en",
            "call_type",
            "specialization",
            "starts",
            "ends",
            "price_kopecks",
            "active",
        }
    ),
    ClinicProfile: frozenset(
        {"name", "licence_number", "tax_number", "address", "phone", "active"}
    ),
}
OWN_STAMPS = frozenset({"id", "created_at", "updated_at"})


class ProtectedColumn(Forbidden):
    """A form tried to write what only a service may; the test suite looks for it."""


class ConsoleSession(SQLModelSession):
    """The synchronous heart of the console's sessions; the guard listens to it."""


def changed_columns(row: Any) -> frozenset[str]:
    """The columns of a row that this flush would write."""
    state = sa.inspect(row)
    columns = state.mapper.column_attrs.keys()
    return frozenset(
        name for name in columns if state.attrs[name].history.has_changes()
    )


def guard(session: Session, *_: Any) -> None:
    """Refuse to flush anything but allowed columns of plain tables."""
    if session.deleted:
        raise ProtectedColumn
    for row in session.new | session.dirty:
        if isinstance(row, AuditEvent) and row in session.new:
            continue
        allowed = PLAIN.get(type(row), frozenset())
        extra = changed_columns(row) - allowed
        if extra - (OWN_STAMPS if row in session.new and allowed else frozenset()):
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
