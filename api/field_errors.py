"""What is wrong about each field, in the caller's language."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from services.errors import ValidationFailed
from services.i18n import Lazy, gettext

# Kinds of pydantic's complaints with our sentence for each.
SENTENCES = {
    "missing": Lazy("This field is required."),
    "extra_forbidden": Lazy("This field is not known."),
    "json_invalid": Lazy("This is not valid JSON."),
    "string_too_long": Lazy("At most {max_length} characters are allowed."),
    "string_too_short": Lazy("At least {min_length} characters are needed."),
    "string_type": Lazy("This has to be a text."),
    "string_pattern_mismatch": Lazy("This has characters that are not allowed."),
    "int_type": Lazy("This has to be a whole number."),
    "int_parsing": Lazy("This has to be a whole number."),
    "int_from_float": Lazy("This has to be a whole number."),
    "bool_type": Lazy("This has to be true or false."),
    "bool_parsing": Lazy("This has to be true or false."),
    "float_type": Lazy("This has to be a number."),
    "float_parsing": Lazy("This has to be a number."),
    "finite_number": Lazy("This has to be a finite number."),
    "greater_than_equal": Lazy("This has to be {ge} or more."),
    "greater_than": Lazy("This has to be more than {gt}."),
    "less_than_equal": Lazy("This has to be {le} or less."),
    "less_than": Lazy("This has to be less than {lt}."),
    "enum": Lazy("One of these is allowed: {expected}."),
    "literal_error": Lazy("One of these is allowed: {expected}."),
    "uuid_parsing": Lazy("This is not an identifier."),
    "uuid_type": Lazy("This is not an identifier."),
    "too_long": Lazy("At most {max_length} items are allowed."),
    "too_short": Lazy("At least {min_length} items are needed."),
    "date_from_datetime_parsing": Lazy("This is not a date."),
    "date_parsing": Lazy("This is not a date."),
    "date_type": Lazy("This is not a date."),
    "datetime_parsing": Lazy("This is not a moment with an offset."),
    "datetime_from_date_parsing": Lazy("This is not a moment with an offset."),
    "datetime_type": Lazy("This is not a moment with an offset."),
    "timezone_aware": Lazy("This is not a moment with an offset."),
}
OTHERWISE = Lazy("This value does not fit.")


def field_errors(found: Iterable[Any]) -> list[dict[str, str]]:
    """Give one {field, message} for each complaint; values are never repeated."""
    return [{"field": _field(each["loc"]), "message": _message(each)} for each in found]


def _field(place: tuple[Any, ...]) -> str:
    if len(place) == 1 or isinstance(place[1], int):
        return str(place[0])
    return ".".join(str(part) for part in place[1:])


def _message(found: Any) -> str:
    kind, context = found["type"], dict(found.get("ctx", {}))
    if "expected" in context:
        # Pydantic joins the last two values by a word of its own.
        last = gettext("or")
        context["expected"] = context["expected"].replace("' or '", f"' {last} '")
    if kind == "value_error":
        # Our own validators have spoken already, in the caller's language.
        return str(context["error"])
    if kind in {"too_long", "too_short"} and isinstance(found.get("input"), str):
        # A text that was cleaned before it was measured.
        kind = f"string_{kind}"
    return gettext(SENTENCES.get(kind, OTHERWISE), **context)


def malformed(error: ValidationError) -> ValidationFailed:
    """Say what is wrong about a body that the route has read by itself."""
    found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
    return ValidationFailed(errors=field_errors(found))
