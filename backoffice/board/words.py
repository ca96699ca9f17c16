"""What the board says: phrases of its rows, and the words its script needs."""

from collections.abc import Callable

from backoffice.board.axis import Doing
from backoffice.board.shapes import Visit
from models.booking import Status
from models.booking_words import CallType, Flag, Priority
from models.notification import NotificationChannel
from models.payment import PaymentState
from models.specialization import Specialization
from services.i18n import Lazy, gettext, ngettext
from services.words import label

BADGES = {
    "pending": Lazy("in the queue"),
    "assigned": Lazy("assigned"),
    "accepted": Lazy("accepted"),
    "en_route": Lazy("under way"),
    "in_progress": Lazy("on scene"),
    "completed": Lazy("completed"),
    "cancelled": Lazy("cancelled"),
}
SLA_STATES = {
    "ok": Lazy("in time"),
    "soon": Lazy("due soon"),
    "broken": Lazy("overdue"),
    "later": Lazy("the timer has not started"),
    "off": Lazy("does not wait"),
}
GROUPS = {
    "emergency": Lazy("Emergency calls"),
    "high": Lazy("High priority"),
    "normal": Lazy("Normal calls"),
    "low": Lazy("Low priority"),
    "later": Lazy("Later"),
    "outside": Lazy("Outside the filter"),
}
PRIORITIES = {
    Priority.EMERGENCY: Lazy("Emergency"),
    Priority.HIGH: Lazy("High"),
    Priority.NORMAL: Lazy("Normal"),
    Priority.LOW: Lazy("Low"),
}
SHORT = {
    Specialization.THERAPIST: Lazy("ther."),
    Specialization.PEDIATRICIAN: Lazy("ped."),
    Specialization.CARDIOLOGIST: Lazy("card."),
    Specialization.NEUROLOGIST: Lazy("neur."),
    Specialization.OTOLARYNGOLOGIST: Lazy("ENT"),
    Specialization.SURGEON: Lazy("surg."),
    Specialization.DERMATOLOGIST: Lazy("derm."),
    Specialization.GASTROENTEROLOGIST: Lazy("gastr."),
    Specialization.GYNECOLOGIST: Lazy("gyn."),
    Specialization.UROLOGIST: Lazy("urol."),
    Specialization.OPHTHALMOLOGIST: Lazy("ophth."),
    Specialization.ORTHOPEDIST: Lazy("orth."),
    Specialization.ENDOCRINOLOGIST: Lazy("endo."),
    Specialization.PSYCHIATRIST: Lazy("psych."),
}
DOING = {
    "free": Lazy("free since {at}"),
    "visit": Lazy("on scene until {at}"),
    "road": Lazy("there at {at}"),
    "wait": Lazy("waiting for answer"),
    "over": Lazy("{minutes} min over"),
    "late": Lazy("{minutes} min late"),
    "off": Lazy("off duty"),
    "block": Lazy("licence expired"),
}
# Phrases that the script fills in by itself; {n} is a number.
SCRIPT = {
    "hm": Lazy("{h} h {m} min"),
    "dh": Lazy("{d} d {h} h"),
    "min": Lazy("{n} min"),
    "sec": Lazy("{n} s"),
    "km": Lazy("km"),
    "from": Lazy("from {at}"),
    "until": Lazy("until {at}"),
    "new": Lazy("new"),
    "live": Lazy("Live"),
    "ago": Lazy("{n} s ago"),
    "behind": Lazy("{n} s behind"),
    "no_link": Lazy("No link"),
    "every5": Lazy("Every 5 s"),
    "stale_since": Lazy("STALE since {at}"),
    "stale_say": Lazy("The board shows the past."),
    "db_down": Lazy("The database is not available"),
    "retry_in": Lazy("again in {n} s, attempt {k}"),
    "on_call": Lazy("{doctor}, arrival {at}"),
    "due_in": Lazy("due in {limit}, {left} left"),
    "due_over": Lazy("due in {limit}, overdue by {late}"),
    "timer_from": Lazy("the timer starts at {at}"),
    "watching": Lazy("{name} has this call open"),
    "watches": Lazy("{name} has this call open"),
    "on_board": Lazy("{name} is on the board"),
    "since": Lazy("since {at}"),
    "opening": Lazy("The card opens while the selection rests here"),
    "fixed_at": Lazy("order fixed at {at}"),
    "candidates_for": Lazy("Candidates for B-{number}"),
    "others": Lazy("Others"),
    "now_taken": Lazy("now taken"),
    "no_point": Lazy("no point on the map"),
    "sending": Lazy("sending"),
    "unknown_yet": Lazy("We do not know whether it arrived. Checking…"),
    "not_sent": Lazy("It did not arrive. Nothing was changed; try again."),
    "did_arrive": Lazy("It did arrive."),
    "locked": Lazy("The link is lost: commands are off."),
    "restored": Lazy("Live again"),
    "place_hint": Lazy("Click the place on the map"),
    "sound.on": Lazy("Sound is on"),
    "sound.off": Lazy("Sound is off"),
    "sound.wait": Lazy("Sound waits for a click"),
    "undo": Lazy("Undo"),
    "shown_new": Lazy("Your command was not carried out. The new state is shown."),
    "got_it": Lazy("Got it"),
    "reassign_to": Lazy("Reassign to {doctor}…"),
    "failed": Lazy("It did not work."),
    "danger": Lazy("DOCTOR IN DANGER"),
    "danger.open": Lazy("Open the call"),
    "danger.seen": Lazy("I have seen it"),
}
OUTAGES = {
    NotificationChannel.SMS: Lazy("SMS have not left since {at}, {count} wait"),
    NotificationChannel.EMAIL: Lazy("E-mails have not left since {at}, {count} wait"),
    NotificationChannel.TELEGRAM: Lazy(
        "Telegram has not answered since {at}, {count} wait"
    ),
}
COUNTED = {
    "overdue": ("{count} overdue", "{count} overdue"),
    "on_shift": ("{count} on shift", "{count} on shift"),
    "free": ("{count} free", "{count} free"),
    "waiting_new": ("{count} change", "{count} changes"),
    "waits": ("waits {count} minute", "waits {count} minutes"),
    "unread": ("{count} unread message", "{count} unread messages"),
    "updated": ("{count} row updated", "{count} rows updated"),
}
# A number of each plural form of Russian and English.
SAMPLES = {"one": 1, "few": 2, "many": 5, "other": 100}


