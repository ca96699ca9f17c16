"""Words in the reader's language: English in the source, Russian by default.

Translations are plain .po files, one for each area, in services/locale/<lang>/.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LOCALES = ("ru", "en")
DEFAULT_LOCALE = "ru"
FOLDER = Path(__file__).parent / "locale"

_locale: ContextVar[str] = ContextVar("locale", default=DEFAULT_LOCALE)


@cache
def catalog(locale: str) -> Translations:
    """Load and merge all areas of one language."""
    merged = Translations()
    for path in sorted((FOLDER / locale).glob("*.po")):
        with path.open("rb") as source:
            area = read_po(source, locale=locale)
        compiled = BytesIO()
        write_mo(compiled, area)
        compiled.seek(0)
        loaded = Translations(compiled)
        merged.merge(loaded)
        # Merging brings the words only; an empty catalog counts as English does.
        merged.plural = loaded.plural
    return merged


def translated(locale: str) -> frozenset[str]:
    """Name the sentences that the language's files translate completely."""
    known: set[str] = set()
    for path in (FOLDER / locale).glob("*.po"):
        with path.open("rb") as source:
            area = read_po(source, locale=locale)
        for message in area:
            string = message.string
            forms = string if isinstance(string, tuple | list) else (string,)
            if message.id and all(forms) and not message.fuzzy:
                known.add(message.id[0] if message.pluralizable else str(message.id))
    return frozenset(known)


def current_locale() -> str:
    """The language of the request being served."""
    return _locale.get()


def set_locale(locale: str) -> None:
    """Fix the language of this request; an unknown one means the default."""
    _locale.set(locale if locale in LOCALES else DEFAULT_LOCALE)


@contextmanager
def use_locale(locale: str) -> Iterator[None]:
    """Speak another language for the length of a block."""
    token = _locale.set(locale if locale in LOCALES else DEFAULT_LOCALE)
    try:
        yield
    finally:
        _locale.reset(token)


def gettext(message: str, **values: Any) -> str:
    """Translate a message and fill its {named} places."""
    text = catalog(current_locale()).gettext(message)
    return text.format(**values) if values else text


def ngettext(one: str, many: str, count: int, **values: Any) -> str:
    """Translate a message with a number in it: 1 вызов, 3 вызова, 5 вызовов."""
    text = catalog(current_locale()).ngettext(one, many, count)
    return text.format(count=count, **values)


class Lazy(str):
    """A message that is translated when it is shown, not when it is written.

    A real str, because sqladmin uses labels as dictionary keys and joins them.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return gettext(str.__str__(self))

    def __html__(self) -> str:
        return escape(str(self))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)
