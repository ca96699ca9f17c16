"""Filters of lists; every choice stays in the address, so it can be bookmarked."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy.sql import Select

from services.clock import MOSCOW
from services.words import label


class Filter:
    """One control of the strip; `kind` tells the template which input to draw."""

    kind = "text"
    has_operator = False

    def __init__(self, title: str, parameter_name: str) -> None:
        self.title = title
        self.parameter_name = parameter_name

    async def get_filtered_query(
        self, query: Select[Any], value: Any, model: Any
    ) -> Select[Any]:
        """Narrow the list; a value that makes no sense narrows nothing."""
        raise NotImplementedError


class Choice(Filter):
    """One of a few values; None among `options` means the column is empty."""

    kind = "choice"

    def __init__(
        self, title: str, parameter_name: str, column: Any, kinds: type[StrEnum]
    ) -> None:
        super().__init__(title, parameter_name)
        self.column, self.kinds = column, kinds

    @property
    def options(self) -> Sequence[tuple[str, str]]:
        """The values with their words."""
        return [(each.value, label(each)) for each in self.kinds]

    async def get_filtered_query(
        self, query: Select[Any], value: Any, model: Any
    ) -> Select[Any]:
        """Keep the rows with that value."""
        if value not in [each.value for each in self.kinds]:
            return query
        return query.where(self.column == self.kinds(value))


class Either(Filter):
    """A few named conditions, such as blocked or not."""

    kind = "choice"

    def __init__(
        self,
        title: str,
        parameter_name: str,
        conditions: Sequence[tuple[str, str, Callable[[], Any]]],
    ) -> None:
        super().__init__(title, parameter_name)
        self.conditions = conditions

    @property
    def options(self) -> Sequence[tuple[str, str]]:
        """The names of the conditions with their words."""
        return [(name, str(words)) for name, words, _ in self.conditions]

    async def get_filtered_query(
        self, query: Select[Any], value: Any, model: Any
    ) -> Select[Any]:
        """Keep the rows for which the condition holds."""
        chosen = [make for name, _, make in self.conditions if name == value]
        return query.where(chosen[0]()) if chosen else query


class Day(Filter):
    """The first or the last Moscow day of a span."""

    kind = "day"

    def __init__(
        self, title: str, parameter_name: str, column: Any, *, last: bool
    ) -> None:
        super().__init__(title, parameter_name)
        self.column, self.last = column, last

    async def get_filtered_query(
        self, query: Select[Any], value: Any, model: Any
    ) -> Select[Any]:
        """Compare with the day's midnight in Moscow."""
        try:
            edge = datetime.combine(date.fromisoformat(value), time(), MOSCOW)
            if self.last:
                return query.where(self.column < edge + timedelta(days=1))
        except (ValueError, OverflowError):
            return query
        return query.where(self.column >= edge)


class Words(Filter):
    """Free text turned into a condition by a function of the view."""

    def __init__(
        self, title: str, parameter_name: str, condition: Callable[[str], Any]
    ) -> None:
        super().__init__(title, parameter_name)
        self.condition = condition

    async def get_filtered_query(
        self, query: Select[Any], value: Any, model: Any
    ) -> Select[Any]:
        """Apply the function to the cleaned text."""
        term = " ".join(str(value).replace("\x00", "").split())[:100]
        return query.where(self.condition(term)) if term else query
