"""Plain data that has no verbs of its own: saved as typed, and always journalled."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import ClinicProfile, PriceItem
from models.base import Table
from services import audit
from services.actor import Actor
from services.errors import Conflict, NotFound
from services.permissions import Permission, demand


@dataclass(frozen=True)
class PlainTable:
    """Which columns a form may write, and who may send it."""

    permission: Permission
    columns: frozenset[str]


# Whatever is not named here changes through a service of its own; the console's
# sessions refuse to flush it.
PLAIN: Mapping[type[Table], PlainTable] = {
    PriceItem: PlainTable(
        Permission.PRICE_EDIT,
        frozenset(
            {
                "kind",
                "title_ru",
                "title_en",
                "call_type",
                "specialization",
                "starts",
                "ends",
                "price_kopecks",
                "vat_code",
                "active",
            }
        ),
    ),
    ClinicProfile: PlainTable(
        Permission.CLINIC_MANAGE,
        frozenset(
            {"name", "licence_number", "tax_number", "address", "phone", "active"}
        ),
    ),
}


class ChangedMeanwhile(Conflict):
    """Of two open forms the second one must not silently win."""

    code = "stale_version"
    text = "Somebody changed this while the form was open. Look at it again, please."


async def create(
    session: AsyncSession,
    actor: Actor,
    table: type[Table],
    values: Mapping[str, Any],
) -> Table:
    """Add one row of a plain table."""
    demand(actor, PLAIN[table].permission)
    row = table(**_allowed(table, values))
    session.add(row)
    await session.flush()
    noun = str(table.__tablename__)
    audit.record(session, actor, f"{noun}.created", noun, row.id, **_plain(row, values))
    return row


async def change(
    session: AsyncSession,
    actor: Actor,
    table: type[Table],
    row_id: uuid.UUID,
    values: Mapping[str, Any],
    seen: datetime | None = None,
) -> Table:
    """Write the columns that differ; `seen` is the row's stamp when it was shown."""
    demand(actor, PLAIN[table].permission)
    row = await session.get(table, row_id, with_for_update=True)
    if row is None:
        raise NotFound
    if seen is not None and row.updated_at != seen:
        raise ChangedMeanwhile
    changes = {
        name: value
        for name, value in _allowed(table, values).items()
        if getattr(row, name) != value
    }
    before = _plain(row, changes)
    for name, value in changes.items():
        setattr(row, name, value)
    await session.flush()
    if changes:
        noun, after = str(table.__tablename__), _plain(row, changes)
        data = {"before": before, "after": after}
        audit.record(session, actor, f"{noun}.changed", noun, row.id, **data)
    return row


def _allowed(table: type[Table], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in values if name in PLAIN[table].columns}


def _plain(row: Table, names: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date | time) else value
        for name in names
        if name in PLAIN[type(row)].columns
        for value in [getattr(row, name)]
    }
