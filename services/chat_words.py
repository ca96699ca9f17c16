"""What the conversation itself says when a call moves on, in the reader's language."""

from collections.abc import Mapping
from typing import Any

from models.booking import Verb
from services.i18n import Lazy, gettext

# Patients and doctors read these: no reason and no name of staff stands in them.
TOLD: Mapping[str, Lazy] = {
    Verb.ASSIGN: Lazy("Doctor {doctor} is asked to take the call."),
    Verb.REASSIGN: Lazy("Another doctor, {doctor}, is asked to take the call."),
    Verb.UNASSIGN: Lazy("The call waits for a doctor again."),
    Verb.HAND_TO_CLINIC: Lazy("The call waits for a doctor again."),
    Verb.TAKE_BACK: Lazy("The call waits for a doctor again."),
    Verb.DECLINE: Lazy("The doctor cannot come. We are looking for another one."),
    Verb.ACCEPT: Lazy("Doctor {doctor} has accepted the call."),
    Verb.DEPART: Lazy("Doctor {doctor} is on the way."),
    Verb.START: Lazy("Doctor {doctor} is on scene."),
    Verb.COMPLETE: Lazy("The visit is over."),
    Verb.CANCEL: Lazy("The call is cancelled."),
}
# Told only where a doctor comes or goes by it.
_WITH_DOCTOR = frozenset({Verb.REASSIGN, Verb.HAND_TO_CLINIC, Verb.TAKE_BACK})


def is_told(event: str, data: Mapping[str, Any]) -> bool:
    """Tell whether the step is one that the conversation mentions."""
    return event in TOLD and (event not in _WITH_DOCTOR or "doctor_id" in data)


def sentence(event: str, doctor: str | None) -> str:
    """Say it in the reader's language; `doctor` is the short name."""
    return gettext(str.__str__(TOLD[event]), doctor=doctor or "—")
