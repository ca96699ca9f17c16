"""One set of words for our code, sqladmin and WTForms."""

from functools import cache
from typing import Any

import sqladmin.i18n
from wtforms import Form
from wtforms.i18n import get_translations

from services.i18n import LOCALES, catalog, current_locale


@cache
def merge_catalogs() -> None:
    """Let sqladmin's templates and messages find our words, which win over its own."""
    for locale in LOCALES:
        sqladmin.i18n.translations[locale].merge(catalog(locale))  # type: ignore[attr-defined]


class LocalForm(Form):  # type: ignore[misc]
    """A form whose messages speak the language of the request."""

    class Meta:
        """WTForms asks here for its words."""

        def get_translations(self, form: Any) -> Any:
            """Give WTForms' own catalog of the current language."""
            return get_translations([current_locale()])
