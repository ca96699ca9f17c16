"""Lists, details and plain forms on sqladmin's ModelView, with its holes closed."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, cast

import sqlalchemy as sa
from markupsafe import Markup
from sqladmin import ModelView
from sqladmin.authorization import Action
from sqladmin.pagination import Pagination
from sqlalchemy.sql import Select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from backoffice import problems
from backoffice.forms import PlainConverter
from backoffice.i18n import LocalForm
from backoffice.pages import staff_of
from backoffice.rows import rows_html
from services import plain_tables
from services.database import Sessions
from services.edges import in_transaction
from services.errors import NotFound
from services.i18n import gettext
from services.permissions import Permission

COUNT_CAP = 10_000
SHORTEST_SEARCH = 3
LONGEST_SEARCH = 100

Cell = Callable[[Any], Any]


class NotSaved(Exception):
    """What sqladmin prints above the form: a sentence of ours, nothing else."""


class TableView(ModelView):
    """A list of rows. Everything is off until a subclass grants it in `needs`.

    `cells` draw the columns of the list, `facts` those of the details page; both
    take the row. What a column of sqladmin is called stands in `column_labels`.
    """

    needs: ClassVar[Mapping[str, Permission]] = {}
    in_menu: ClassVar[bool] = True
    cells: ClassVar[Mapping[str, Cell]] = {}
    facts: ClassVar[Mapping[str, Cell]] = {}
    numbers: ClassVar[frozenset[str]] = frozenset()
    wraps: ClassVar[frozenset[str]] = frozenset()
    search_hint: ClassVar[str] = ""

    can_create = can_edit = can_delete = can_export = can_import = False
    can_view_details = False
    column_sortable_list: ClassVar[Sequence[Any]] = ()
    page_size = 25
    page_size_options: ClassVar[Sequence[int]] = [25, 50, 100]
    search_auto_submit = False
    list_template = "list.html"
    details_template = "details.html"
    create_template = edit_template = "form.html"
    form_base_class = LocalForm
    form_converter = PlainConverter

    @property
    def sessions(self) -> Sessions:
        """The console's own sessions, which refuse to write protected columns."""
        return cast(Sessions, self.session_maker)

    # -- who may do what ------------------------------------------------------

    def is_visible(self, request: Request) -> bool:
        """Lists opened from another page stay out of the menu."""
        return self.in_menu

    def row_allowed(self, request: Request, row: Any) -> bool:
        """Narrow the view to some rows; holds for every page and every change."""
        return True

    async def check_can_view_details(self, request: Request, model: Any) -> bool:
        """Refuse what is not there: sqladmin's own answer to None is yes."""
        return self._may(request, Action.DETAILS, model, self.can_view_details)

    async def check_can_edit(self, request: Request, model: Any) -> bool:
        """The same for changing."""
        return self._may(request, Action.EDIT, model, self.can_edit)

    async def check_can_delete(self, request: Request, model: Any) -> bool:
        """The same for deleting, where a yes to None deletes by the bare key."""
        return self._may(request, Action.DELETE, model, self.can_delete)

    def _may(self, request: Request, action: Action, model: Any, on: bool) -> bool:
        return (
            on
            and model is not None
            and self.row_allowed(request, model)
            and self.has_permission(request, action, model)
        )

    # -- reading --------------------------------------------------------------

    def _stmt_by_identifier(self, identifier: str) -> Select[Any]:
        try:
            key = uuid.UUID(identifier)
        except ValueError:
            raise NotFound from None
        return sa.select(self.model).where(self.pk_columns[0] == key)

    async def _get_object_by_pk(self, stmt: Select[Any]) -> Any:
        row = await super()._get_object_by_pk(stmt)
        if row is None:
            raise NotFound
        return row

    async def get_object_for_details(self, request: Request) -> Any:
        """Load the row once: sqladmin asks for it twice on every details page."""
        kept = getattr(request.state, "details_row", None)
        if kept is None:
            kept = await super().get_object_for_details(request)
            request.state.details_row = kept
        return kept

    async def list(self, request: Request) -> Pagination:
        """Fetch a page of rows and what the list shows beside them.

        One transaction for the count, the page and the rest; sqladmin's own way
        compiles a subquery with all columns only to count it.
        """
        page, size = self._wanted_page(request)
        found = await self._narrowed(request)
        cap = self.count_cap(request)

        async def read(session: AsyncSession) -> Pagination:
            capped = found.with_only_columns(sa.literal(1), maintain_column_froms=True)
            counted = capped.limit(cap).subquery()
            query = sa.select(sa.func.count()).select_from(counted)
            count = await session.scalar(query) or 0
            # Clamped before the offset is built: it would reach the database as is.
            at = min(max(page, 1), Pagination.max_page(count, size))
            ordered = self.sort_query(found, request).limit(size)
            rows = (await session.scalars(ordered.offset((at - 1) * size))).all()
            dressed = [*await self.dress(session, rows)] if rows else []
            return Pagination(rows=dressed, page=at, page_size=size, count=count)

        return await in_transaction(self.sessions, read)

    def _wanted_page(self, request: Request) -> tuple[int, int]:
        query = request.query_params
        size = self.validate_page_number(query.get("pageSize"), self.page_size)
        if size < 1:
            raise problems.Refused
        page = self.validate_page_number(query.get("page"), 1)
        return page, min(size, max(self.page_size_options))

    async def _narrowed(self, request: Request) -> Select[Any]:
        statement = self.list_query(request)
        for each in self.get_filters():
            value = request.query_params.get(each.parameter_name)
            if value:
                statement = await each.get_filtered_query(  # type: ignore[call-arg]
                    statement, value, self.model
                )
        term = request.query_params.get("search")
        return self.search_query(statement, term) if term else statement

    async def dress(self, session: AsyncSession, rows: Sequence[Any]) -> Sequence[Any]:
        """Add to the rows what their cells need from other tables, in one query."""
        return rows

    async def details_context(self, request: Request) -> dict[str, Any]:
        """Give the template the dressed row."""
        row = await self.get_object_for_details(request)

        async def read(session: AsyncSession) -> Any:
            return (await self.dress(session, [row]))[0]

        return {"view": self, "dressed": await in_transaction(self.sessions, read)}

    def count_cap(self, request: Request) -> int:
        """How far to count; the list ends there."""
        return COUNT_CAP

    def search_query(self, stmt: Select[Any], term: str) -> Select[Any]:
        """Clean the term and hand it to `narrowed`; too short a one finds nothing."""
        cleaned = " ".join(term.replace("\x00", "").split())[:LONGEST_SEARCH]
        if not cleaned:
            return stmt
        return self.narrowed(stmt, cleaned)

    def narrowed(self, stmt: Select[Any], term: str) -> Select[Any]:
        """Keep what a clean term finds."""
        return stmt.where(self.found(term))

    def found(self, term: str) -> Any:
        """The condition for a search; a view with a search box overrides it."""
        return sa.false()

    def search_placeholder(self) -> str:
        """What may be typed into the search box."""
        return str(self.search_hint)

    def body(self, request: Request, rows: Sequence[Any]) -> Markup:
        """Draw the rows of the list as one piece."""
        return rows_html(self, request, rows)

    def facts_of(self, row: Any) -> Sequence[tuple[str, Any]]:
        """Label and drawn value of each line of the details page."""
        lines = self.facts or self.cells
        return [(self.label(name), draw(row)) for name, draw in lines.items()]

    def label(self, name: str) -> str:
        """What a column is called."""
        return str(self._column_labels.get(name, name))

    def title_of(self, row: Any) -> str:
        """What a row is called in headings."""
        return str(row)

    def row_address(self, request: Request, row: Any) -> str | None:
        """Where the first column of the list leads."""
        if not self.can_view_details or not self.has_permission(request, "details"):
            return None
        return f"/admin/{self.identity}/details/{row.id}"

    # -- plain saves ----------------------------------------------------------

    def field_options(self) -> dict[str, dict[str, Any]]:
        """Validators and hints of the form's fields."""
        return {}

    @property
    def form_args(self) -> dict[str, dict[str, Any]]:  # type: ignore[override]
        """Made anew each time: sqladmin appends to the lists that it is given."""
        return self.field_options()

    async def insert_model(self, request: Request, data: dict[str, Any]) -> Any:
        """Create through the service, journalled in the same transaction."""
        actor = staff_of(request).actor
        return await self._save(
            lambda session: plain_tables.create(session, actor, self.model, data)
        )

    async def update_model(
        self, request: Request, pk: str, data: dict[str, Any]
    ) -> Any:
        """Change through the service, unless somebody else did meanwhile."""
        actor, key = staff_of(request).actor, uuid.UUID(pk)
        seen = moment_of((await request.form()).get("seen"))
        return await self._save(
            lambda session: plain_tables.change(
                session, actor, self.model, key, data, seen
            )
        )

    async def _save(self, work: Any) -> Any:
        try:
            return await in_transaction(self.sessions, work)
        except Exception as error:  # noqa: BLE001 - understand() logs the unknown
            raise NotSaved(problems.understand(error).message) from None

    async def list_context(self, request: Request) -> dict[str, Any]:
        """Tell the template whether the search term was too short to use."""
        term = request.query_params.get("search", "").strip()
        short = bool(term) and not term.isdigit() and len(term) < SHORTEST_SEARCH
        hint = gettext("Type at least {count} characters.", count=SHORTEST_SEARCH)
        return {"search_note": hint if short else "", "view": self}


def moment_of(raw: Any) -> datetime | None:
    """Read a stamp that a form carried; nonsense is no stamp."""
    try:
        return datetime.fromisoformat(str(raw)) if raw else None
    except ValueError:
        return None
