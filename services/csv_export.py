"""Tables for a spreadsheet, in which no cell is ever taken for a formula."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import takewhile

# Without the mark, and with commas, a Russian spreadsheet shows one garbled column.
MARK = "\ufeff"
DELIMITER = ";"
# What spreadsheets begin a formula with; a blank before it does not stop them.
# Source: OWASP, CSV Injection.
UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def disarmed(cell: object) -> str:
    """A cell as text; an apostrophe goes before what would be a formula."""
    text = "" if cell is None else str(cell)
    if not text or text[0].isalnum():
        return text
    begins = text.startswith(FORMULAS) or _seen(text).startswith(FORMULAS)
    return f"'{text}" if begins else text


def _seen(text: str) -> str:
    """The text from its first character that anybody sees."""
    unseen = takewhile(lambda each: unicodedata.category(each) in UNSEEN, text)
    return text[len(list(unseen)) :]


def line(cells: Sequence[object]) -> str:
    """One line of a table, its cells quoted where they must be."""
    return lines([cells])


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Many lines at once, for a table that is too long to be held whole."""
    return lines_of_disarmed([disarmed(each) for each in row] for row in rows)


def lines_of_disarmed(rows: Iterable[Sequence[object]]) -> str:
    """The same of cells that are harmless, each of them, before they come here."""
    text = io.StringIO()
    csv.writer(text, delimiter=DELIMITER).writerows(rows)
    return text.getvalue()


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A whole table with its head."""
    return MARK + lines([header, *rows])
