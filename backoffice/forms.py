"""Fields of plain forms: real enumerations, money in roubles, native inputs."""

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import wtforms
from sqladmin.forms import ModelConverter, converts
from wtforms import widgets

from services.i18n import gettext
from services.phones import complete_phone
from services.words import label

MOST_ROUBLES = 10_000_000


def roubles_text(kopecks: int) -> str:
    """Write a sum as a field shows it: «4500» or «4500,50»."""
    whole, rest = divmod(kopecks, 100)
    return f"{whole},{rest:02d}" if rest else str(whole)


def kopecks_of(typed: str) -> int:
    """Read «4 500», «4500,50» or «4500.5»; raises ValueError with a sentence."""
    plain = "".join(typed.split())
    try:
        amount = Decimal(plain.replace(",", "."))
    except InvalidOperation:
        amount = Decimal("NaN")
    digits = plain.replace(",", "").replace(".", "")
    sound = digits.isascii() and digits.isdigit() and amount.is_finite()
    if not sound or amount * 100 % 1 or amount > MOST_ROUBLES:
        raise ValueError(gettext("Enter roubles, kopecks after a comma."))
    return int(amount * 100)


class PlainConverter(ModelConverter):
    """sqladmin's own field for an enumeration stored by value selects nothing, and
    an untouched save then writes the first option."""

    @converts("Enum")  # type: ignore[untyped-decorator]
    def conv_enum(self, model: Any, prop: Any, kwargs: dict[str, Any]) -> Any:
        """Offer the members under their own names and give members back."""
        column = prop.columns[0]
        kinds: type[StrEnum] = column.type.enum_class
        empty = [("", "—")] if column.nullable else []

        def coerce(value: Any) -> StrEnum | None:
            return None if value in (None, "") else kinds(value)

        kwargs["choices"] = lambda: empty + [(m.value, label(m)) for m in kinds]
        kwargs["coerce"] = coerce
        return wtforms.SelectField(**kwargs)


class RoublesField(wtforms.Field):  # type: ignore[misc]
    """Typed and shown in roubles, kept in whole kopecks."""

    widget = widgets.TextInput()

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else roubles_text(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read «4 500», «4500,50» or «4500.5»; anything else is refused."""
        self.data = None
        typed = "".join(valuelist[:1]).strip()
        if typed:
            self.data = kopecks_of(typed)


class PhoneField(wtforms.StringField):  # type: ignore[misc]
    """Any spelling goes in, E.164 comes out."""

    widget = widgets.TelInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        """Empty means none; what is no phone number is refused."""
        typed = "".join(valuelist[:1]).strip()
        self.data = complete_phone(typed) if typed else None
        if typed and self.data is None:
            raise ValueError(gettext("This is not a phone number"))
