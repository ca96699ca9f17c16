"""Long lists in pages: newest first, each page beginning after the last row seen."""

import base64
import binascii
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa

from services.i18n import gettext
from services.inputs import wrong


class Dated(Protocol):
    """Any row that has an id and a moment of creation."""

    id: Any
    created_at: Any


Row = TypeVar("Row", bound=Dated)
Item = TypeVar("Item")
Statement = TypeVar("Statement", bound=Any)


@dataclass(frozen=True)
class Cursor:
    """The place of one row in a list."""

    created_at: datetime
    id: uuid.UUID


@dataclass(frozen=True)
class Wanted:
    """How many rows, and after which."""

    limit: int = 20
    after: Cursor | None = None


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some rows, and where the next page begins if there is one."""

    items: list[Item]
    next: Cursor | None


def encode(cursor: Cursor) -> str:
    """Write a place in a list as text that says nothing to people."""
    place = f"{cursor.created_at.isoformat()} {cursor.id}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """Read a cursor; one that we did not write is refused with ValidationFailed."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        moment, _, row = base64.b64decode(padded, b"-_", True).decode().partition(" ")
        cursor = Cursor(datetime.fromisoformat(moment), uuid.UUID(row))
        if cursor.created_at.tzinfo is None:
            raise ValueError(text)
    except (ValueError, binascii.Error):
        raise wrong("cursor", gettext("This cursor is not one of ours.")) from None
    return cursor


def newest_first(query: Statement, table: type[Any], wanted: Wanted) -> Statement:
    """Order and limit a query; one row more is asked for than shown."""
    place = sa.tuple_(table.created_at, table.id)
    if wanted.after is not None:
        query = query.where(place < (wanted.after.created_at, wanted.after.id))
    ordered = query.order_by(table.created_at.desc(), table.id.desc())
    return ordered.limit(wanted.limit + 1)  # type: ignore[no-any-return]


def cut(rows: Sequence[Row], wanted: Wanted) -> Page[Row]:
    """Make the page of what newest_first() found."""
    shown = list(rows[: wanted.limit])
    if len(rows) <= wanted.limit:
        return Page(shown, None)
    return Page(shown, Cursor(shown[-1].created_at, shown[-1].id))
