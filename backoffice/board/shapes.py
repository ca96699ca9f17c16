"""The rows of the board: what the server reads, draws and sends is one shape.

Moments are whole seconds of Unix time, so that the page compares numbers only.
`seq` orders the readings of a row (see `reading.SEQ`); `version` is the booking's
own and travels back with each command. `html` is the row as the page shows it, drawn
by the same template as the first page.
"""

from collections.abc import Sequence
from typing import Literal, TypedDict

from services.notice_reads import Outage

SlaState = Literal["later", "ok", "soon", "broken"]
Kind = Literal["free", "wait", "road", "visit", "over", "late", "off", "block"]


class Sla(TypedDict):
    """When the timer starts, turns yellow and turns red."""

    state: SlaState
    starts_at: int
    warn_at: int
    red_at: int


class CallFacts(TypedDict):
    """An open call as it is read; no name, phone or street."""

    id: str
    seq: int
    at: int
    version: int
    number: int
    status: str
    priority: str
    type: str
    spec: str
    gist: str
    age: int | None
    district: str | None
    clinic: str | None
    flags: list[str]
    created: int
    wanted_from: int | None
    wanted_to: int | None
    sla: Sla
    lat: float | None
    lon: float | None
    doctor: str | None
    start: int | None
    payment: str
    talk: int
    unread: int


class Talk(TypedDict):
    """How a conversation stands: its last number, and what the desk has not read."""

    call: str
    number: int
    seq: int
    unread: int


class Visit(TypedDict):
    """One bar: the plan of an assignment with the facts so far."""

    call: str
    number: int
    status: str
    stop: str
    leave: int
    start: int
    end: int
    assigned: int
    departed: int | None
    started: int | None
    ended: int | None


class DoctorFacts(TypedDict):
    """A doctor with the visits of the day."""

    id: str
    seq: int
    at: int
    name: str
    initials: str
    feminine: bool
    specs: list[str]
    on_duty: bool
    duty_since: int | None
    blocked: bool
    licence_until: int
    lat: float | None
    lon: float | None
    position_at: int | None
    visits: list[Visit]
    shifts: list[tuple[int, int]] | None


class CallRow(TypedDict):
    """A call as it is sent: what the page reckons with, and the row itself."""

    id: str
    seq: int
    at: int
    version: int
    number: int
    status: str
    priority: str
    type: str
    spec: str
    district: str | None
    created: int
    sla: Sla
    lat: float | None
    lon: float | None
    doctor: str | None
    start: int | None
    payment: str
    unread: int
    danger: bool
    html: str


class DoctorRow(TypedDict):
    """A doctor as it is sent."""

    id: str
    seq: int
    at: int
    name: str
    initials: str
    specs: list[str]
    duty: bool
    kind: Kind
    calls: list[str]
    lat: float | None
    lon: float | None
    html: str


class Watcher(TypedDict):
    """A colleague who has a call open; without a call, the board itself."""

    user: str
    name: str
    initials: str
    call: str
    since: int
    seen: int


class Counts(TypedDict):
    """Calls closed today; the open ones the page counts itself."""

    completed: int
    cancelled: int


class Facts(TypedDict):
    """Everything on the board at one moment, as read."""

    now: int
    seq: int
    day: int
    calls: list[CallFacts]
    doctors: list[DoctorFacts]
    watchers: list[Watcher]
    counts: Counts
    outages: Sequence[Outage]


class Snapshot(TypedDict):
    """Everything on the board at one moment, as sent."""

    now: int
    seq: int
    day: int
    origin: int
    axis: str
    calls: list[CallRow]
    doctors: list[DoctorRow]
    watchers: list[Watcher]
    counts: Counts
    outages: list[str]
