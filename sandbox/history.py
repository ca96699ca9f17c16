"""Past calls by the thousand, as lines of COPY: fast, and true to the edges.

One call costs some twenty microseconds, so moments are whole seconds since the
epoch, and whatever repeats (days, times, places) is written once and joined.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from typing import NamedTuple

from models.booking_words import BEARER_OF, PRIORITY_OF, CallType
from models.specialization import Specialization
from sandbox.complaints import CANCELS, COMPLAINTS, CONCLUSIONS, DECLINES, DEMAND
from sandbox.paths import PATHS, REASONS, RELEASES, TABLES, WAITING, Move
from sandbox.rhythm import DAY

BATCH = 20_000
NULL = r"\N"

CALL_TYPES = (CallType.URGENT, CallType.SCHEDULED, CallType.CONSULTATION)
TIMES = tuple(
    f" {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}+00"
    for second in range(DAY)
)


class Caller(NamedTuple):
    """A patient with the eight fields of their address joined by tabs."""

    id: str
    place: str
    child: str


@dataclass(frozen=True)
class Cast:
    """Everybody who takes part in the past."""

    callers: Sequence[Caller]
    doctors: Mapping[Specialization, Sequence[str]]
    dispatchers: Sequence[str]
    prices: Mapping[CallType, int]


@dataclass
class Turn:
    """A doctor's turn while it is being told."""

    doctor_id: str
    dispatcher: str
    stamps: dict[str, str]
    travel: int
    planned: int


class Days(dict[int, str]):
    """The written date of each day since the epoch, made when first asked for."""

    def __missing__(self, day: int) -> str:
        self[day] = datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m-%d")
        return self[day]


DATES = Days()


