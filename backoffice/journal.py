"""The journal: who did or read what. Read only, and refuses change in the database."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from markupsafe import Markup
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice import cells, formats
from backoffice.filters import Day, Words
from backoffice.tables import TableView
from models import AuditEvent, User
from services.actor import SYSTEM_ID, Via
from services.i18n import Lazy, gettext
from services.permissions import Permission
from services.words import label

SHOWN_OF_DATA = 160


@dataclass(frozen=True)
class Entry:
    """A line of the journal with the name of who acted."""

    event: AuditEvent
    actor: str

    @property
    def id(self) -> uuid.UUID:
        """The line's id, for links."""
        return self.event.id


def _what(entry: Entry) -> Any:
    return Markup("<code>{}</code>").format(entry.event.action)


def _through(entry: Entry) -> Any:
    role = entry.event.acting_as
    via = label(Via(entry.event.via))
    return f"{label(role)}, {via}" if role else via


def _data(entry: Entry) -> Any:
    text = json.dumps(entry.event.data, ensure_ascii=False, sort_keys=True)
    return cells.clip("" if text == "{}" else text[:SHOWN_OF_DATA])


def _whole_data(entry: Entry) -> Any:
    text = json.dumps(entry.event.data, ensure_ascii=False, sort_keys=True, indent=2)
    return Markup('<pre class="data">{}</pre>').format(text)


def _object(entry: Entry) -> Any:
    event = entry.event
    if event.object_id is None:
        return event.object_type
    return Markup(
        '{} <a class="cell-link" href="/admin/journal/list?object={}">{}…</a>'
    ).format(event.object_type, event.object_id, str(event.object_id)[-8:])


def _same(column: Any) -> Any:
    def condition(term: str) -> Any:
        try:
            return column == uuid.UUID(term)
        except ValueError:
            return sa.false()

    return condition


def _starts(term: str) -> Any:
    return col(AuditEvent.action).startswith(term, autoescape=True)


class JournalView(TableView, model=AuditEvent):
    """The lines, newest first, narrowed by who, what, on whom and when."""

    name = Lazy("Journal entry")
    name_plural = Lazy("Journal")
    icon = "ti ti-book"
    needs: ClassVar[Mapping[str, Permission]] = {
        "list": Permission.JOURNAL_READ,
        "details": Permission.JOURNAL_READ,
    }
    can_view_details = True
    column_list: ClassVar[Sequence[Any]] = ["created_at"]
    column_default_sort = ("created_at", True)
    wraps = frozenset({"data"})
    column_labels: ClassVar[dict[Any, Any]] = {
        "created_at": Lazy("When"),
        "actor": Lazy("Who"),
        "through": Lazy("As"),
        "action": Lazy("What"),
        "object": Lazy("On what"),
        "data": Lazy("Facts"),
        "request_id": Lazy("Request"),
    }
    cells: ClassVar[Mapping[str, Any]] = {
        "created_at": lambda entry: formats.full_moment(entry.event.created_at),
        "actor": lambda entry: entry.actor,
        "through": _through,
        "action": _what,
        "object": _object,
        "data": _data,
    }
    facts: ClassVar[Mapping[str, Any]] = {
        **cells,
        "data": _whole_data,
        "request_id": lambda entry: cells.either(entry.event.request_id),
    }
    column_filters: ClassVar[Sequence[Any]] = [
        Words(Lazy("What"), "action", _starts),
        Words(Lazy("Who (id)"), "actor", _same(col(AuditEvent.actor_id))),
        Words(Lazy("On what (id)"), "object", _same(col(AuditEvent.object_id))),
        Day(Lazy("From"), "from", col(AuditEvent.created_at), last=False),
        Day(Lazy("To"), "to", col(AuditEvent.created_at), last=True),
    ]

    def title_of(self, row: Any) -> str:
        """The action."""
        return str(row.action)

    async def dress(self, session: AsyncSession, rows: Sequence[Any]) -> Sequence[Any]:
        """Add the names of those who acted."""
        ids = {row.actor_id for row in rows}
        query = sa.select(User).where(col(User.id).in_(ids))
        names = {user.id: user.short_name for user in await session.scalars(query)}
        names[SYSTEM_ID] = gettext("System")
        return [Entry(row, names.get(row.actor_id, cells.EMPTY)) for row in rows]


JournalView.identity = "journal"
