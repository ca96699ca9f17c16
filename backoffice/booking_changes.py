"""What the edit form of a card changes: only what differs from the call."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from backoffice.command_calls import Call
from models import Booking
from services.booking_drafts import BookingChanges
from services.clock import MOSCOW
from services.errors import ValidationFailed
from services.i18n import gettext

DOOR = ("entrance", "floor", "intercom", "flat")
PLAIN = ("symptoms", "specialization", "priority")


def local_input(moment: datetime | None) -> str:
    """Show a moment in a field of the kind datetime-local."""
    return "" if moment is None else f"{moment.astimezone(MOSCOW):%Y-%m-%dT%H:%M}"


def form_of(booking: Booking) -> dict[str, str]:
    """Give the call as the fields of the edit form."""
    return {
        "address_text": booking.address_text,
        **{name: getattr(booking, name) or "" for name in DOOR},
        "notes": booking.address_notes or "",
        "contact_phone": booking.subject_contact_phone or "",
        "wanted_from": local_input(booking.wanted_from),
        "wanted_to": local_input(booking.wanted_to),
        **{name: str(getattr(booking, name)) for name in PLAIN},
    }


def before(fields: Mapping[str, Any], booking: Booking) -> dict[str, str]:
    """Give the call as the page showed it: the form brings that along."""
    return {
        name: str(fields.get(f"was_{name}", value)).strip().replace("\r\n", "\n")
        for name, value in form_of(booking).items()
    }


def kept(fields: Mapping[str, Any], booking: Booking) -> dict[str, str]:
    """Fill the form anew: what was typed stays, the rest is the call as it is now.

    Without this a second try would put back what a colleague has just changed.
    """
    shown, now = before(fields, booking), form_of(booking)
    typed = {
        name: str(fields.get(name, "")).strip().replace("\r\n", "\n") for name in now
    }
    return {
        name: typed[name]
        if name in fields and typed[name] != shown[name]
        else now[name]
        for name in now
    }


def changes_of(call: Call, booking: Booking) -> BookingChanges:
    """Read the form; fields that were left as they stood change nothing."""
    shown = before(call.fields, booking)
    # A browser sends line breaks of a text area as two characters.
    typed = {
        name: call.text(name).replace("\r\n", "\n")
        for name in shown
        if name in call.fields
    }
    changed = {name for name in typed if typed[name] != shown[name]}
    body: dict[str, Any] = {name: typed[name] for name in PLAIN if name in changed}
    if "contact_phone" in changed and typed["contact_phone"]:
        body["contact_phone"] = typed["contact_phone"]
    for name in ("wanted_from", "wanted_to"):
        if name in changed:
            body[name] = _moment(call, name)
    if changed & {"address_text", "notes", *DOOR}:
        body["address"] = _address(typed, changed, booking)
    try:
        return BookingChanges.model_validate(body)
    except ValidationError as error:
        raise _refusal(error) from error


def _moment(call: Call, name: str) -> datetime | None:
    text = call.text(name)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=MOSCOW)
    except ValueError:
        raise call.wrong(name, gettext("This is no day and time.")) from None


def _address(
    typed: Mapping[str, str], changed: set[str], booking: Booking
) -> dict[str, Any]:
    """A door keeps its point while the street and the house stay the same."""
    now = form_of(booking) | {name: typed[name] for name in changed}
    address: dict[str, Any] = {
        "text": now["address_text"],
        **{name: now[name] or None for name in (*DOOR, "notes")},
    }
    if now["address_text"] == booking.address_text:
        address |= {"latitude": booking.latitude, "longitude": booking.longitude}
    return address


def _refusal(error: ValidationError) -> ValidationFailed:
    found = []
    for each in error.errors(include_url=False, include_input=False):
        place = [str(part) for part in each["loc"]]
        name = (
            "address_text" if place[-1:] == ["text"] else (place or ["wanted_to"])[-1]
        )
        reason = each.get("ctx", {}).get("error")
        text = str(reason) if reason else gettext("This value does not fit.")
        found.append({"field": name, "message": text})
    return ValidationFailed(errors=found)
