"""Field types of every input: what a text, a phone or a point may hold."""

import unicodedata
from datetime import date
from typing import Annotated, Any, Self

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from services.errors import ValidationFailed
from services.i18n import gettext
from services.phones import complete_phone

# Invisible marks turn the direction of a text or make twins of one name.
_INVISIBLE = {
    chr(code)
    for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x2060, 0xFEFF)
}
_KEPT = {"\n", "\t", "\r"}
FIRST_DAY = date(1900, 1, 1)
LONGEST_EMAIL = 254


def clean_text(value: str) -> str:
    """Normalise, and refuse characters that no person types."""
    for character in value:
        odd = unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"}
        if (odd and character not in _KEPT) or character in _INVISIBLE:
            raise ValueError(gettext("Characters that cannot be shown are not allowed"))
    return unicodedata.normalize("NFC", value)


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _phone(value: object) -> str:
    phone = complete_phone(value) if isinstance(value, str) else None
    if phone is None:
        raise ValueError(gettext("This is not a phone number"))
    return phone


def _email(value: object) -> str:
    """Accept one spelling of each address: ASCII before the @, small letters."""
    if isinstance(value, str) and len(value) > LONGEST_EMAIL:
        raise ValueError(gettext("This is not an e-mail address"))
    try:
        checked = validate_email(
            value,  # type: ignore[arg-type]
            allow_smtputf8=False,
            check_deliverability=False,
            test_environment=True,
        )
    except (EmailNotValidError, TypeError, AttributeError):
        raise ValueError(gettext("This is not an e-mail address")) from None
    return (checked.ascii_email or checked.normalized).lower()


def _day_of_a_life(value: date) -> date:
    if value < FIRST_DAY:
        raise ValueError(gettext("This day is too long ago"))
    return value


_Strict = StringConstraints(strict=True, strip_whitespace=True, min_length=1)
# A short text on one line, and a text of several lines.
Line = Annotated[str, _Strict, AfterValidator(clean_text), AfterValidator(_one_line)]
Prose = Annotated[str, _Strict, AfterValidator(clean_text)]
Name = Annotated[Line, StringConstraints(max_length=100)]
Short = Annotated[Line, StringConstraints(max_length=20)]
Comment = Annotated[Prose, StringConstraints(max_length=1000)]
Phone = Annotated[str, BeforeValidator(_phone)]
Email = Annotated[str, BeforeValidator(_email)]
BirthDate = Annotated[date, AfterValidator(_day_of_a_life)]
Moment = AwareDatetime
Latitude = Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)]


class Input(BaseModel):
    """The base of all inputs: unknown fields are refused, values are fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AddressInput(Input):
    """One door, as typed; a point is whole or absent."""

    text: Annotated[Line, StringConstraints(max_length=300)]
    entrance: Short | None = None
    floor: Short | None = None
    intercom: Annotated[Line, StringConstraints(max_length=40)] | None = None
    flat: Short | None = None
    notes: Annotated[Prose, StringConstraints(max_length=500)] | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None

    @model_validator(mode="after")
    def _whole_point(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError(gettext("Latitude and longitude go together"))
        return self


def without_default(schema: dict[str, Any]) -> None:
    """Promise no default in the schema of a field that stays as it is when absent."""
    schema.pop("default", None)


def wrong(field: str, message: str | None = None) -> ValidationFailed:
    """Say what is wrong with one field; by default, that it is needed."""
    message = message or gettext("This field is needed")
    return ValidationFailed(errors=[{"field": field, "message": message}])
