"""Facts that doctors state, in words for the curator."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from backoffice.doctor_form import language_name
from models.specialization import Specialization
from services.application_facts import NEEDED
from services.i18n import Lazy, gettext
from services.words import label

NAMES: Mapping[str, Lazy] = {**NEEDED, "about": Lazy("About")}
DAYS = frozenset({"birth_date", "licence_expires_on"})


def shown(name: str, value: Any) -> str:
    """One fact as a person reads it; a dash where nothing is stated."""
    if value in (None, "", [], ()):
        return "—"
    if name == "specializations":
        return ", ".join(label(Specialization(each)) for each in value)
    if name == "languages":
        return ", ".join(map(language_name, value))
    if name in DAYS:
        day = value if isinstance(value, date) else date.fromisoformat(value)
        return f"{day:%d.%m.%Y}"
    return str(value)


def place(facts: Mapping[str, Any]) -> str:
    """The point of the home, or a dash."""
    latitude, longitude = facts.get("home_latitude"), facts.get("home_longitude")
    return "—" if latitude is None else f"{latitude:.4f}, {longitude:.4f}"


def all_of(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every fact of an application with its name, in the order of the form."""
    lines = [(str(name), shown(key, facts.get(key))) for key, name in NAMES.items()]
    return [*lines, (gettext("Point of the home"), place(facts))]
