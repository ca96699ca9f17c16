"""Every text that leaves the house, by its kind; the words stand in the catalogs.

A text names no medical fact: a call is only its number. `{secret}` is the code or
the link; `short` is what goes by SMS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from models.document import DocumentKind
from services import words
from services.clock import MOSCOW
from services.i18n import gettext, use_locale
from services.notification_kinds import Text
from services.texts_of_accounts import ACCOUNTS
from services.texts_of_calls import CALLS
from services.texts_of_doctors import PAPERS
from services.texts_of_money import MONEY


@dataclass(frozen=True)
class Rendered:
    """A message in one language, ready to leave."""

    subject: str
    text: str


TEXTS: Mapping[str, Text] = {**ACCOUNTS, **CALLS, **MONEY, **PAPERS}
KINDS_OF_FACTS: Mapping[str, type[StrEnum]] = {"document": DocumentKind}


SAMPLE_FACTS: Mapping[str, Any] = {
    "day": "2027-03-01",
    "doctor": "Орлов Д. А.",
    "person": "Иван П.",
    "document": DocumentKind.LICENCE,
    "call": "B-1042",
    "amount": "4\u00a0500\u00a0₽",
    "time": "2027-03-01T11:30:00+00:00",
    "minutes": 25,
    "district": "Хамовники",
    "count": 3,
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
    if name == "time":
        moment = datetime.fromisoformat(fact).astimezone(MOSCOW)
        return moment.strftime("%d.%m %H:%M")
    if name == "district":
        return fact or gettext("district not known")
    return str(fact)
