"""The chat of this process: each conversation is read once for all who listen to it.

The hub hears the process's one listener and holds no session while nothing happens.
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from api import chat_telling
from api.chat_outbox import BROKEN, OUT_OF_RIGHT, Outbox
from models.role_grant import Role
from services import chat_news, chat_watch
from services.chat_news import News, Want
from services.database import Sessions
from services.edges import transaction
from services.listener import Listener
from services.live import Topic

logger = logging.getLogger("tot.chat")

PATROL_SECONDS, RETRY_SECONDS = 2.0, 0.5
# So many sockets of one person in one process; more are refused.
MOST_OF_ONE = 10
# So many frames are carried out at once; the rest wait for a turn, not for the pool,
# and most of its connections stay with the rest of the application.
AT_ONCE = 8
OUTAGE = (SQLAlchemyError, psycopg.Error, OSError)
TYPING = {
    Topic.TYPING_PATIENT: Role.PATIENT,
    Topic.TYPING_DOCTOR: Role.DOCTOR,
    Topic.TYPING_DISPATCHER: Role.DISPATCHER,
}
HEARD = {Topic.CALL, Topic.CHAT, Topic.CHAT_READ, *TYPING}
Woken = dict[uuid.UUID, set[Role]]


class ChatHub:
    """Reads what was said and hands it to the open sockets of this process."""

    def __init__(self, sessions: Sessions, listener: Listener) -> None:
        self._sessions = sessions
        self._listener = listener
        self._rooms: dict[uuid.UUID, set[Outbox]] = {}
        self._people: Counter[uuid.UUID] = Counter()
        # Each call that has news, with the sides that are typing there.
        self._woken: Woken = {}
        self._hidden: set[uuid.UUID] = set()
        self._news = asyncio.Event()
        self.turns = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear, tell and patrol in the background; the caller keeps the ear open."""
        forget = self._listener.subscribe(self._hear)
        tasks = [asyncio.create_task(work()) for work in (self._tell, self._patrol)]
        try:
            yield
        finally:
            forget()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def is_empty(self) -> bool:
        """Ask whether nobody listens here."""
        return not self._rooms

    def has_room_for(self, user_id: uuid.UUID) -> bool:
        """Ask whether this person may open one more socket."""
        return self._people[user_id] < MOST_OF_ONE

    @contextmanager
    def joined(self, outbox: Outbox) -> Iterator[None]:
        """Keep a socket among those that are told."""
        seat = outbox.seat
        room = self._rooms.setdefault(seat.booking_id, set())
        room.add(outbox)
        self._people[seat.user_id] += 1
        try:
            yield
        finally:
            room.discard(outbox)
            if not room:
                self._rooms.pop(seat.booking_id, None)
            self._people[seat.user_id] -= 1
            if not self._people[seat.user_id]:
                del self._people[seat.user_id]

    def look(self, booking_id: uuid.UUID) -> None:
        """Read a conversation soon."""
        self._woken.setdefault(booking_id, set())
        self._news.set()

    def _hear(self, topic: Topic | None, row_id: uuid.UUID | None) -> None:
        if topic is None or row_id is None:
            self._look_anew(self._rooms)
        elif topic is Topic.CHAT_HIDDEN:
            self._hidden.add(row_id)
            self._news.set()
        elif topic in HEARD and row_id in self._rooms:
            self.look(row_id)
            if topic in TYPING:
                self._woken[row_id].add(TYPING[topic])

    def _look_anew(self, booking_ids: Iterable[uuid.UUID]) -> None:
        for booking_id in booking_ids:
            for outbox in self._rooms.get(booking_id, ()):
                outbox.whole = True
                self.look(booking_id)

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            woken, self._woken = self._woken, {}
            hidden, self._hidden = self._hidden, set()
            try:
                await self._read(woken, hidden)
            except OUTAGE as error:
                logger.warning("the chat was not read: %s", type(error).__name__)
                self._hidden |= hidden
                for booking_id, typing in woken.items():
                    self._woken.setdefault(booking_id, set()).update(typing)
                await asyncio.sleep(RETRY_SECONDS)
                self._news.set()

    async def _read(self, woken: Woken, hidden: set[uuid.UUID]) -> None:
        if not hidden and not woken:
            return
        async with transaction(self._sessions) as session:
            if hidden:
                self._look_anew(await chat_news.calls_of(session, hidden))
            groups = [*self._groups(woken)]
            found = await chat_news.read(session, [want for want, _ in groups])
        for (want, outboxes), news in zip(groups, found, strict=True):
            self._hand_out(news, outboxes, woken[want.booking_id])

    def _groups(self, woken: Woken) -> Iterator[tuple[Want, list[Outbox]]]:
        """Put together who has come equally far: each group is read for once."""
        for booking_id in woken:
            groups: dict[int, list[Outbox]] = {}
            for outbox in self._rooms.get(booking_id, ()):
                if outbox.ready:
                    groups.setdefault(outbox.last, []).append(outbox)
            for last, group in groups.items():
                whole = any(outbox.whole for outbox in group)
                yield Want(booking_id, last, whole), group

    def _hand_out(
        self, news: News | None, outboxes: Iterable[Outbox], typing: set[Role]
    ) -> None:
        drawn: chat_telling.Drawn = {}
        for outbox in outboxes:
            seat = outbox.seat
            if news is None or not news.room.holds(seat.role, seat.user_id):
                outbox.end(OUT_OF_RIGHT)
                continue
            try:
                chat_telling.tell(outbox, news, typing, drawn)
            except Exception:
                logger.exception("a conversation could not be told")
                outbox.end(BROKEN)

    async def _patrol(self) -> None:
        while True:
            await asyncio.sleep(PATROL_SECONDS)
            everybody = [outbox for room in self._rooms.values() for outbox in room]
            now = asyncio.get_running_loop().time()
            for outbox in everybody:
                outbox.give_up(now)
            try:
                await self._dismiss(everybody)
            except OUTAGE as error:
                logger.warning("rights were not checked: %s", type(error).__name__)

    async def _dismiss(self, everybody: list[Outbox]) -> None:
        """Close the sockets of whoever has lost their sign-in, role or visit."""
        if not everybody:
            return
        seats = {outbox.seat for outbox in everybody}
        async with transaction(self._sessions) as session:
            standing = await chat_watch.standing(session, [*seats])
        for outbox in everybody:
            if outbox.seat not in standing:
                outbox.end(OUT_OF_RIGHT)
