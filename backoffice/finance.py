"""Calls as finance sees them: a database view without names, addresses or symptoms."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlmodel import col

from backoffice import cells, formats
from backoffice.filters import Choice, Day
from backoffice.tables import TableView
from models.booking import Status
from models.booking_finance import BookingFinance
from models.booking_words import BEARER_OF, CallType, CancelReason
from services.i18n import Lazy
from services.permissions import Permission
from services.words import label


def _reason(row: BookingFinance) -> Any:
    code = row.cancel_reason_code
    return cells.EMPTY if code is None else label(code)


def _bearer(row: BookingFinance) -> Any:
    code = row.cancel_reason_code
    return cells.EMPTY if code is None else label(BEARER_OF[code])


class FinanceView(TableView, model=BookingFinance):
    """The list and the facts of one call, for finance."""

    # Items of the menu that share a name become one, so this one differs.
    name = Lazy("Call and price")
    name_plural = Lazy("Calls and prices")
    icon = "ti ti-receipt-2"
    needs: ClassVar[Mapping[str, Permission]] = {
        "list": Permission.BOOKING_FINANCE_READ,
        "details": Permission.BOOKING_FINANCE_READ,
    }
    can_view_details = True
    details_template = "finance/booking.html"
    column_list: ClassVar[Sequence[Any]] = ["number"]
    column_sortable_list: ClassVar[Sequence[Any]] = ["created_at"]
    column_default_sort = ("created_at", True)
    search_hint = Lazy("Number")
    numbers = frozenset({"price_kopecks", "paid_kopecks"})
    column_labels: ClassVar[dict[Any, Any]] = {
        "number": Lazy("Number"),
        "status": Lazy("Status"),
        "call_type": Lazy("Type"),
        "price_kopecks": Lazy("Quoted price"),
        "payment": Lazy("Payment"),
        "paid_kopecks": Lazy("Came and stayed"),
        "cancel_reason_code": Lazy("Reason for cancelling"),
        "bearer": Lazy("Borne by"),
        "created_at": Lazy("Taken"),
        "completed_at": Lazy("Completed"),
        "cancelled_at": Lazy("Cancelled"),
        "payer_contact": Lazy("Payer"),
    }
    cells: ClassVar[Mapping[str, Any]] = {
        "number": lambda row: row.label,
        "status": lambda row: cells.status(row.status),
        "created_at": lambda row: formats.moment(row.created_at),
        "call_type": lambda row: label(row.call_type),
        "price_kopecks": lambda row: formats.roubles(row.price_kopecks),
        "payment": lambda row: cells.payment(row.payment_state),
        "paid_kopecks": lambda row: formats.roubles(row.paid_kopecks),
        "completed_at": lambda row: formats.moment(row.completed_at),
        "cancel_reason_code": _reason,
        "payer_contact": lambda row: cells.either(row.payer_contact),
    }
    facts: ClassVar[Mapping[str, Any]] = {
        **cells,
        "cancelled_at": lambda row: formats.moment(row.cancelled_at),
        "bearer": _bearer,
    }
    column_filters: ClassVar[Sequence[Any]] = [
        Choice(Lazy("Status"), "status", BookingFinance.status, Status),
        Choice(Lazy("Type"), "type", BookingFinance.call_type, CallType),
        Choice(
            Lazy("Reason for cancelling"),
            "reason",
            BookingFinance.cancel_reason_code,
            CancelReason,
        ),
        Day(Lazy("From"), "from", BookingFinance.created_at, last=False),
        Day(Lazy("To"), "to", BookingFinance.created_at, last=True),
    ]

    def title_of(self, row: Any) -> str:
        """The call's number."""
        return str(row.label)

    def found(self, term: str) -> Any:
        """Search by number only: nothing else of a person is here."""
        digits = "".join(filter(str.isdigit, term))
        if not digits or len(digits) > 10:
            return sa.false()
        return col(BookingFinance.number) == int(digits)


FinanceView.identity = "calls-finance"
