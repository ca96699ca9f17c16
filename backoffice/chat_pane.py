"""How a conversation looks to a dispatcher: messages, marks, and what the script needs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from babel import dates

from backoffice import assets, call_words, formats
from backoffice.board import paint, words
from models.message import MessageKind
from models.role_grant import Role
from services.chat_desk import Conversation, Entry, Hiding
from services.chat_reads import Line
from services.clock import MOSCOW
from services.i18n import Lazy, current_locale, gettext
from services.words import label

BASE = "/admin/calls/"
MARK_ICONS = {Role.PATIENT: "user", Role.DOCTOR: "stethoscope"}
READ = {
    Role.PATIENT: (
        Lazy("The patient has not read it"),
        Lazy("The patient has read it"),
    ),
    Role.DOCTOR: (Lazy("The doctor has not read it"), Lazy("The doctor has read it")),
}
LAST_ICONS = {**MARK_ICONS, Role.DISPATCHER: "headset"}
LAST = {
    Role.PATIENT: Lazy("The patient wrote last"),
    Role.DOCTOR: Lazy("The doctor wrote last"),
    Role.DISPATCHER: Lazy("The dispatcher wrote last"),
}
# What the script says by itself.
SCRIPT = {
    "sending": Lazy("being sent"),
    "unsent": Lazy("Not sent"),
    "again": Lazy("Send again"),
    "drop": Lazy("Take back"),
    "no_answer": Lazy("no answer from the server"),
    "refused": Lazy("the server refused it"),
    "picture_lost": Lazy("the picture was not kept, choose it again"),
    "typing.patient": Lazy("The patient is writing…"),
    "typing.doctor": Lazy("The doctor is writing…"),
    "news": Lazy("New messages"),
    "failed": Lazy("The conversation could not be read."),
    "no_replies": Lazy("No ready answers."),
    "picture": Lazy("Picture"),
    **{key: words.SCRIPT[key] for key in ("danger", "danger.open", "danger.seen")},
}


@dataclass(frozen=True)
class Mark:
    """Whether one other side has read a message."""

    role: str
    icon: str
    read: bool
    words: str


@dataclass(frozen=True)
class Shown:
    """One message as it is drawn."""

    line: Line
    mine: bool
    path: str
    day: str
    day_name: str
    marks: tuple[Mark, ...]
    hiding: str

    @property
    def css(self) -> str:
        """Whose it is, where it stands and whether it is hidden."""
        line = self.line
        side = " is-desk" if line.role is Role.DISPATCHER else ""
        own = " is-mine" if self.mine else ""
        return f"m-{line.role.value}{side}{own}{' is-hidden' if line.hidden else ''}"

    @property
    def who(self) -> str:
        """What tells one sender from the next: their messages stand together."""
        return f"{self.line.role.value} {self.line.sender_id or ''}"

    @property
    def role_word(self) -> str:
        """The sender's part in the call."""
        return label(self.line.role)

    @property
    def is_system(self) -> bool:
        """Nobody wrote it."""
        return self.line.kind is MessageKind.SYSTEM


def day_name(moment: datetime, now: datetime) -> str:
    """«Сегодня», «Вчера», else the date."""
    day, today = moment.astimezone(MOSCOW).date(), now.astimezone(MOSCOW).date()
    if day == today:
        return gettext("Today")
    if (today - day).days == 1:
        return gettext("Yesterday")
    same = day.year == today.year
    pattern = {
        "ru": "d MMMM" if same else "d MMMM y",
        "en": "MMMM d" if same else "MMMM d, y",
    }
    locale = current_locale()
    return str(dates.format_date(day, pattern[locale], locale=locale))


def hiding_words(hiding: Hiding, now: datetime) -> str:
    """Who took the message out of sight, and when."""
    same = hiding.at.astimezone(MOSCOW).date() == now.astimezone(MOSCOW).date()
    when = formats.clock_time(hiding.at) if same else formats.moment(hiding.at)
    return gettext("hidden by {name}, {when}", name=hiding.by, when=when)


def shown(talk: Conversation, reader_id: Any) -> list[Shown]:
    """Make the messages ready to be drawn."""
    return [_shown(talk, line, reader_id) for line in talk.lines]


def _shown(talk: Conversation, line: Line, reader_id: Any) -> Shown:
    now = talk.room.now
    hiding = talk.hidden.get(line.id)
    desk = line.role is Role.DISPATCHER
    return Shown(
        line,
        mine=line.sender_id == reader_id,
        path=f"{BASE}{line.booking_id}/chat",
        day=line.created_at.astimezone(MOSCOW).date().isoformat(),
        day_name=day_name(line.created_at, now),
        marks=_marks(talk.read, line.seq) if desk else (),
        hiding=hiding_words(hiding, now) if hiding else "",
    )


def _marks(read: Mapping[Role, int], seq: int) -> tuple[Mark, ...]:
    return tuple(
        Mark(role.value, MARK_ICONS[role], seq <= upto, str(READ[role][seq <= upto]))
        for role, upto in read.items()
    )


def as_json(talk: Conversation, reader_id: Any) -> dict[str, Any]:
    """Say it to the script: each message drawn, and how everything stands."""
    return {
        "call": str(talk.room.booking_id),
        "number": talk.room.number,
        "closed": talk.room.closed,
        "last": talk.unread.last_seq,
        "mine": talk.unread.up_to_seq,
        "unread": talk.unread.unread,
        "read": {role.value: upto for role, upto in talk.read.items()},
        "people": people(talk),
        "messages": [
            {
                "seq": each.line.seq,
                "client_id": each.line.client_id,
                "html": paint.environment()
                .get_template("chat/message.html")
                .render(m=each),
            }
            for each in shown(talk, reader_id)
        ],
        "hidden": {
            each.seq: hiding_words(each, talk.room.now) for each in talk.hidden.values()
        },
    }


def people(talk: Conversation) -> list[dict[str, str]]:
    """Who else is in the conversation."""
    return [
        {"role": role.value, "name": name, "word": label(role)}
        for role, name in talk.names.items()
    ]


def listing(entries: Sequence[Entry]) -> dict[str, Any]:
    """What the page of all conversations shows, in two groups."""
    unread = [each for each in entries if each.unread]
    rest = [each for each in entries if not each.unread]
    return {
        "entries": entries,
        "groups": [(gettext("Unread"), unread), (gettext("Read"), rest)],
        "icons": {role.value: icon for role, icon in LAST_ICONS.items()},
        "last": {role.value: str(text) for role, text in LAST.items()},
        "age": _age,
        "waits": waits,
        "unread": partial(words.counted, "unread"),
        "boot_chat": boot(()),
    }


def waits(entry: Entry) -> str:
    """For how long the oldest unread message has waited."""
    oldest = entry.oldest or entry.now
    if (entry.now - oldest).total_seconds() < 60:
        return gettext("waits less than a minute")
    return gettext("waits {time}", time=call_words.between(oldest, entry.now))


def _age(entry: Entry) -> str:
    if (entry.now - entry.last_at).total_seconds() < 60:
        return gettext("just now")
    return call_words.between(entry.last_at, entry.now)


def boot(replies: Iterable[str]) -> dict[str, Any]:
    """What the script of the pane needs to start."""
    said = {key: str(text) for key, text in SCRIPT.items()}
    for role, (no, yes) in READ.items():
        said |= {f"read.{role.value}.no": str(no), f"read.{role.value}.yes": str(yes)}
    return {
        "base": BASE,
        "board": "/admin/board",
        "assets": f"{assets.folder()}/board",
        "lang": current_locale(),
        "replies": [*replies],
        "words": said,
    }