def stamp(second: int) -> str:
    """Write a moment as PostgreSQL reads it."""
    return DATES[second // DAY] + TIMES[second % DAY]


def identity(second: int, kind: int, number: int) -> str:
    """Make a uuid v7 that no other row has: its kind and number stand inside."""
    return f"{second * 1000:012x}7{kind:03x}8{number:015x}"


@dataclass
class Past:
    """Writes calls; `batches` hands over the lines, table by table."""

    cast: Cast
    chance: random.Random
    number: int
    lines: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reset()
        self._doctors = {
            kind: cycle(doctors) for kind, doctors in self.cast.doctors.items()
        }
        self._paths, self._weights = tuple(PATHS), tuple(PATHS.values())
        self._kinds, self._demand = tuple(DEMAND), tuple(DEMAND.values())

    def _reset(self) -> None:
        self.lines = {table: [] for table in TABLES}

    def batches(
        self, moments: Sequence[int], waiting: int = 0
    ) -> Iterator[dict[str, str]]:
        """Tell a call for each moment; the last `waiting` of them are still open."""
        begun = len(moments) - waiting
        for place, moment in enumerate(moments):
            path = self.chance.choices(self._paths, self._weights)[0]
            self._tell(moment, path if place < begun else WAITING)
            if len(self.lines["booking"]) >= BATCH:
                yield self._handed_over()
        yield self._handed_over()

    def _handed_over(self) -> dict[str, str]:
        ready = {table: "".join(lines) for table, lines in self.lines.items()}
        self._reset()
        return ready

    def _tell(self, moment: int, path: tuple[Move, ...]) -> None:
        """Tell one call from its first word to the end of its path."""
        chance, number = self.chance, self.number
        self.number += 1
        caller = chance.choice(self.cast.callers)
        kind = chance.choices(self._kinds, self._demand)[0]
        call = _Call(identity(moment, 0, number), number, caller, kind)
        phoned = chance.random() < 0.45
        dispatcher = chance.choice(self.cast.dispatchers)
        if phoned:
            self._step(
                call, moment, ("create", NULL, "pending"), dispatcher, "dispatcher"
            )
        else:
            self._step(call, moment, ("create", NULL, "pending"), caller.id, "patient")
        end = self._walk(call, moment, path, dispatcher)
        self._write_booking(call, moment, end, path, phoned=phoned)

    def _walk(
        self, call: "_Call", moment: int, path: tuple[Move, ...], dispatcher: str
    ) -> int:
        turn: Turn | None = None
        for move in path:
            moment += self.chance.randint(move.least * 60, move.most * 60)
            if move.verb == "assign":
                turn = self._turn(call, moment, dispatcher)
            actor = {"patient": call.caller.id, "dispatcher": dispatcher}.get(
                move.role, turn.doctor_id if turn else NULL
            )
            self._step(call, moment, move[:3], actor, move.role, turn)
            if turn is not None:
                turn.stamps[move.verb] = stamp(moment)
                if move.verb in RELEASES:
                    self._write_turn(call, turn, move.verb)
                    turn = None
        return moment

    def _turn(self, call: "_Call", moment: int, dispatcher: str) -> Turn:
        travel = self.chance.randint(12, 40)
        doctor = next(self._doctors[call.kind])
        return Turn(doctor, dispatcher, {}, travel, moment + travel * 60)

    def _step(
        self,
        call: "_Call",
        moment: int,
        move: tuple[str, str, str],
        actor: str,
        role: str,
        turn: Turn | None = None,
    ) -> None:
        """Write one line of the history; the loader makes the journal's from it."""
        call.version += 1
        verb, source, target = move
        at, version = stamp(moment), call.version
        via = "console" if role == "dispatcher" else "api"
        facts = _facts(verb, role, turn)
        comment = self._comment(verb, role)
        key = identity(moment, 0x10 + version, call.number)
        self.lines["booking_event"].append(
            f"{key}\t{at}\t{at}\t{call.id}\t{version}\t{verb}\t{source}\t{target}"
            f"\t{actor}\t{role}\t{via}\t{comment}\t{{{facts}}}\n"
        )

    def _comment(self, verb: str, role: str) -> str:
        if verb == "decline":
            return self.chance.choice(DECLINES)
        if verb == "cancel" and role == "patient":
            return self.chance.choice(CANCELS)
        return NULL

    def _write_turn(self, call: "_Call", turn: Turn, verb: str) -> None:
        stamps = turn.stamps
        begun, ended = stamps["assign"], stamps[verb]
        opens = stamp(turn.planned - turn.travel * 60)
        closes = stamp(turn.planned + 40 * 60)
        reason = self._comment(verb, "doctor") if verb == "decline" else NULL
        call.turns += 1
        self.lines["assignment"].append(
            f"{identity(turn.planned, 0x40 + call.turns, call.number)}\t{begun}"
            f"\t{ended}\t{call.id}\t{turn.doctor_id}\t{call.stop}"
            f'\t{stamp(turn.planned)}\t["{opens}","{closes}")\t{turn.travel}'
            f"\t{turn.dispatcher}\t{begun}\t{stamps.get('accept', NULL)}"
            f"\t{stamps.get('depart', NULL)}\t{stamps.get('start', NULL)}\t{ended}"
            f"\t{RELEASES[verb]}\t{reason}\n"
        )

    def _write_booking(
        self,
        call: "_Call",
        begun: int,
        ended: int,
        path: tuple[Move, ...],
        *,
        phoned: bool,
    ) -> None:
        chance, last = self.chance, path[-1] if path else None
        status = last.target if last else "pending"
        call_type = chance.choices(CALL_TYPES, (70, 18, 12))[0]
        wanted = f"{NULL}\t{NULL}"
        if call_type is CallType.SCHEDULED:
            wanted = f"{stamp(begun + 3600)}\t{stamp(begun + 4 * 3600)}"
        end = stamp(ended)
        child = call.caller.child if call.kind == Specialization.PEDIATRICIAN else ""
        ending = f"{NULL}\t{NULL}\t{NULL}\t{NULL}\t{NULL}"
        if status == "completed":
            minutes = chance.randint(15, 55)
            ending = f"{end}\t{NULL}\t{minutes}\t{chance.choice(CONCLUSIONS)}\t{NULL}"
        elif last is not None:
            ending = f"{NULL}\t{end}\t{NULL}\t{NULL}\t{REASONS[last.role].value}"
        self.lines["booking"].append(
            f"{call.id}\t{stamp(begun)}\t{end}\t{call.number}\t{call.caller.id}"
            f"\t{status}\t{call_type.value}\t{PRIORITY_OF[call_type].value}"
            f"\t{call.kind.value}\t{chance.choice(COMPLAINTS[call.kind])}"
            f"\t{child or f'{NULL}{chr(9)}{NULL}'}\t{call.caller.place}\t{wanted}"
            f"\t{call.stop}\t{self.cast.prices[call_type]}"
            f"\t{'phone' if phoned else 'api'}\t{call.version}\t{ending}\n"
        )


@dataclass
class _Call:
    id: str
    number: int
    caller: Caller
    kind: Specialization
    version: int = 0
    turns: int = 0

    @property
    def stop(self) -> str:
        """A stop of its own, known by the call's id."""
        return self.id


def _facts(verb: str, role: str, turn: Turn | None) -> str:
    """Write what the verb itself would have noted, as the inside of a JSON object."""
    facts = f'"doctor_id": "{turn.doctor_id}"' if turn else ""
    if verb == "assign" and turn:
        at = stamp(turn.planned).replace(" ", "T") + ":00"
        return f'{facts}, "planned_start": "{at}", "travel_minutes": {turn.travel}'
    if verb == "cancel":
        reason = REASONS[role]
        bearer = BEARER_OF[reason].value
        comma = ", " if facts else ""
        return f'{facts}{comma}"reason_code": "{reason.value}", "bearer": "{bearer}"'
    return facts
