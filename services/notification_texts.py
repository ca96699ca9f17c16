"""Every text that leaves the house, by its kind; the words stand in the catalogs.

A text names no medical fact: a call is only its number. `{secret}` is the code or
the link; `short` is what goes by SMS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from models.document import DocumentKind
from services import words
from services.i18n import Lazy, gettext, use_locale


@dataclass(frozen=True)
class Text:
    """The subject and the body of one kind of message."""

    subject: str
    body: str
    short: str | None = None


@dataclass(frozen=True)
class Rendered:
    """A message in one language, ready to leave."""

    subject: str
    text: str


TEXTS: Mapping[str, Text] = {
    "verification_code": Text(
        Lazy("Your code"),
        Lazy(
            "Your code is {secret}. It is good for 10 minutes."
            " Nobody of the service will ever ask you for it."
        ),
        Lazy("TOT: code {secret}. Tell it to nobody."),
    ),
    "claim_code": Text(
        Lazy("Your code"),
        Lazy("With the code {secret} your calls made by phone become yours to see."),
        Lazy("TOT: code {secret} opens your calls made by phone. Tell it to nobody."),
    ),
    "contact_change_code": Text(
        Lazy("A new contact"),
        Lazy("With the code {secret} this becomes the contact of your account."),
        Lazy("TOT: code {secret} for your new number. Tell it to nobody."),
    ),
    "contact_changed": Text(
        Lazy("Your contact was changed"),
        Lazy("Another contact is now set in your account. If it was not you, call us."),
    ),
    "password_reset": Text(
        Lazy("A new password"),
        Lazy(
            "Set a new password here: {secret}\n"
            "The link works once, for 30 minutes. If it was not you, do nothing."
        ),
        Lazy("TOT: new password {secret}"),
    ),
    "password_changed": Text(
        Lazy("Your password was changed"),
        Lazy("Your password was changed. If it was not you, call us."),
    ),
    "application_submitted": Text(
        Lazy("Your application has arrived"),
        Lazy("Your application has arrived. A curator looks at it now."),
    ),
    "application_more_info": Text(
        Lazy("Your application: something is missing"),
        Lazy("The curator asks for more. See your application in the app."),
    ),
    "application_approved": Text(
        Lazy("Welcome aboard"),
        Lazy("Your application is approved. You can go on duty."),
    ),
    "application_rejected": Text(
        Lazy("Your application"),
        Lazy("Your application is rejected. The reason stands in the app."),
    ),
    "application_suspended": Text(
        Lazy("Your work is suspended"),
        Lazy("Your work with the service is suspended. The reason stands in the app."),
    ),
    "application_restored": Text(
        Lazy("You can work again"),
        Lazy("The suspension is lifted. You can go on duty."),
    ),
    "document_rejected": Text(
        Lazy("A document was not accepted"),
        Lazy("Not accepted: {document}. The reason stands in the app."),
    ),
    "paper_to_check": Text(
        Lazy("A paper to check"),
        Lazy("{doctor} has sent a new paper: {document}."),
    ),
    "profile_change_approved": Text(
        Lazy("Your changes are accepted"),
        Lazy("The changes of your profile are accepted."),
    ),
    "profile_change_rejected": Text(
        Lazy("Your changes are not accepted"),
        Lazy(
            "The changes of your profile are not accepted. See the reason in the app."
        ),
    ),
    "licence_expiring": Text(
        Lazy("Your documents are running out"),
        Lazy("Valid until {day}: licence or documents. Send the new ones in time."),
    ),
    "licence_expiring_curator": Text(
        Lazy("Documents are running out"),
        Lazy("{doctor}: licence or documents are valid until {day}."),
    ),
    "licence_expired": Text(
        Lazy("Your documents have run out"),
        Lazy("Licence or documents were valid until {day}. No calls until renewed."),
    ),
    "clinic_invitation": Text(
        Lazy("You are invited to manage a clinic"),
        Lazy("Accept the invitation and set a password here: {secret}"),
    ),
    "second_factor_off": Text(
        Lazy("The second factor is switched off"),
        Lazy(
            "The second factor of your account is switched off."
            " If it was not you, tell your administrator at once."
        ),
    ),
    "payment_received": Text(
        Lazy("Payment received"),
        Lazy("Your payment of {amount} for call {call} has arrived. Thank you."),
    ),
    "extras_await_consent": Text(
        Lazy("Extra services wait for your consent"),
        Lazy(
            "Call {call}: extra services for {amount} were noted, well above the quote."
            " You pay them only if you agree in the app."
        ),
    ),
    "account_erased": Text(
        Lazy("Your account is erased"),
        Lazy("Your account and its personal data are erased."),
    ),
    "refund_original": Text(
        Lazy("Money is on its way back to you"),
        Lazy(
            "Call {call}: {amount} went back to where you paid from."
            " The bank shows it within a few days."
        ),
    ),
    "refund_wallet": Text(
        Lazy("Money is in your wallet"),
        Lazy("Call {call}: {amount} is in your wallet."),
    ),
    "refund_manual": Text(
        Lazy("Money is on its way back to you"),
        Lazy("Call {call}: {amount} was sent to you by bank transfer."),
    ),
    "refund_refused": Text(
        Lazy("Your bank did not take the money back"),
        Lazy(
            "Call {call}: {amount} could not go back to where you paid from."
            " It is kept for you; we are looking for another way and will tell you."
        ),
    ),
    "claim_declined": Text(
        Lazy("Your request for a refund"),
        Lazy("Call {call}: your request for a refund is declined. Ask us why."),
    ),
    "withdrawal_done": Text(
        Lazy("Money from your wallet"),
        Lazy("{amount} from your wallet was sent to you."),
    ),
    "withdrawal_rejected": Text(
        Lazy("Money from your wallet"),
        Lazy("{amount} could not be sent and is in your wallet again."),
    ),
}
KINDS_OF_FACTS: Mapping[str, type[StrEnum]] = {"document": DocumentKind}


SAMPLE_FACTS: Mapping[str, Any] = {
    "day": "2027-03-01",
    "doctor": "Орлов Д. А.",
    "document": DocumentKind.LICENCE,
    "call": "B-1042",
    "amount": "4\u00a0500\u00a0₽",
}


def render(
    kind: str,
    locale: str,
    facts: Mapping[str, Any],
    secret: str | None = None,
    *,
    short: bool = False,
) -> Rendered:
    """Fill the text of a kind in one language."""
    text = TEXTS[kind]
    body = text.short if short and text.short else text.body
    with use_locale(locale):
        values = {name: _shown(name, fact) for name, fact in facts.items()}
        values["secret"] = secret or ""
        return Rendered(
            gettext(str.__str__(text.subject)), gettext(str.__str__(body), **values)
        )


def sample(kind: str, locale: str, *, short: bool = False) -> Rendered:
    """A text as a reader would see it, with made-up facts, for a preview."""
    made_up = "482913" if kind.endswith("_code") else "https://tot.example/…"
    return render(kind, locale, SAMPLE_FACTS, made_up, short=short)


def needs_secret(kind: str) -> bool:
    """Tell whether the text is worth nothing without its code or link."""
    return "{secret}" in str.__str__(TEXTS[kind].body)


def _shown(name: str, fact: Any) -> str:
    if name in KINDS_OF_FACTS:
        return words.label(KINDS_OF_FACTS[name](fact))
    if name == "day":
        return date.fromisoformat(fact).strftime("%d.%m.%Y")
    return str(fact)
