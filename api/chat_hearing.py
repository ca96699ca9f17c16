"""What one socket says: each frame is understood, limited and answered."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from api import problems
from api.chat_outbox import GOODBYE, OUT_OF_RIGHT, Outbox
from api.chat_telling import frame
from api.field_errors import malformed
from api.schemas.chat import FRAMES, ReadFrame, SendFrame, TypingFrame
from services import chat
from services.actor import Actor
from services.database import Sessions
from services.edges import in_transaction
from services.errors import DomainError, Forbidden, NotFound, TooManyRequests

Result = TypeVar("Result")
Work = Callable[[AsyncSession, Actor, uuid.UUID], Awaitable[Result]]

MOST_MALFORMED = 10
TYPING_SECONDS = 2.0
# So many frames of any kind in so many seconds; more is no person.
MOST_FRAMES, FRAMES_SECONDS = 200, 10.0


class Hearing:
    """The ear of one socket."""

    def __init__(
        self, sessions: Sessions, turns: asyncio.Semaphore, outbox: Outbox
    ) -> None:
        self._sessions, self._turns = sessions, turns
        self._outbox = outbox
        self._malformed = 0
        self._typed_at = self._calm_at = float("-inf")
        self._counted, self._counted_since = 0, float("-inf")

    async def hear(self, text: str | None) -> None:
        """Deal with one frame; None stands for one that was no text."""
        now = asyncio.get_running_loop().time()
        if self._too_many(now):
            self._outbox.end(GOODBYE)
            return
        try:
            said = FRAMES.validate_json(text or "")
        except ValidationError as error:
            self._refuse(malformed(error))
            self._malformed += 1
            if self._malformed >= MOST_MALFORMED:
                self._outbox.end(GOODBYE)
            return
        match said:
            case SendFrame():
                await self._send(said, now)
            case ReadFrame():
                await self._carry_out(partial(chat.mark_read, up_to_seq=said.up_to_seq))
            case TypingFrame():
                await self._type(now)
            case _:
                self._outbox.put(frame("pong"))

    def _too_many(self, now: float) -> bool:
        if now - self._counted_since > FRAMES_SECONDS:
            self._counted, self._counted_since = 0, now
        self._counted += 1
        return self._counted > MOST_FRAMES

    async def _send(self, said: SendFrame, now: float) -> None:
        if now < self._calm_at:
            # The database has said when; asking it again would change nothing.
            wait = int(self._calm_at - now) + 1
            self._refuse(TooManyRequests(retry_after=wait), said.client_id)
            return
        work = partial(chat.send, text=said.text, client_id=said.client_id)
        message = await self._carry_out(work, said.client_id)
        if message is not None:
            facts = {"message_id": str(message.id), "seq": message.seq}
            self._outbox.put(frame("ack", client_id=said.client_id, **facts))

    async def _type(self, now: float) -> None:
        if now - self._typed_at >= TYPING_SECONDS:
            self._typed_at = now
            await self._carry_out(chat.typing)

    async def _carry_out(
        self, work: Work[Result], client_id: str | None = None
    ) -> Result | None:
        """Do it in a transaction of its own; a refusal is answered and gives None."""
        seat = self._outbox.seat
        try:
            async with self._turns:
                return await in_transaction(
                    self._sessions,
                    lambda session: work(session, seat.actor, seat.booking_id),
                )
        except (NotFound, Forbidden):
            self._outbox.end(OUT_OF_RIGHT)
        except Exception as error:  # noqa: BLE001 - every error becomes an answer
            self._refuse(problems.understand(error), client_id)
        return None

    def _refuse(self, error: DomainError, client_id: str | None = None) -> None:
        facts: dict[str, Any] = dict(error.public_facts)
        if client_id is not None:
            facts["client_id"] = client_id
        if isinstance(error, TooManyRequests):
            wait = error.facts["retry_after"]
            facts["retry_after"] = wait
            self._calm_at = asyncio.get_running_loop().time() + wait
        self._outbox.put(frame("error", code=error.code, detail=error.message, **facts))
