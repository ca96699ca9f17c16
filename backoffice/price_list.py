"""The price list: plain lines, edited in roubles, kept in kopecks."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import wtforms
from sqlmodel import col
from wtforms import validators

from backoffice import cells, formats
from backoffice.filters import Choice, Either
from backoffice.forms import RoublesField
from backoffice.i18n import LocalForm
from backoffice.tables import TableView
from models import PriceItem
from models.booking_words import CallType
from models.price_item import PriceKind
from models.specialization import Specialization
from services import vat_rates
from services.i18n import Lazy, current_locale, gettext
from services.permissions import Permission
from services.words import label

DEAREST = 100_000_000


def _hours(row: PriceItem) -> str:
    if row.starts == row.ends:
        return gettext("around the clock")
    return f"{row.starts:%H:%M}–{row.ends:%H:%M}"


def _title(row: PriceItem) -> str:
    return row.title_ru if current_locale() == "ru" else row.title_en


class PriceForm(LocalForm):
    """A visit is for one type of call; an extra service for none."""

    def validate(self, extra_validators: Any = None) -> bool:
        """Repeat the table's rule where it can be explained.

        Not as a validator of the field: an empty optional field runs none.
        """
        right = bool(super().validate(extra_validators))
        visit, call_type = self.kind.data is PriceKind.VISIT, self.call_type
        if visit == (call_type.data is not None):
            return right
        text = (
            gettext("Choose the type of the call.")
            if visit
            else gettext("An extra service belongs to no type of call.")
        )
        call_type.errors = [*call_type.errors, text]
        return False


class PriceListView(TableView, model=PriceItem):
    """The lines of the list and the form of one."""

    name = Lazy("Price")
    name_plural = Lazy("Price list")
    icon = "ti ti-tags"
    needs: ClassVar[Mapping[str, Permission]] = {
        "list": Permission.PRICE_READ,
        "create": Permission.PRICE_EDIT,
        "edit": Permission.PRICE_EDIT,
    }
    can_create = can_edit = True
    form_base_class = PriceForm
    column_list: ClassVar[Sequence[Any]] = ["title_ru"]
    column_sortable_list: ClassVar[Sequence[Any]] = ["price_kopecks"]
    column_default_sort: ClassVar[Any] = [("kind", True), ("call_type", False)]
    form_columns: ClassVar[Sequence[Any]] = [
        "kind",
        "call_type",
        "title_ru",
        "title_en",
        "specialization",
        "price_kopecks",
        "vat_code",
        "starts",
        "ends",
        "active",
    ]
    form_overrides: ClassVar[dict[Any, Any]] = {
        "price_kopecks": RoublesField,
        "vat_code": wtforms.SelectField,
        "starts": wtforms.TimeField,
        "ends": wtforms.TimeField,
    }
    numbers = frozenset({"price_kopecks"})
    wraps = frozenset({"title"})
    column_labels: ClassVar[dict[Any, Any]] = {
        "title_ru": Lazy("Title in Russian"),
        "title_en": Lazy("Title in English"),
        "title": Lazy("Title"),
        "kind": Lazy("Kind"),
        "call_type": Lazy("Type of call"),
        "specialization": Lazy("Specialization"),
        "hours": Lazy("Hours"),
        "starts": Lazy("From"),
        "ends": Lazy("To"),
        "price_kopecks": Lazy("Price, ₽"),
        "vat_code": Lazy("VAT"),
        "active": Lazy("In use"),
    }
    cells: ClassVar[Mapping[str, Any]] = {
        "title": _title,
        "kind": lambda row: label(row.kind),
        "call_type": lambda row: label(row.call_type) if row.call_type else cells.EMPTY,
        "specialization": lambda row: (
            label(row.specialization) if row.specialization else gettext("any")
        ),
        "hours": _hours,
        "price_kopecks": lambda row: formats.roubles(row.price_kopecks),
        "vat_code": lambda row: vat_rates.name(row.vat_code),
        "active": lambda row: cells.yes_no(row.active),
    }
    column_filters: ClassVar[Sequence[Any]] = [
        Choice(Lazy("Kind"), "kind", col(PriceItem.kind), PriceKind),
        Choice(Lazy("Type of call"), "type", col(PriceItem.call_type), CallType),
        Choice(
            Lazy("Specialization"),
            "specialization",
            col(PriceItem.specialization),
            Specialization,
        ),
        Either(
            Lazy("In use"),
            "active",
            [
                ("yes", Lazy("Yes"), lambda: col(PriceItem.active)),
                ("no", Lazy("No"), lambda: ~col(PriceItem.active)),
            ],
        ),
    ]

    def title_of(self, row: Any) -> str:
        """The line's name."""
        return _title(row)

    def row_address(self, request: Any, row: Any) -> str | None:
        """Straight to the form, for whoever may use it."""
        if not self.has_permission(request, "edit"):
            return None
        return f"/admin/{self.identity}/edit/{row.id}"

    def field_options(self) -> dict[str, dict[str, Any]]:
        """What the fields accept."""
        whole_day = gettext("The same time in both fields means around the clock.")
        return {
            "title_ru": {"validators": [validators.Length(max=200)]},
            "title_en": {"validators": [validators.Length(max=200)]},
            "price_kopecks": {
                "validators": [
                    validators.InputRequired(),
                    validators.NumberRange(min=0, max=DEAREST),
                ],
                "description": gettext("For example 4500 or 4500,50"),
            },
            "vat_code": {
                "choices": vat_rates.choices,
                "coerce": int,
                "default": vat_rates.EXEMPT,
                "validators": [],
            },
            "starts": {"validators": [validators.InputRequired()]},
            "ends": {
                "validators": [validators.InputRequired()],
                "description": whole_day,
            },
        }


PriceListView.identity = "prices"
