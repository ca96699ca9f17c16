"""The last hours before the demo opens: real verbs, with the clock set back.

Most of these calls are over; the newest stand at every status, so that the board
is alive when it is first opened.
"""

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import hypot
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking_words import CallType, Flag
from models.role_grant import Role
from models.specialization import Specialization
from sandbox.callers import address_of, subject_of
from sandbox.cast import City
from sandbox.complaints import CANCELS, CONCLUSIONS, DECLINES, complaint, specialization
from sandbox.history import Caller
from sandbox.paths import (
    ACCEPT,
    ASSIGN,
    DEPART,
    NO_DOCTOR,
    PATHS,
    REASONS,
    START,
    WAITING,
    Move,
)
from sandbox.rhythm import moments
from sandbox.walk_talk import Talk
from services import assignments, bookings, clock, visits
from services.actor import Actor, Via
from services.booking_drafts import BookingDraft, PatientDraft
from services.database import Sessions
from services.edges import transaction

HOURS = 12
# How many calls stand at each status when the board opens.
ALIVE: Mapping[tuple[Move, ...], int] = {
    WAITING: 9,
    (ASSIGN,): 5,
    (ASSIGN, ACCEPT): 6,
    (ASSIGN, ACCEPT, DEPART): 7,
    (ASSIGN, ACCEPT, DEPART, START): 8,
}
NEVER = float("inf")
# A specialization with fewer doctors at work is not asked for in the walk.
ENOUGH = 5


@dataclass(frozen=True)
class Script:
    """What happens with one call: when it is made, and each move with its moment."""

    made: float
    moves: tuple[tuple[Move, float], ...]
    over: bool

    @property
    def ends(self) -> float:
        """When the doctor is free again."""
        return self.moves[-1][1] if self.over and self.moves else NEVER


def scripts(chance: random.Random, now: datetime, count: int) -> list[Script]:
    """Draw the calls of the last hours, in the order in which they were made."""
    drawn = []
    for path, share in ALIVE.items():
        drawn += [_alive(chance, now.timestamp(), path) for _ in range(share)]
    until = now - timedelta(hours=3, minutes=30)
    days = int(HOURS / 24) + 1
    earlier = moments(chance, until, days, (count - len(drawn)) * 4)
    paths = chance.choices(tuple(PATHS), tuple(PATHS.values()), k=count - len(drawn))
    for path, moment in zip(paths, earlier[-len(paths) :], strict=True):
        drawn.append(Script(moment, _timed(chance, moment, path), over=True))
    return sorted(drawn, key=lambda script: script.made)


def _timed(
    chance: random.Random, moment: float, path: tuple[Move, ...]
) -> tuple[tuple[Move, float], ...]:
    timed = []
    for move in path:
        moment += chance.uniform(move.least * 60, move.most * 60)
        timed.append((move, moment))
    return tuple(timed)


def _alive(chance: random.Random, now: float, path: tuple[Move, ...]) -> Script:
    """A call that stands somewhere on its way, its last step minutes ago."""
    moves = _timed(chance, 0.0, path)
    last = moves[-1][1] if moves else 0.0
    made = now - last - chance.uniform(40, 900 if path else 1500)
    return Script(made, tuple((move, made + at) for move, at in moves), over=False)


@dataclass
class Doctor:
    """A doctor at work, and until when somebody keeps them."""

    id: uuid.UUID
    kinds: list[str]
    latitude: float
    longitude: float
    busy_until: float = 0.0


