"""The rows of a list drawn as one piece of HTML.

A template would yield thousands of pieces through five levels of blocks: half of
the time of a whole page.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape
from starlette.requests import Request

from backoffice.cells import EMPTY

if TYPE_CHECKING:
    from backoffice.tables import Cell, TableView

LINK = Markup('<a class="row-link" href="{}">{}</a>')
EMPTY_CELL = Markup(" data-empty")


def rows_html(view: "TableView", request: Request, rows: Sequence[Any]) -> Markup:
    """Draw what `cells` of the view make of each row; the first cell is a link."""
    columns = [
        (draw, _attributes(view, name, view.label(name), place))
        for place, (name, draw) in enumerate(view.cells.items())
    ]
    drawn = (_row(view.row_address(request, row), row, columns) for row in rows)
    return Markup("").join(drawn)


def _row(
    address: str | None, row: Any, columns: Sequence[tuple["Cell", Markup]]
) -> Markup:
    parts: list[str] = []
    for draw, attributes in columns:
        value = escape(draw(row))
        if not parts and address:
            value = LINK.format(address, value)
        empty = EMPTY_CELL if value == EMPTY else ""
        parts.append(f"<td{attributes}{empty}>{value}</td>")
    return Markup(f"<tr>{''.join(parts)}</tr>")  # noqa: S704 - escaped above


def _attributes(view: "TableView", name: str, label: str, place: int) -> Markup:
    kinds = {"is-num": name in view.numbers, "wraps": name in view.wraps}
    words = " ".join(kind for kind, on in kinds.items() if on)
    named = Markup(' data-label="{}"').format(label) if place else Markup("")
    return Markup(' class="{}"').format(words) + named if words else named
