"""The provider's registry of transfers as a file: how it is read.

The form is an assumption until the first real file is seen, because the provider
describes it to each shop by itself: CSV in UTF-8 with semicolons and the columns
`type;id;amount;fee;date` in any order, others are passed over. `type` is `payment` or
`refund`, `id` the provider's, `amount` and `fee` are roubles with two decimals
("4500.00" or "4500,00"), `date` is the day of the transfer (2026-12-01).
"""

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.errors import ValidationFailed
from services.i18n import gettext

NOUNS = ("payment", "refund")
ROUBLES = re.compile(r"([0-9]{1,9})[.,]([0-9]{2})")
OBJECT_ID = re.compile(r"[0-9a-f-]{36}")
ERRORS_TOLD = 20


@dataclass(frozen=True)
class Line:
    """One payment or refund that was transferred; sums in kopecks, without a sign."""

    noun: str
    provider_id: str
    amount_kopecks: int
    fee_kopecks: int
    day: date

    @property
    def net_kopecks(self) -> int:
        """What came to the bank; below nothing for a refund."""
        sign = 1 if self.noun == "payment" else -1
        return sign * self.amount_kopecks - self.fee_kopecks

    @property
    def subject(self) -> str:
        """How a finding names it."""
        return f"{self.noun}:{self.provider_id}"


def read(lines: Iterable[str]) -> list[Line]:
    """Read a registry; wrong lines are told together, each with its number."""
    reader = csv.DictReader(lines, delimiter=";")
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise ValidationFailed(
                "The file has no column {columns}; needed are {needed}.",
                columns=", ".join(missing),
                needed=", ".join(COLUMNS),
            )
        return _lines(reader)
    except csv.Error as error:
        raise ValidationFailed("The file is not CSV in UTF-8.") from error


def _lines(reader: "csv.DictReader[str]") -> list[Line]:
    found, errors = [], []
    for row in reader:
        read_as = {name: PARSERS[name]((row[name] or "").strip()) for name in COLUMNS}
        wrong = [name for name, value in read_as.items() if value is None]
        if not wrong:
            found.append(Line(*read_as.values()))
            continue
        problem = gettext("{column} is not understood", column=", ".join(wrong))
        text = gettext("line {line}: {problem}", line=reader.line_num, problem=problem)
        errors.append({"line": reader.line_num, "text": text})
        if len(errors) == ERRORS_TOLD:
            break
    if errors:
        raise ValidationFailed(
            "Wrong lines in the file: {first}", first=errors[0]["text"], errors=errors
        )
    return found


def _noun(text: str) -> str | None:
    return text if text in NOUNS else None


def _object_id(text: str) -> str | None:
    return text if OBJECT_ID.fullmatch(text) else None


def _kopecks(text: str) -> int | None:
    match = ROUBLES.fullmatch(text)
    return None if match is None else int(match[1] + match[2])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


PARSERS: Mapping[str, Callable[[str], Any]] = {
    "type": _noun,
    "id": _object_id,
    "amount": _kopecks,
    "fee": _kopecks,
    "date": _day,
}
COLUMNS = tuple(PARSERS)