@dataclass
class Walk:
    """Walks calls through the services, each verb at its own moment of the past."""

    sessions: Sessions
    city: City
    chance: random.Random
    now: float
    doctors: list[Doctor] = field(default_factory=list)

    def __post_init__(self) -> None:
        states = {row["doctor_id"]: row for row in self.city.rows["doctor_state"]}
        self.doctors = [
            Doctor(
                row["user_id"],
                row["specializations"],
                row["home_latitude"],
                row["home_longitude"],
            )
            for row in self.city.rows["doctor_profile"]
            if states[row["user_id"]]["on_duty"]
        ]
        self.dispatcher = Actor(
            self.city.staff["dispatcher2"], Role.DISPATCHER, Via.CONSOLE
        )
        # A chance of its own: what is said changes nothing of what happens.
        chance = random.Random(self.chance.random())
        self.talk = Talk(chance, self.dispatcher.user_id, self.now, self._at)

    async def run(self, script: Script) -> None:
        """Walk one call from its first word to where its script ends."""
        async with transaction(self.sessions) as session:
            await self._at(session, script.made)
            caller = self.chance.choice(self.city.callers)
            made = await self._create(session, caller, script.made)
            call = _Walked(*made, script, uuid.UUID(caller.id))
            await self._say(session, call, "create", script.made)
            await self._follow(session, call)
            if call.doctor and not script.over and self.chance.random() < 0.08:
                await self._at(session, self.now - 30)
                await self._flag(session, call)

    async def _follow(self, session: AsyncSession, call: "_Walked") -> None:
        """Make the moves; where no doctor is free, the call is given up or waits."""
        for move, moment in call.script.moves:
            await self._at(session, moment)
            if move.verb == "assign" and self._nearest(call) is None:
                if call.script.over:
                    await self._cancel(session, call, NO_DOCTOR)
                return
            await _STEPS[move.verb](self, session, call, move)
            await self._say(session, call, move.verb, moment)

    async def _say(
        self, session: AsyncSession, call: "_Walked", verb: str, moment: float
    ) -> None:
        doctor = {"doctor": call.doctor.id} if call.doctor else {}
        people = {"patient": call.patient_id, **doctor}
        moves = call.script.moves
        last = not call.script.over and moment == (moves[-1][1] if moves else moment)
        await self.talk.after(session, call.id, people, (verb, moment), last)

    async def _at(self, session: AsyncSession, moment: float) -> None:
        await clock.shift(session, moment - self.now)

    async def _create(
        self, session: AsyncSession, caller: Caller, made: float
    ) -> tuple[uuid.UUID, str, tuple[float, float]]:
        kind = specialization(self.chance)
        able = sum(kind.value in doctor.kinds for doctor in self.doctors)
        kind = kind if able >= ENOUGH else Specialization.THERAPIST
        address = address_of(caller)
        said: dict[str, Any] = {
            "call_type": CallType.URGENT,
            "specialization": kind,
            "symptoms": complaint(self.chance, kind),
            "address": address,
            "subject": subject_of(caller, kind),
        }
        if self.chance.random() < 0.15:
            said |= self._window(made)
        patient_id = uuid.UUID(caller.id)
        if self.chance.random() < 0.45:
            draft: PatientDraft = BookingDraft(patient_id=patient_id, **said)
            made_call = await bookings.create(session, self.dispatcher, draft)
        else:
            patient = Actor(patient_id, Role.PATIENT, Via.API)
            made_call = await bookings.create(session, patient, PatientDraft(**said))
        assert address.latitude is not None  # noqa: S101 - every door has a point
        assert address.longitude is not None  # noqa: S101
        return made_call.id, kind.value, (address.latitude, address.longitude)

    def _window(self, made: float) -> dict[str, Any]:
        starts = datetime.fromtimestamp(made, clock.MOSCOW).replace(
            minute=0, second=0, microsecond=0
        ) + timedelta(hours=self.chance.randint(1, 2))
        return {
            "call_type": CallType.SCHEDULED,
            "wanted_from": starts,
            "wanted_to": starts + timedelta(hours=4),
        }

    async def _assign(self, session: AsyncSession, call: "_Walked", _: Move) -> None:
        doctor = self._nearest(call)
        assert doctor is not None  # noqa: S101 - asked before
        await assignments.assign(session, self.dispatcher, call.id, doctor.id, None)
        doctor.busy_until = call.script.ends
        call.doctor, call.refused = doctor, [*call.refused, doctor.id]

    def _nearest(self, call: "_Walked") -> Doctor | None:
        """The nearest doctor who can take the call and whom nobody keeps."""
        free = [
            doctor
            for doctor in self.doctors
            if call.kind in doctor.kinds
            and doctor.id not in call.refused
            and doctor.busy_until < call.script.made
        ]
        return min(
            free,
            key=lambda doctor: hypot(
                doctor.latitude - call.point[0], (doctor.longitude - call.point[1]) / 2
            ),
            default=None,
        )

    async def _visit(self, session: AsyncSession, call: "_Walked", move: Move) -> None:
        verbs = {
            "accept": visits.accept,
            "depart": visits.depart,
            "start": visits.start,
        }
        await verbs[move.verb](session, call.actor, call.id)

    async def _complete(self, session: AsyncSession, call: "_Walked", _: Move) -> None:
        minutes, words = self.chance.randint(15, 50), self.chance.choice(CONCLUSIONS)
        await visits.complete(session, call.actor, call.id, minutes, words)

    async def _decline(self, session: AsyncSession, call: "_Walked", _: Move) -> None:
        reason = self.chance.choice(DECLINES)
        await visits.decline(session, call.actor, call.id, reason)

    async def _unassign(self, session: AsyncSession, call: "_Walked", _: Move) -> None:
        await assignments.unassign(session, self.dispatcher, call.id, None)

    async def _cancel(self, session: AsyncSession, call: "_Walked", move: Move) -> None:
        actor = call.actor if move.role == "doctor" else self.dispatcher
        words = self.chance.choice(CANCELS) if move.role == "patient" else None
        await bookings.cancel(session, actor, call.id, REASONS[move.role], words)

    async def _flag(self, session: AsyncSession, call: "_Walked") -> None:
        flag = self.chance.choice((Flag.NEEDS_SECOND_DOCTOR, Flag.HOSPITAL_TRANSFER))
        await bookings.flag(session, call.actor, call.id, flag)


@dataclass
class _Walked:
    id: uuid.UUID
    kind: str
    point: tuple[float, float]
    script: Script
    patient_id: uuid.UUID
    doctor: Doctor | None = None
    refused: list[uuid.UUID] = field(default_factory=list)

    @property
    def actor(self) -> Actor:
        assert self.doctor is not None  # noqa: S101 - the paths assign first
        return Actor(self.doctor.id, Role.DOCTOR, Via.API)


Step = Callable[[Walk, AsyncSession, _Walked, Move], Awaitable[None]]
_STEPS: Mapping[str, Step] = {
    "assign": Walk._assign,
    "accept": Walk._visit,
    "depart": Walk._visit,
    "start": Walk._visit,
    "complete": Walk._complete,
    "decline": Walk._decline,
    "unassign": Walk._unassign,
    "cancel": Walk._cancel,
}
