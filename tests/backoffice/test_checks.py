"""The checks of the house find what they look for."""

import re
from pathlib import Path

import pytest

from backoffice import checks
from services.i18n import LOCALES, catalog, gettext, ngettext, use_locale


def test_every_sentence_has_russian() -> None:
    assert checks.check_catalogs() == []


def test_a_sentence_without_russian_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "page.py").write_text('gettext("Not yet translated")\n')
    (tmp_path / "services" / "page.html").write_text("{{ _('It\\'s new') }}")
    (tmp_path / "services" / "plural.py").write_text('ngettext("{count} a", "b", 2)')
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "SPOKEN", ("services",))
    assert checks.check_catalogs() == [
        "services/page.html: It's new",
        "services/page.py: Not yet translated",
        "services/plural.py: {count} a",
    ]


def test_migrations_and_models_agree() -> None:
    checks.check_migrations()


def test_russian_is_the_default_and_counts_in_russian() -> None:
    assert LOCALES[0] == "ru"
    assert gettext("Not found.") == "Не найдено."
    forms = {
        n: ngettext("{count} visit today", "{count} visits today", n) for n in (1, 3, 5)
    }
    assert forms == {
        1: "1 визит сегодня",
        3: "3 визита сегодня",
        5: "5 визитов сегодня",
    }
    with use_locale("en"):
        assert gettext("Not found.") == "Not found."
        assert ngettext("{count} visit today", "{count} visits today", 3).endswith(
            "visits today"
        )
    with use_locale("klingon"):
        assert gettext("Not found.") == "Не найдено."


def test_placeholders_survive_translation() -> None:
    places = re.compile(r"{(\w+)}")
    wrong = []
    for source, text in catalog("ru")._catalog.items():
        message = source[0] if isinstance(source, tuple) else source
        extra = (
            set(places.findall(str(text)))
            - set(places.findall(str(message)))
            - {"a", "ending"}
        )
        if message and extra:
            wrong.append((message, extra))
    assert wrong == []
