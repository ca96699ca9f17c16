"""What was typed into the new-call form, and the draft it makes."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from pydantic import ValidationError

from models.booking_words import CallType, Priority
from services.booking_drafts import BookingDraft
from services.caller_lookup import Lookup, Match
from services.clock import MOSCOW
from services.errors import ValidationFailed
from services.i18n import gettext
from services.planning import Point

LONGEST_WINDOW = timedelta(hours=12)
# Where a complaint of the schema belongs on the form.
FIELD_OF: Mapping[tuple[str, ...], str] = {
    ("caller", "phone"): "phone",
    ("subject", "name"): "subject_name",
    ("subject", "birth_date"): "subject_birth_date",
    ("subject.birth_date",): "subject_birth_date",
    ("subject", "sex"): "subject_sex",
    ("subject", "allergies"): "subject_allergies",
    ("subject", "chronic_conditions"): "subject_conditions",
    ("subject", "contact_phone"): "subject_phone",
    ("address", "text"): "address_text",
    ("wanted_from",): "wanted_start",
    ("wanted_to",): "wanted_end",
    ("words",): "symptoms",
}


class Typed:
    """The fields as they were typed, with what is wrong about each."""

    def __init__(
        self,
        fields: Mapping[str, Any] | None = None,
        errors: Mapping[str, str] | None = None,
        notice: str = "",
    ) -> None:
        self.fields = fields or {}
        self.errors = errors or {}
        self.notice = notice

    def text(self, name: str) -> str:
        """A field without the blanks around it."""
        value = self.fields.get(name)
        return value.strip() if isinstance(value, str) else ""

    def some(self, name: str) -> str | None:
        """A field, or None where it is empty."""
        return self.text(name) or None

    def picked(self, name: str, value: str, default: bool = False) -> bool:
        """Tell whether this choice is the one to show as chosen."""
        chosen = self.text(name)
        return chosen == value if chosen else default

    def error(self, name: str) -> str:
        """What is wrong about a field."""
        return self.errors.get(name, "")

    def before_lookup(self) -> "Typed":
        """Forget the choice of a new door that was the only one to choose."""
        if self.text("address_text"):
            return self
        kept = {name: each for name, each in self.fields.items() if name != "address"}
        return Typed(kept, self.errors, self.notice)


def wrong(*errors: tuple[str, str]) -> ValidationFailed:
    """Make one refusal of all that is wrong, each at its field."""
    found = [{"field": name, "message": text} for name, text in errors]
    return ValidationFailed(errors=found)


def at_own_fields(error: ValidationFailed) -> ValidationFailed:
    """Move the complaints of a service to the fields that this form has."""
    return wrong(
        *(
            (FIELD_OF.get((each["field"],), each["field"]), each["message"])
            for each in error.facts.get("errors", [])
        )
    )


def draft_of(typed: Typed, lookup: Lookup) -> BookingDraft:
    """Make the draft of a call, or refuse with every error at its field."""
    errors = _missing(typed, lookup)
    window: dict[str, Any] = {}
    if _at_a_time(typed):
        window, window_errors = _window(typed)
        errors += window_errors
    try:
        draft = BookingDraft.model_validate(_body(typed, lookup) | window)
    except ValidationError as error:
        known = {name for name, _ in errors}
        # What is wrong with the whole says again what is wrong with its parts.
        errors += [
            each
            for each in _complaints(error)
            if each[0] not in known and (each[0] or not errors)
        ]
    if errors:
        raise wrong(*errors)
    return draft


def _at_a_time(typed: Typed) -> bool:
    scheduled = typed.text("call_type") == CallType.SCHEDULED
    return scheduled or typed.text("when") == "at"


def _missing(typed: Typed, lookup: Lookup) -> list[tuple[str, str]]:
    needed = {"symptoms": gettext("Write down the complaint")}
    if lookup.match is Match.UNKNOWN:
        needed["last_name"] = gettext("Ask for the last name")
        needed["first_name"] = gettext("Ask for the first name")
    if typed.text("who") == "other":
        needed["subject_name"] = gettext("Ask whom the doctor is for")
    if typed.text("answer") != "same" and _door_of(typed, lookup) is None:
        needed["address_text"] = gettext("Ask for the street and the house")
    errors = [(name, text) for name, text in needed.items() if not typed.text(name)]
    emergency = typed.text("priority") == Priority.EMERGENCY
    if emergency and not typed.text("emergency_confirmed"):
        errors.append(("priority", gettext("Confirm once more that life is in danger")))
    return errors + _phone_errors(typed, lookup)


def _phone_errors(typed: Typed, lookup: Lookup) -> list[tuple[str, str]]:
    if lookup.match is Match.FOUND:
        shown = typed.text("patient_id")
        if lookup.caller and shown and shown != str(lookup.caller.user_id):
            return [("phone", gettext("Another patient was found; check who it is"))]
        return []
    if lookup.match is Match.SEVERAL:
        return [("phone", gettext("Several patients fit; type the whole number"))]
    if lookup.phone is None:
        return [("phone", gettext("Type the whole phone number"))]
    return []


def _body(typed: Typed, lookup: Lookup) -> dict[str, Any]:
    body: dict[str, Any] = {
        "call_type": typed.text("call_type") or CallType.URGENT,
        "symptoms": typed.text("symptoms") or "?",
        "priority": typed.some("priority"),
        "subject": _subject(typed, lookup),
    }
    if typed.text("specialization"):
        body["specialization"] = typed.text("specialization")
    if lookup.caller is not None:
        body["patient_id"] = lookup.caller.user_id
    else:
        body["caller"] = {
            "phone": lookup.phone or "+79000000000",
            **_filled(typed, "last_name", "first_name", "middle_name", "birth_date"),
        }
    if typed.text("answer") == "same":
        body["same_stop_as"] = typed.text("duplicate_of")
    else:
        body["address"] = _address(typed, lookup)
    return body


def _filled(typed: Typed, *names: str) -> dict[str, str]:
    return {name: typed.text(name) for name in names if typed.text(name)}


def _subject(typed: Typed, lookup: Lookup) -> dict[str, Any] | None:
    who = typed.text("who")
    known = lookup.caller.subject(who) if lookup.caller else None
    if known is not None:
        return {
            "name": known.name,
            "birth_date": known.birth_date,
            "sex": known.sex,
            "allergies": known.allergies,
            "chronic_conditions": known.chronic_conditions,
            "contact_phone": known.contact_phone,
        }
    if who != "other":
        return None
    return {
        "name": typed.text("subject_name") or "?",
        "birth_date": typed.some("subject_birth_date"),
        "sex": typed.some("subject_sex"),
        "allergies": typed.some("subject_allergies"),
        "chronic_conditions": typed.some("subject_conditions"),
        "contact_phone": typed.some("subject_phone"),
    }


def _door_of(typed: Typed, lookup: Lookup) -> Any:
    return lookup.caller.address(typed.text("address")) if lookup.caller else None


def _address(typed: Typed, lookup: Lookup) -> dict[str, Any]:
    door, notes = _door_of(typed, lookup), typed.some("notes")
    if door is not None:
        parts = [each for each in (door.notes, notes) if each]
        return {
            "text": door.text,
            "entrance": door.entrance,
            "floor": door.floor,
            "intercom": door.intercom,
            "flat": door.flat,
            "notes": " · ".join(parts) or None,
            "latitude": door.latitude,
            "longitude": door.longitude,
        }
    return {
        "text": typed.text("address_text") or "?",
        **_filled(typed, "entrance", "floor", "intercom", "flat"),
        "notes": notes,
        **dict(zip(("latitude", "longitude"), point_of(typed) or (), strict=False)),
    }


def point_of(typed: Typed) -> Point | None:
    """The point that came with a street suggestion, if there is a whole one."""
    pattern = r"-?\d{1,3}(\.\d{1,17})?"
    pair = typed.text("latitude"), typed.text("longitude")
    if not all(re.fullmatch(pattern, each) for each in pair):
        return None
    return float(pair[0]), float(pair[1])


def _window(typed: Typed) -> tuple[dict[str, datetime], list[tuple[str, str]]]:
    """Read day and hours in Moscow; an end before the start is past midnight."""
    missing = gettext("Fill in the day and both times")
    try:
        day = date.fromisoformat(typed.text("wanted_day"))
    except ValueError:
        return {}, [("wanted_day", missing)]
    try:
        starts, ends = (
            datetime.combine(day, time.fromisoformat(typed.text(name)), MOSCOW)
            for name in ("wanted_start", "wanted_end")
        )
    except ValueError:
        return {}, [("wanted_start", missing)]
    if ends <= starts:
        ends += timedelta(days=1)
    if ends - starts > LONGEST_WINDOW:
        return {}, [("wanted_end", gettext("The wanted time ends before it begins"))]
    return {"wanted_from": starts, "wanted_to": ends}, []


def wanted_from(typed: Typed) -> datetime | None:
    """When the visit is wanted, as far as it has been typed."""
    return _window(typed)[0].get("wanted_from") if _at_a_time(typed) else None


def _complaints(error: ValidationError) -> list[tuple[str, str]]:
    found = []
    for each in error.errors(include_url=False, include_input=False):
        place = tuple(str(part) for part in each["loc"])
        name = FIELD_OF.get(place) or (place[-1] if place else "")
        reason = each.get("ctx", {}).get("error")
        found.append((name, str(reason) if reason else _sentence(each["type"])))
    return found


def _sentence(kind: str) -> str:
    if "too_long" in kind:
        return gettext("This value is too long.")
    return gettext("This value does not fit.")
