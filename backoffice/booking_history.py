"""The history of a call in words: one sentence for each thing that happened."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backoffice import formats
from models import BookingEvent, User
from models.booking import Status, Verb
from models.booking_words import Bearer, CancelReason, Flag
from models.role_grant import Role
from services.clock import MOSCOW
from services.i18n import Lazy, gettext
from services.words import event_label, label

Names = Mapping[str, str]
FIELDS: Mapping[str, Lazy] = {
    "address": Lazy("address"),
    "contact_phone": Lazy("contact phone"),
    "wanted_from": Lazy("wanted time"),
    "wanted_to": Lazy("wanted time"),
    "specialization": Lazy("specialization"),
    "symptoms": Lazy("complaint"),
    "priority": Lazy("priority"),
}


@dataclass(frozen=True)
class Told:
    """One line of the timeline."""

    at: datetime
    who: str
    sentence: str
    comment: str | None
    was: Status | None
    became: Status
    icon: str

    @property
    def moved(self) -> bool:
        """The step changed the status."""
        return self.was is not None and self.was is not self.became


ICONS: Mapping[str, str] = {
    "create": "phone-incoming",
    Verb.EDIT: "pencil",
    Verb.JOIN: "message-plus",
    Verb.HAND_TO_CLINIC: "building-hospital",
    Verb.TAKE_BACK: "arrow-back-up",
    Verb.ASSIGN: "user-check",
    Verb.REPLAN: "calendar-time",
    Verb.REASSIGN: "arrows-exchange",
    Verb.UNASSIGN: "user-minus",
    Verb.ACCEPT: "check",
    Verb.DECLINE: "user-x",
    Verb.DEPART: "car",
    Verb.START: "home-heart",
    Verb.COMPLETE: "checks",
    Verb.CANCEL: "ban",
    Verb.FLAG: "flag",
}


def tell(
    events: Iterable[tuple[BookingEvent, User | None]], names: Names
) -> list[Told]:
    """Tell the steps in the order given."""
    return [
        Told(
            at=event.created_at,
            who=_who(event, user),
            sentence=sentence(event, names),
            comment=event.comment,
            was=event.from_status,
            became=event.to_status,
            icon=ICONS.get(event.event, "point"),
        )
        for event, user in events
    ]


def _who(event: BookingEvent, user: User | None) -> str:
    if user is None:
        return label(Role.SYSTEM)
    return f"{user.short_name}, {label(event.acting_as).lower()}"


def sentence(event: BookingEvent, names: Names) -> str:
    """Say what one step did."""
    words = SENTENCES.get(event.event, _plain)(event, names)
    on_behalf = event.acting_as is not Role.DOCTOR and event.event in {
        Verb.ACCEPT,
        Verb.DEPART,
        Verb.START,
        Verb.COMPLETE,
    }
    return f"{words} ({gettext('on behalf of the doctor')})" if on_behalf else words


def _plain(event: BookingEvent, names: Names) -> str:
    doctor = names.get(event.data.get("doctor_id", ""))
    words = event_label(event.event)
    return f"{words}: {doctor}" if doctor else words


def _assigned(event: BookingEvent, names: Names) -> str:
    return gettext(
        "Doctor {doctor} assigned, arrival {time}, {minutes} min on the way",
        doctor=_doctor(event, names),
        time=_clock(event.data.get("planned_start"), event.created_at),
        minutes=event.data.get("travel_minutes", "—"),
    )


def _reassigned(event: BookingEvent, names: Names) -> str:
    return gettext(
        "Passed from {first} to {second}, arrival {time}",
        first=_doctor(event, names, "from_doctor_id"),
        second=_doctor(event, names),
        time=_clock(event.data.get("planned_start"), event.created_at),
    )


def _replanned(event: BookingEvent, names: Names) -> str:
    return gettext(
        "Arrival of {doctor} moved from {was} to {time}",
        doctor=_doctor(event, names),
        was=_clock(event.data.get("was"), event.created_at),
        time=_clock(event.data.get("planned_start"), event.created_at),
    )


def _unassigned(event: BookingEvent, names: Names) -> str:
    doctor = _doctor(event, names)
    if "undone" in event.data:
        return gettext("Assignment of {doctor} undone", doctor=doctor)
    return gettext("Doctor {doctor} taken off", doctor=doctor)


def _cancelled(event: BookingEvent, _names: Names) -> str:
    reason = label(CancelReason(event.data["reason_code"]))
    bearer = label(Bearer(event.data["bearer"])).lower()
    return gettext("Call cancelled: {reason}, {bearer}", reason=reason, bearer=bearer)


def _flagged(event: BookingEvent, _names: Names) -> str:
    flag = label(Flag(event.data["flag"]))
    if event.data["raised"]:
        return gettext("Flag raised: {flag}", flag=flag)
    return gettext("Flag taken down: {flag}", flag=flag)


def _edited(event: BookingEvent, _names: Names) -> str:
    fields = [FIELDS[each] for each in event.data.get("fields", ()) if each in FIELDS]
    if not fields:
        return event_label(event.event)
    shown = ", ".join(dict.fromkeys(str(each) for each in fields))
    return gettext("Changed: {fields}", fields=shown)


def _handed(event: BookingEvent, names: Names) -> str:
    clinic = names.get(event.data.get("clinic_id") or "", "—")
    return gettext("Handed to the clinic {clinic}", clinic=clinic)


def _taken_back(event: BookingEvent, names: Names) -> str:
    clinic = names.get(event.data.get("from_clinic_id") or "", "—")
    return gettext("Taken back from the clinic {clinic}", clinic=clinic)


SENTENCES: Mapping[str, Callable[[BookingEvent, Names], str]] = {
    Verb.ASSIGN: _assigned,
    Verb.REASSIGN: _reassigned,
    Verb.REPLAN: _replanned,
    Verb.UNASSIGN: _unassigned,
    Verb.CANCEL: _cancelled,
    Verb.FLAG: _flagged,
    Verb.EDIT: _edited,
    Verb.HAND_TO_CLINIC: _handed,
    Verb.TAKE_BACK: _taken_back,
}


def _doctor(event: BookingEvent, names: Names, key: str = "doctor_id") -> str:
    return names.get(event.data.get(key, ""), "—")


def _clock(value: Any, beside: datetime) -> str:
    """Give the time, with its day when that is another one than the step's."""
    if not isinstance(value, str):
        return "—"
    moment = datetime.fromisoformat(value)
    same_day = moment.astimezone(MOSCOW).date() == beside.astimezone(MOSCOW).date()
    return formats.clock_time(moment) if same_day else formats.moment(moment)
