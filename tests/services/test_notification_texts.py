"""Every text that leaves the house: filled, in both languages, and nothing medical."""

import re

import pytest

from models.booking_words import CallType
from models.specialization import Specialization
from services import notification_texts
from services.i18n import catalog, use_locale
from services.notification_kinds import CONSOLE, EVENT, LETTER, RELAY
from services.words import label

KINDS = sorted(notification_texts.TEXTS)
# Stems of words that would tell a bystander what ails somebody, or where they live.
_STEMS = (
    "symptom diagnos complain conclusion allerg chronic ill disease treat pain fever"
    " temperature pill drug blood heart pressure address street flat"
    " симптом диагноз жалоб заключени аллерги хронич болезн болен заболев лечен"
    " болит температур препарат таблет кров сердц давлен адрес улиц кварти"
)
_FACTS = (
    "symptoms conclusion allergies chronic subject_name patient address flat phone"
    " specialization priority reason comment"
)
MEDICAL, MEDICAL_FACTS = _STEMS.split(), _FACTS.split()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("locale", ["ru", "en"])
def test_every_text_can_be_filled(kind: str, locale: str) -> None:
    facts = notification_texts.SAMPLE_FACTS
    for short in (False, True):
        made = notification_texts.render(kind, locale, facts, "123456", short=short)
        assert "{" not in made.subject + made.text
        assert ("123456" in made.text) == notification_texts.needs_secret(kind)
        assert made.subject.strip()
        assert made.text.strip()
    if locale == "ru":
        text = notification_texts.TEXTS[kind]
        for part in filter(None, (text.subject, text.body, text.short)):
            english = str.__str__(part)
            assert catalog("ru").gettext(english) != english


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("locale", ["ru", "en"])
def test_no_text_names_anything_medical(kind: str, locale: str) -> None:
    with use_locale(locale):
        trades = [label(each).lower() for each in (*Specialization, *CallType)]
    text = notification_texts.TEXTS[kind]
    for part in filter(None, (text.subject, text.body, text.short)):
        words = catalog(locale).gettext(str.__str__(part)).lower()
        told = re.findall(r"\w+", re.sub(r"{\w+}", "", words))
        assert [each for each in told if each.startswith(tuple(MEDICAL))] == []
        assert [trade for trade in trades if trade in words] == []
        assert set(re.findall(r"{(\w+)}", words)).isdisjoint(MEDICAL_FACTS)


def test_a_district_that_nobody_knows_is_said_to_be_unknown() -> None:
    facts = notification_texts.SAMPLE_FACTS | {"district": None}
    made = notification_texts.render("visit_assigned", "ru", facts)
    assert "район не указан" in made.text
    assert "01.03 14:30" in made.text


def test_secrets_and_warnings_of_the_account_cannot_be_switched_off() -> None:
    for kind, text in notification_texts.TEXTS.items():
        assert text.channels in {EVENT, LETTER, RELAY, (CONSOLE,)}
        if notification_texts.needs_secret(kind):
            assert text.mandatory
            assert text.urgent
            assert text.channels == LETTER
        if text.mandatory:
            # What became of a chat is told to that chat.
            wanted = RELAY if kind == "telegram_linked" else LETTER
            assert text.channels == wanted


def test_a_preview_is_filled_with_made_up_facts() -> None:
    code = notification_texts.sample("verification_code", "en", short=True)
    assert "482913" in code.text
    link = notification_texts.sample("password_reset", "ru")
    assert "https://tot.example/" in link.text
