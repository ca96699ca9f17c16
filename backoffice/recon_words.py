"""What a finding says to whoever has to find out what happened, and what to do first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from backoffice import formats
from backoffice.provider_words import reason
from backoffice.provider_words import status as their_status
from models import ReconIssue
from models.payment import PaymentStatus
from models.receipt import ReceiptKind, ReceiptStatus
from models.recon_issue import IssueKind
from models.refund import RefundStatus
from services import invariants
from services.i18n import Lazy
from services.words import label

K = IssueKind
RULES = {rule.name: rule.about for rule in invariants.RULES}

# What is the matter, and what to do first.
KINDS: Mapping[IssueKind, tuple[str, str]] = {
    K.INVARIANT: (
        Lazy("The data contradict themselves"),
        Lazy(
            "Move no money of these rows and call the developers; it closes by itself."
        ),
    ),
    K.MISSING_HERE: (
        Lazy("The provider has it, and we do not"),
        Lazy(
            "Look for it in the provider's cabinet: who made it, and why. No money"
            " has moved here."
        ),
    ),
    K.MISSING_THERE: (
        Lazy("We have it, and the provider does not"),
        Lazy("Ask the provider's support about this number; give nothing back by it."),
    ),
    K.STATUS_DIFFERS: (
        Lazy("It ended otherwise at the provider"),
        Lazy("Compare both in the provider's cabinet; it closes once they agree."),
    ),
    K.AMOUNT_DIFFERS: (
        Lazy("The sums differ"),
        Lazy("Compare both in the provider's cabinet. No money has moved here."),
    ),
    K.QUARANTINED: (
        Lazy("Put aside: it does not fit what we asked for"),
        Lazy("Look at it in the provider's cabinet. No money has moved here."),
    ),
    K.REFUND_FAILED: (
        Lazy("The bank refused a refund"),
        Lazy("The money is free again: give it back another way."),
    ),
    K.REFUND_UNKNOWN: (
        Lazy("Nobody knows yet whether a refund went through"),
        Lazy("Do not make another one; look for it in the provider's cabinet."),
    ),
    K.PAYMENT_UNKNOWN: (
        Lazy("Nobody knows yet whether a payment was made"),
        Lazy("Look for it in the provider's cabinet by sum and time."),
    ),
    K.RECEIPT_FAILED: (
        Lazy("A receipt is not registered"),
        Lazy("Register it by hand in the cabinet of the cash register."),
    ),
    K.DAY_DIFFERS: (
        Lazy("The sums of a day differ"),
        Lazy("The findings of that day explain it; it closes once they agree."),
    ),
    K.SETTLEMENT_DIFFERS: (
        Lazy("The registry of transfers differs"),
        Lazy("Compare the line with the card of the payment; then import it again."),
    ),
    K.SHOP_DIFFERS: (
        Lazy("The shop at the provider is not the one of our settings"),
        Lazy("Compare the settings with the provider's cabinet before anybody pays."),
    ),
    K.INBOX_LEFT: (
        Lazy("A notice of the provider could not be looked into"),
        Lazy("It is tried again by itself; look whether the provider answers at all."),
    ),
}
PROBLEMS: Mapping[str, str] = {
    "not_here": Lazy("the line is about nothing of ours"),
    "status": Lazy("it has not gone through here"),
    "amount": Lazy("another sum"),
    "fee": Lazy("another fee"),
    "posted_otherwise": Lazy("transferred before with another sum"),
    "not_in_registry": Lazy("not transferred yet"),
    "no_registry": Lazy("no registry of this month was imported"),
    "login_refused": Lazy("the provider refuses the shop's login"),
    "other_shop": Lazy("it is another shop"),
    "test_shop": Lazy("it is a test shop and takes no real money"),
    "real_shop": Lazy("it is a real shop and takes money from testers"),
}
UNFIT: Mapping[str, str] = {
    "id": Lazy("number"),
    "account_id": Lazy("shop"),
    "amount": Lazy("sum"),
    "test": Lazy("test mode"),
    "attempt_id": Lazy("our attempt"),
    "booking_id": Lazy("our call"),
    "refund_id": Lazy("our refund"),
    "payment_id": Lazy("payment"),
    "paid": Lazy("paid or not"),
    "income_amount": Lazy("fee"),
}
# Ours and theirs side by side: the words, and the names of both facts.
PAIRS: Sequence[tuple[str, str, str]] = (
    (Lazy("Sum"), "amount_kopecks", "their_amount_kopecks"),
    (Lazy("Fee"), "fee_kopecks", "their_fee_kopecks"),
    (Lazy("Status"), "ours", "theirs"),
    (Lazy("Went back"), "ours_kopecks", "theirs_kopecks"),
    (Lazy("Came in"), "here_came_kopecks", "there_came_kopecks"),
    (Lazy("Went back"), "here_back_kopecks", "there_back_kopecks"),
    (Lazy("Fees"), "here_fee_kopecks", "there_fee_kopecks"),
)
# Each check: its words, and how long it may be silent.
CHECKS: Mapping[str, tuple[str, timedelta]] = {
    "invariants": (Lazy("Rules of the data"), timedelta(minutes=40)),
    "leftovers": (Lazy("What lies too long"), timedelta(minutes=40)),
    "provider_hourly": (Lazy("The provider, hour by hour"), timedelta(hours=3)),
    "provider_daily": (Lazy("The provider, day by day"), timedelta(hours=26)),
    "shop": (Lazy("The shop itself"), timedelta(hours=26)),
    "settlement": (Lazy("Transfers to the bank"), timedelta(days=40)),
}


@dataclass(frozen=True)
class Pair:
    """One thing as we have it and as they have it."""

    words: str
    ours: str
    theirs: str

    @property
    def differs(self) -> bool:
        """Both are known and not the same."""
        return "" not in {self.ours, self.theirs} and self.ours != self.theirs


def title(issue: ReconIssue) -> str:
    """What is the matter; of a broken rule, the rule."""
    about = RULES.get(issue.subject) if issue.kind is K.INVARIANT else None
    return str(KINDS[issue.kind][0] if about is None else about)


def advice(issue: ReconIssue) -> str:
    """What to do first."""
    return str(KINDS[issue.kind][1])


def pairs(issue: ReconIssue) -> Sequence[Pair]:
    """Give both sides, where anything is known of theirs."""
    if not any(theirs in issue.facts for _, _, theirs in PAIRS):
        return []
    return [
        Pair(str(words), _said(issue, ours), _said(issue, theirs))
        for words, ours, theirs in PAIRS
        if ours in issue.facts or theirs in issue.facts
    ]


def facts(issue: ReconIssue) -> Sequence[tuple[str, str]]:
    """Give all other facts with their words, in a fixed order."""
    ours = () if pairs(issue) else PAIRS
    found = [(str(words), _said(issue, name)) for words, name, _ in ours]
    found += [
        (str(words), say(issue, issue.facts[name]))
        for name, (words, say) in FACTS.items()
        if issue.facts.get(name) is not None
    ]
    return [(words, said) for words, said in found if said]


def offenders(issue: ReconIssue) -> Sequence[str]:
    """List the rows that break a rule."""
    return list(map(str, issue.facts.get("offenders", ())))


def _said(issue: ReconIssue, name: str) -> str:
    value = issue.facts.get(name)
    if value is None:
        return ""
    if name.endswith("_kopecks"):
        return formats.roubles(value)
    return _our_status(issue, value) if name == "ours" else their_status(value)


def _our_status(issue: ReconIssue, value: str) -> str:
    kind = RefundStatus if _noun(issue) == "refund" else PaymentStatus
    return _word(kind, value)


def _noun(issue: ReconIssue) -> str:
    return issue.subject.partition(":")[0]


def _word(kind: type[StrEnum], value: str) -> str:
    known = {each.value for each in kind}
    return label(kind(value)) if value in known else value


def _text(_: ReconIssue, value: Any) -> str:
    return str(value)


def _reason(_: ReconIssue, value: str) -> str:
    return reason(value)


def _unfit(_: ReconIssue, value: str) -> str:
    return ", ".join(str(UNFIT.get(each, each)) for each in value.split(", "))


def _problem(_: ReconIssue, value: str) -> str:
    return str(PROBLEMS.get(value, value))


def _receipt(_: ReconIssue, value: str) -> str:
    return _word(ReceiptKind, value)


def _receipt_status(_: ReconIssue, value: str) -> str:
    return _word(ReceiptStatus, value)


def _roubles(_: ReconIssue, value: int) -> str:
    return formats.roubles(value)


def _day(_: ReconIssue, value: str) -> str:
    return formats.day(date.fromisoformat(value))


FACTS: Mapping[str, tuple[str, Callable[[ReconIssue, Any], str]]] = {
    "problem": (Lazy("What is wrong"), _problem),
    "unfit": (Lazy("Does not fit"), _unfit),
    "code": (Lazy("Reason"), _reason),
    "receipt_kind": (Lazy("Receipt"), _receipt),
    "status": (Lazy("Status"), _receipt_status),
    "left_kopecks": (Lazy("Left of the payment"), _roubles),
    "day": (Lazy("Day"), _day),
    "month": (Lazy("Month"), _text),
    "event": (Lazy("Notice"), _text),
    "note": (Lazy("Answer"), _reason),
    "provider_id": (Lazy("Number at the provider"), _text),
    "object_id": (Lazy("Number at the provider"), _text),
}
