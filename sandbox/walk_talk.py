"""Talk of the last hours: said with the real verbs, at its moment of the past."""

import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession

from models.role_grant import Role
from sandbox.phrases import STAGE_OF, STAGES
from services import chat
from services.actor import Actor, Via
from services.errors import NotFound

# How often a step is talked about: in the past, and as the last one of a running call.
SHARE, RUNNING_SHARE = 0.4, 0.6
# Of so many conversations of running calls one waits for an answer, the first at once.
WAITS_OF = 3
ANSWERS_AFTER = 20.0
VIA = {"dispatcher": Via.CONSOLE}
At = Callable[[AsyncSession, float], Awaitable[None]]


@dataclass
class Talk:
    """Lets people talk about a call once a step has been made."""

    chance: random.Random
    dispatcher_id: uuid.UUID
    now: float
    at: At
    running: int = 0

    async def after(
        self,
        session: AsyncSession,
        booking_id: uuid.UUID,
        people: dict[str, uuid.UUID],
        step: tuple[str, float],
        last: bool,
    ) -> None:
        """Talk, perhaps; what was said last in a running call may wait for an answer.

        `people` are the patient and the doctor. A patient whose phone is not proven
        does not see a call that was made by phone, and says nothing there.
        """
        verb, moment = step
        stage = STAGE_OF.get(verb)
        share = RUNNING_SHARE if last else SHARE
        if stage is None or self.chance.random() > share:
            return
        exchange = self.chance.choice(STAGES[stage])
        waits = last and self.running % WAITS_OF == 0
        known = {**people, "dispatcher": self.dispatcher_id}
        lines = exchange.lines()[: 1 if waits else 2]
        with suppress(NotFound):
            for place, (role, text) in enumerate(lines, 1):
                await self.at(session, min(moment + place * ANSWERS_AFTER, self.now))
                actor = Actor(known[role], Role(role), VIA.get(role, Via.API))
                await chat.send(session, actor, booking_id, text)
            self.running += last
            if not waits:
                await self._read(session, booking_id, known)

    async def _read(
        self, session: AsyncSession, booking_id: uuid.UUID, known: dict[str, uuid.UUID]
    ) -> None:
        for role, user_id in known.items():
            actor = Actor(user_id, Role(role), VIA.get(role, Via.API))
            await chat.mark_read(session, actor, booking_id, 10_000)
