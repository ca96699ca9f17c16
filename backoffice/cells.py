"""Small pieces of HTML for cells of lists; every value is escaped by Markup.format."""

from collections.abc import Iterable
from enum import StrEnum

from markupsafe import Markup

from models.booking import Status
from models.payment import PaymentState
from services.i18n import gettext
from services.words import label

EMPTY = "—"
PAID = {
    PaymentState.PAID: "good",
    PaymentState.PENDING: "info",
    PaymentState.REFUND_PENDING: "info",
}


def status(value: Status) -> Markup:
    """A status in its colours; the word is always there."""
    return Markup('<span class="status s-{}">{}</span>').format(
        value.value, label(value)
    )


def pill(text: str, kind: str = "") -> Markup:
    """A short word in a rounded box."""
    return Markup('<span class="pill {}">{}</span>').format(kind, text)


def payment(value: PaymentState) -> Markup:
    """How the money of a call stands, in a word."""
    return pill(label(value), PAID.get(value, ""))


def pills(values: Iterable[StrEnum]) -> Markup:
    """Several words side by side."""
    return Markup(" ").join(pill(label(each)) for each in values)


def clip(text: str | None) -> Markup | str:
    """A long text on one line; the whole of it in the title."""
    if not text:
        return EMPTY
    return Markup('<span class="clip" title="{0}">{0}</span>').format(text)


def yes_no(value: bool) -> Markup:
    """On or off, as a word."""
    return pill(gettext("Yes"), "good") if value else pill(gettext("No"))


def either(value: str | None) -> str:
    """The text, or a dash."""
    return value or EMPTY
