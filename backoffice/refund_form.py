"""Reading what somebody of finance typed about a refund, and offering what may be."""

from enum import StrEnum
from typing import TypeVar

from backoffice import forms
from backoffice.command_calls import Call
from models.refund import Destination, RefundReason, Split
from services.i18n import gettext
from services.refund_terms import Terms, Wish

Word = TypeVar("Word", bound=StrEnum)
# What finance gives as a reason; the others are written by the system.
REASONS = (
    RefundReason.CANCELLED,
    RefundReason.NOT_RENDERED,
    RefundReason.POOR_SERVICE,
    RefundReason.WRONG_AMOUNT,
    RefundReason.DOUBLE_PAYMENT,
    RefundReason.LATE_PAYMENT,
    RefundReason.GOODWILL,
    RefundReason.OTHER,
)
# Why the house gives money away: a code, so that nobody writes about a patient here.
GIFTS = (
    RefundReason.POOR_SERVICE,
    RefundReason.NOT_RENDERED,
    RefundReason.WRONG_AMOUNT,
    RefundReason.GOODWILL,
    RefundReason.OTHER,
)


def terms(call: Call, amount: str = "amount") -> Terms:
    """Read sum, way back, split and consent; the sum stands in the field `amount`."""
    return Terms(
        kopecks(call, amount),
        word(call, Destination, "destination"),
        word(call, Split, "split") if call.text("split") else None,
        call.checked("patient_agreed"),
    )


def wish(call: Call) -> Wish:
    """Read a refund of one payment; the token makes two clicks one refund."""
    return Wish(
        call.id("pk"),
        terms(call),
        word(call, RefundReason, "reason_code"),
        call.text("request_token") or None,
    )


def kopecks(call: Call, name: str) -> int:
    """Read a sum of roubles that must be given."""
    typed = call.words(name, 20)
    try:
        return forms.kopecks_of(typed)
    except ValueError as error:
        raise call.wrong(name, str(error)) from None


def word(call: Call, kinds: type[Word], name: str) -> Word:
    """Read a word of an enumeration that must be given."""
    typed = call.words(name, 40)
    if typed not in {each.value for each in kinds}:
        raise call.wrong(name, gettext("Choose one of the list."))
    return kinds(typed)
