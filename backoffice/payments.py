"""Payments as a list for finance: attempts at the money of calls, payers masked."""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from markupsafe import Markup
from starlette.requests import Request

from backoffice import cells, formats, money_words
from backoffice.call_money import card_path
from backoffice.filters import Choice, Day
from backoffice.tables import TableView
from models.payment import PaymentMethod, PaymentStatus, Surplus
from models.payment_finance import PaymentFinance
from services.i18n import Lazy
from services.permissions import Permission
from services.words import label

NUMBER = re.compile(r"(?:[BbВв]-?)?([0-9]{1,10})")


def _status(row: PaymentFinance) -> Any:
    shown = money_words.payment_pill(row)
    if row.surplus is None:
        return shown
    return Markup("{} {}").format(shown, cells.pill(label(row.surplus), "warn"))


def _method(row: PaymentFinance) -> str:
    return " ".join(filter(None, [label(row.method), row.method_title]))


class PaymentsView(TableView, model=PaymentFinance):
    """The list; a line leads to the card of its call's money."""

    name = Lazy("Payment")
    name_plural = Lazy("Payments")
    icon = "ti ti-credit-card"
    needs: ClassVar[Mapping[str, Permission]] = {"list": Permission.PAYMENT_READ}
    column_list: ClassVar[Sequence[Any]] = ["booking_number"]
    column_sortable_list: ClassVar[Sequence[Any]] = ["created_at"]
    column_default_sort = ("created_at", True)
    search_hint = Lazy("Call number, number at the provider")
    numbers = frozenset({"amount_kopecks", "back"})
    column_labels: ClassVar[dict[Any, Any]] = {
        "booking_number": Lazy("Call"),
        "status": Lazy("Status"),
        "created_at": Lazy("Begun"),
        "method": Lazy("Way to pay"),
        "amount_kopecks": Lazy("Sum"),
        "back": Lazy("Went back"),
        "payer": Lazy("Payer"),
        "call_status": Lazy("Status of the call"),
    }
    cells: ClassVar[Mapping[str, Any]] = {
        "booking_number": lambda row: row.booking_label,
        "status": _status,
        "created_at": lambda row: formats.moment(row.created_at),
        "method": _method,
        "amount_kopecks": lambda row: formats.roubles(row.amount_kopecks),
        "back": lambda row: (
            formats.roubles(row.refunded_or_reserved_kopecks)
            if row.refunded_or_reserved_kopecks
            else cells.EMPTY
        ),
        "payer": lambda row: cells.either(row.payer_contact),
        "call_status": lambda row: cells.status(row.booking_status),
    }
    column_filters: ClassVar[Sequence[Any]] = [
        Choice(Lazy("Status"), "status", PaymentFinance.status, PaymentStatus),
        Choice(Lazy("Way to pay"), "method", PaymentFinance.method, PaymentMethod),
        Choice(Lazy("Paid too much"), "surplus", PaymentFinance.surplus, Surplus),
        Day(Lazy("From"), "from", PaymentFinance.created_at, last=False),
        Day(Lazy("To"), "to", PaymentFinance.created_at, last=True),
    ]

    def found(self, term: str) -> Any:
        """Search by the call's number, by ours or by the provider's."""
        number = NUMBER.fullmatch(term)
        if number:
            return PaymentFinance.booking_number == int(number[1])
        try:
            ours = PaymentFinance.id == uuid.UUID(term)
        except ValueError:
            return sa.false()
        return sa.or_(ours, PaymentFinance.provider_id == term.lower())

    def row_address(self, request: Request, row: Any) -> str | None:
        """The card of the call, at this attempt."""
        return f"{card_path(row.booking_id)}#p-{row.id}"


PaymentsView.identity = "payments"
