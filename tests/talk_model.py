"""What a conversation must be, said once more in plain Python: the model of tests."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.role_grant import Role
from services.actor import Actor

ACCESS = timedelta(hours=24)
LATELY, MOST = timedelta(seconds=10), 20
# Two clocks are read one after the other; nothing hangs on so little.
HAIR = timedelta(seconds=2)
HIDDEN = "Сообщение скрыто."
PATIENT, DOCTOR, DESK = Role.PATIENT, Role.DOCTOR, Role.DISPATCHER
Side = tuple[Role, uuid.UUID | None]


@dataclass
class Word:
    """One message."""

    id: uuid.UUID
    role: Role
    sender: uuid.UUID | None
    text: str
    client_id: str | None
    at: datetime
    picture: bool = False
    hidden: bool = False


@dataclass
class Conversation:
    """One call and everything that was said in it; a message's number is its place."""

    call: uuid.UUID
    patient: uuid.UUID
    doctor: uuid.UUID | None = None
    accepted: bool = False
    given_at: int = 0
    ended: datetime | None = None
    completed: bool = False
    words: list[Word] = field(default_factory=list)
    marks: dict[Side, int] = field(default_factory=dict)

    def stands(self, actor: Actor, now: datetime) -> bool:
        """Tell whether the actor has a part in it now."""
        who, role = actor.user_id, actor.acting_as
        if role is PATIENT:
            return who == self.patient
        if role is DOCTOR:
            return who == self.doctor and not self.lapsed(now)
        return who != self.patient

    def lapsed(self, now: datetime) -> bool:
        """The doctor of a finished visit has looked back for long enough."""
        return self.completed and self.closed(now)

    def closed(self, now: datetime) -> bool:
        """Nothing more is said."""
        return self.ended is not None and now >= self.ended + ACCESS

    def asked(self, actor: Actor) -> bool:
        """A doctor who has not said yes: sees little, and no name."""
        return actor.acting_as is DOCTOR and not self.accepted

    def shown(self, actor: Actor) -> list[tuple[int, Word]]:
        """The messages that the actor sees, with their numbers."""
        first = self.given_at if self.asked(actor) else 1
        numbered = enumerate(self.words, start=1)
        return [(seq, word) for seq, word in numbered if seq >= first]

    def side(self, actor: Actor) -> Side:
        """All dispatchers read as one."""
        desk = actor.acting_as is DESK
        return actor.acting_as, None if desk else actor.user_id

    def mark(self, actor: Actor) -> int:
        """How far the actor's side has read."""
        return self.marks.get(self.side(actor), 0)

    def read(self, actor: Actor, up_to: int) -> None:
        """Move the mark on, never back and never past the end."""
        wanted = max(0, min(up_to, len(self.words)))
        self.marks[self.side(actor)] = max(self.mark(actor), wanted)

    def unread(self, actor: Actor) -> int:
        """What others wrote after the mark, of what the actor sees."""
        return sum(
            seq > self.mark(actor) and not word.hidden and self._of_others(word, actor)
            for seq, word in self.shown(actor)
        )

    def _of_others(self, word: Word, actor: Actor) -> bool:
        if word.role is Role.SYSTEM:
            return False
        if actor.acting_as is DOCTOR and word.role is DOCTOR:
            return word.sender != actor.user_id
        return word.role is not actor.acting_as

    def text(self, word: Word, actor: Actor) -> str:
        """What the actor reads."""
        return HIDDEN if word.hidden and actor.acting_as is not DESK else word.text

    def name(self, word: Word, actor: Actor, names: dict[uuid.UUID, str]) -> str:
        """What the actor knows of the sender."""
        if word.sender is None:
            return ""
        if actor.acting_as is not DESK and word.role is DESK:
            return "Диспетчер"
        if word.role is PATIENT and self.asked(actor):
            return "Пациент"
        return names[word.sender]

    def said_as(self, actor: Actor, client_id: str | None) -> Word | None:
        """What the actor said under this name before."""
        if client_id is None:
            return None
        own = (w for w in self.words if w.sender == actor.user_id)
        return next((word for word in own if word.client_id == client_id), None)

    # -- steps of the call ------------------------------------------------------

    def given(self, doctor: uuid.UUID) -> None:
        """The call is a doctor's; the step itself is the first that they see."""
        self.doctor, self.accepted = doctor, False
        self.given_at = len(self.words)

    def taken_away(self) -> None:
        """The doctor has lost the call."""
        self.doctor, self.accepted = None, False

    def over(self, now: datetime, *, completed: bool) -> None:
        """The call has ended, by a visit or without one."""
        self.ended, self.completed = now, completed
        if not completed:
            self.taken_away()
