"""The story of payments and refunds in sentences that a tired person reads once."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from backoffice import call_words, cells, formats
from backoffice.provider_words import reason
from models.payment import PaymentMethod, PaymentStatus, Surplus
from models.payment_finance import PaymentFinance
from models.refund import Destination, RefundStatus, Refusal
from models.refund_finance import RefundFinance
from models.role_grant import STAFF_ROLES
from services import stale
from services.i18n import Lazy, gettext, ngettext
from services.money_reads import CallMoney
from services.words import label

PAYMENT_KINDS: Mapping[PaymentStatus, str] = {
    PaymentStatus.SUCCEEDED: "good",
    PaymentStatus.UNKNOWN: "warn",
    PaymentStatus.PENDING: "info",
}
REFUND_KINDS: Mapping[RefundStatus, str] = {
    RefundStatus.AWAITING_APPROVAL: "warn",
    RefundStatus.UNKNOWN: "warn",
    RefundStatus.APPROVED: "info",
    RefundStatus.SENDING: "info",
    RefundStatus.PENDING_PROVIDER: "info",
    RefundStatus.SUCCEEDED: "good",
    RefundStatus.FAILED: "bad",
}

REFUND_STORIES: Mapping[RefundStatus, str] = {
    RefundStatus.AWAITING_APPROVAL: Lazy(
        "Nothing is sent before a second person agrees."
    ),
    RefundStatus.SENDING: Lazy("It is being sent right now."),
    RefundStatus.UNKNOWN: Lazy(
        "Sent; the bank has not confirmed it yet. Do not make another one:"
        " the system asks by itself, next: {next}."
    ),
    RefundStatus.PENDING_PROVIDER: Lazy(
        "The bank has been working on it since {at}. Up to three days are usual;"
        " the system asks by itself, next: {next}."
    ),
    RefundStatus.SUCCEEDED: Lazy("The money went back on {at}."),
}


def payment_pill(payment: PaymentFinance) -> Any:
    """The status of an attempt in its colour."""
    return cells.pill(label(payment.status), PAYMENT_KINDS.get(payment.status, ""))


def refund_pill(refund: RefundFinance) -> Any:
    """The status of a refund in its colour."""
    return cells.pill(label(refund.status), REFUND_KINDS.get(refund.status, ""))


def means(payment: PaymentFinance) -> str:
    """How it was paid: «картой •••• 4444»."""
    if payment.method is PaymentMethod.CARD:
        return gettext("by card {title}", title=payment.method_title or "").strip()
    if payment.method is PaymentMethod.SBP:
        return gettext("by SBP")
    return gettext("from the wallet")


def summary(money: CallMoney) -> str:
    """The whole of it on one line: what came, how, and what went back."""
    call = money.call
    came = [each for each in money.payments if each.captured_kopecks]
    twice = [each for each in came if each.surplus is Surplus.DOUBLE]
    counted = [each for each in came if each not in twice]
    if not counted:
        return gettext("Nothing was paid")
    how = means(counted[0]) if len(counted) == 1 else _several(len(counted))
    line = gettext(
        "Paid {amount} {means}, given back {returned}",
        amount=formats.roubles(call.captured_kopecks),
        means=how,
        returned=formats.roubles(call.returned_kopecks),
    )
    if not twice:
        return line
    more = formats.roubles(sum(each.captured_kopecks for each in twice))
    return line + gettext("; {sum} came a second time", sum=more)


def _several(count: int) -> str:
    return ngettext("in {count} payment", "in {count} payments", count)


def payment_story(payment: PaymentFinance, now: datetime) -> str:
    """What became of an attempt, and what happens next."""
    if payment.status is PaymentStatus.SUCCEEDED:
        return _came(payment)
    if payment.status is PaymentStatus.CANCELED:
        why = reason(payment.cancel_reason) or gettext("the provider gives no reason")
        return gettext("Did not go through: {why}.", why=why)
    if payment.status is PaymentStatus.FAILED:
        why = reason(payment.failure_code) or gettext("the provider gives no reason")
        return gettext("The provider has no such payment: {why}.", why=why)
    if payment.superseded_at is not None:
        return gettext(
            "The patient chose another way to pay. Should this one still be paid,"
            " the money goes back by itself."
        )
    if payment.status is PaymentStatus.PENDING:
        return gettext("The patient has not paid yet.") + _until(payment.expires_at)
    return gettext(
        "Nobody knows yet whether the bank has it. The system asks by itself: {next}.",
        next=next_try(payment.next_look_at, now),
    )


def _came(payment: PaymentFinance) -> str:
    at = formats.moment(payment.succeeded_at)
    if payment.surplus is None:
        return gettext("The money came on {at}.", at=at)
    return gettext(
        "The money came on {at} and goes back whole: {why}.",
        at=at,
        why=label(payment.surplus).lower(),
    )


def _until(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return " " + gettext("The link serves until {at}.", at=formats.moment(moment))


def refund_story(
    refund: RefundFinance, names: Mapping[uuid.UUID, str], now: datetime
) -> str:
    """How far a refund is, what happens next, and what nobody has to do."""
    if refund.status is RefundStatus.APPROVED:
        return _on_its_way(refund, now)
    if refund.status is RefundStatus.REJECTED:
        return gettext(
            "{who} rejected it: {why}.",
            who=names.get(refund.rejected_by or refund.id, cells.EMPTY),
            why=refusal(refund.failure_code).lower(),
        )
    if refund.status is RefundStatus.FAILED:
        return gettext(
            "The bank refused: {why}. The money is free again; give it back another way.",
            why=reason(refund.failure_code) or gettext("no reason was given"),
        )
    return gettext(
        REFUND_STORIES[refund.status],
        at=formats.moment(refund.succeeded_at or refund.key_used_at),
        next=next_try(refund.next_look_at, now),
    )


def _on_its_way(refund: RefundFinance, now: datetime) -> str:
    if refund.destination is Destination.MANUAL:
        return gettext(
            "Approved. Transfer the money from the bank and note the document here."
        )
    return gettext(
        "Ready. The system sends it by itself: {next}.",
        next=next_try(refund.next_look_at, now),
    )


def refusal(code: str | None) -> str:
    """Why the second person rejected a refund."""
    known = {each.value for each in Refusal}
    return label(Refusal(code)) if code in known else label(Refusal.OTHER)


def next_try(moment: datetime | None, now: datetime) -> str:
    """When the system does something by itself."""
    if moment is None:
        return gettext("not by itself any more")
    if moment <= now:
        return gettext("now")
    return call_words.clock_of(moment, now)


def age(since: datetime, now: datetime) -> str:
    """How old something is, as short as a list needs it: «12 мин назад»."""
    return stale.time_ago(int((now - since).total_seconds()))


def is_old(since: datetime, now: datetime, hours: int) -> bool:
    """Tell whether something waits longer than it should."""
    return now - since > timedelta(hours=hours)


def asker(refund: RefundFinance, names: Mapping[uuid.UUID, str]) -> str:
    """Who asked for a refund: staff by name, anybody else by the role alone."""
    role = label(refund.requested_as)
    if refund.requested_as not in STAFF_ROLES:
        return role
    return names.get(refund.requested_by, role)


HELPERS: Mapping[str, Callable[..., Any]] = {
    "label": label,
    "means": means,
    "payment_pill": payment_pill,
    "payment_story": payment_story,
    "refund_pill": refund_pill,
    "refund_story": refund_story,
    "reason": reason,
    "age": age,
    "is_old": is_old,
    "asker": asker,
    "next_try": next_try,
}