def badge(status: str) -> str:
    """What stands instead of the timer once a call waits no more."""
    return str(BADGES[status])


def group(name: str) -> str:
    """The heading in the queue."""
    return str(GROUPS[name])


def flag(name: str) -> str:
    """What a flag warns of."""
    return label(Flag(name))


def specialization(name: str) -> str:
    """A specialization in full."""
    return label(Specialization(name))


def short_specialization(name: str) -> str:
    """A specialization in a few letters."""
    return str(SHORT[Specialization(name)])


def years(count: int) -> str:
    """An age; infants are told apart without their months."""
    if count == 0:
        return gettext("under a year")
    return ngettext("{count} year", "{count} years", count)


def position_old(minutes: int) -> str:
    """How old a doctor's position is."""
    return ngettext(
        "position {count} minute old", "position {count} minutes old", minutes
    )


def span(seconds: int) -> str:
    """A length of time: 18:40, then 1 h 12 min."""
    if seconds < 3600:
        return f"{max(0, seconds) // 60:02d}:{max(0, seconds) % 60:02d}"
    hours, minutes = divmod(seconds // 60, 60)
    if hours < 24:
        return gettext("{h} h {m} min", h=hours, m=minutes)
    return gettext("{d} d {h} h", d=hours // 24, h=hours % 24)


def doing(
    now: Doing, *, blocked: bool, feminine: bool, clock: Callable[[int], str]
) -> str:
    """What the doctor does now."""
    if now.kind == "block" and blocked:
        return gettext("blocked")
    text = DOING[now.kind]
    if now.kind == "free" and not now.at:
        return gettext("free")
    if now.kind == "off" and now.at:
        return gettext("shift from {at}", at=clock(now.at))
    return gettext(
        str.__str__(text),
        at=clock(now.at),
        minutes=max(1, round(now.at / 60)),
        ending="на" if feminine else "ен",
    )


def bar(visit: Visit, leave: str, arrive: str, end: str, *, unfit: bool = False) -> str:
    """A bar on the axis, in words; `unfit`: the doctor's papers do not reach it."""
    text = gettext(
        "B-{number}, {status}: leaves {leave}, arrives {arrive}, ends {end}",
        number=visit["number"],
        status=badge(visit["status"]),
        leave=leave,
        arrive=arrive,
        end=end,
    )
    return f"{text}, {gettext('licence expired')}" if unfit else text


def counted(key: str, count: int) -> str:
    """A phrase with a number in it."""
    return ngettext(*COUNTED[key], count)


def outage(channel: NotificationChannel, at: str, count: int) -> str:
    """What is said of a channel by which nothing leaves."""
    return gettext(str.__str__(OUTAGES[channel]), at=at, count=count)


def script() -> dict[str, str]:
    """All the words of the script in the reader's language."""
    found = {key: str(text) for key, text in SCRIPT.items()}
    for key, (one, many) in COUNTED.items():
        for form, sample in SAMPLES.items():
            found[f"{key}.{form}"] = ngettext(one, many, sample).replace(
                str(sample), "{n}", 1
            )
    for prefix, table in (("badge", BADGES), ("group", GROUPS), ("sla", SLA_STATES)):
        found |= {f"{prefix}.{key}": str(text) for key, text in table.items()}
    found |= {f"priority.{key}": str(text) for key, text in PRIORITIES.items()}
    for prefix, kind in (
        ("status", Status),
        ("type", CallType),
        ("spec", Specialization),
        ("payment", PaymentState),
    ):
        found |= {f"{prefix}.{member}": label(member) for member in kind}
    return found
