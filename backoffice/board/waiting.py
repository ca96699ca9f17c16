"""How many conversations wait unread: one number, on every page of the console.

It is read whole now and then, and for single calls as their talk moves, so that a
page costs no walk through a week of messages.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from backoffice.board.clients import Client, event
from services import chat_desk
from services.database import Sessions
from services.edges import transaction
from services.errors import Unavailable
from services.listener import Listener
from services.live import Topic

logger = logging.getLogger("tot.board")

WHOLE_SECONDS = 20.0
GATHER_SECONDS = 0.05
MOST_CHANGED = 200
# A message is hidden under its own number: which call it belongs to is not said.
MOVES = frozenset({Topic.CHAT, Topic.CHAT_READ, Topic.CALL})


class Waiting:
    """The unread conversations as this process knows them."""

    def __init__(
        self, sessions: Sessions, listener: Listener, clients: Collection[Client]
    ) -> None:
        self._sessions = sessions
        self._listener = listener
        self._clients = clients
        self._known: dict[uuid.UUID, uuid.UUID] = {}
        self._until = 0.0
        self._whole = True
        self._changed: set[uuid.UUID] = set()
        self._news = asyncio.Event()
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear, and tell the open pages, in the background."""
        forget = self._listener.subscribe(self._hear)
        task = asyncio.create_task(self._tell())
        try:
            yield
        finally:
            forget()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def count(self, user_id: uuid.UUID) -> int:
        """Count them for one dispatcher, whose own call is none of theirs."""
        known = await self._read()
        return sum(patient != user_id for patient in known.values())

    def _hear(self, topic: Topic | None, row_id: uuid.UUID | None) -> None:
        if topic in MOVES and row_id is not None:
            self._changed.add(row_id)
        elif topic is None or topic is Topic.CHAT_HIDDEN:
            self._whole = True
        else:
            return
        self._news.set()

    async def _read(self) -> Mapping[uuid.UUID, uuid.UUID]:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            deaf = not self._listener.connected.is_set()
            changed, self._changed = self._changed, set()
            whole = self._whole or deaf or now >= self._until
            try:
                if whole or len(changed) > MOST_CHANGED:
                    self._whole = False
                    self._known = dict(await self._look(None))
                    self._until = now + WHOLE_SECONDS
                elif changed:
                    found = await self._look(changed)
                    rest = {k: v for k, v in self._known.items() if k not in changed}
                    self._known = rest | dict(found)
            except BaseException:
                self._whole = True
                raise
            return self._known

    async def _look(
        self, ids: Collection[uuid.UUID] | None
    ) -> Mapping[uuid.UUID, uuid.UUID]:
        async with transaction(self._sessions) as session:
            return await chat_desk.waiting(session, ids)

    async def _tell(self) -> None:
        """Tell whoever watches; time alone changes the number too."""
        while True:
            try:
                await asyncio.wait_for(self._news.wait(), WHOLE_SECONDS)
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                pass
            self._news.clear()
            if self._clients:
                await self._send()

    async def _send(self) -> None:
        try:
            for client in list(self._clients):
                number = await self.count(client.user_id)
                if client.told != number:
                    client.told = number
                    client.send(event("talks", number))
        except (SQLAlchemyError, OSError, Unavailable) as error:
            logger.warning("unread talk was not counted: %s", type(error).__name__)
