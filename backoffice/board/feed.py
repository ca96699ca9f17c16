"""The board's news: one reading for each change, drawn once, sent to every board.

The feed listens while the application runs, but reads nothing while nobody watches.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from backoffice.board import paint, reading, talk
from backoffice.board.clients import BYE, Client, event
from backoffice.board.shapes import CallFacts, Counts, DoctorFacts, Facts, Snapshot
from services import living_sessions, notice_reads
from services.clock import MOSCOW
from services.database import Sessions
from services.edges import transaction
from services.i18n import use_locale
from services.listener import Listener
from services.live import Topic
from services.notice_reads import Outage

logger = logging.getLogger("tot.board")

BEAT_SECONDS = 2.0
SESSIONS_EVERY, SWEEP_EVERY = 5, 15
# What is announced within this time is read in one go.
GATHER_SECONDS = 0.01
KEPT_SECONDS = 2.0
# Pages count what is closed before their eyes; this is only where they start from.
COUNTS_SECONDS = 10.0
CLOSED = frozenset({"completed", "cancelled"})
TALK = (Topic.CHAT, Topic.CHAT_READ)
DRAWN = frozenset({Topic.CALL, Topic.DOCTOR, Topic.PRESENCE, *TALK, Topic.CHAT_HIDDEN})
TYPING = {Topic.TYPING_PATIENT: "patient", Topic.TYPING_DOCTOR: "doctor"}


@dataclass(frozen=True)
class Kept:
    """A drawn board, good until the next notification or two seconds."""

    generation: int
    until: float
    snapshot: Snapshot


class Feed:
    """Reads what changed and hands it to the open boards of this process."""

    def __init__(self, sessions: Sessions, listener: Listener) -> None:
        self._sessions = sessions
        self.listener = listener
        self.clients: set[Client] = set()
        self._changed: dict[Topic, set[uuid.UUID]] = {topic: set() for topic in Topic}
        self._news = asyncio.Event()
        self._generation = 0
        self._kept: dict[str, Kept] = {}
        self._drawing: dict[str, asyncio.Lock] = {}
        self._drawn: dict[tuple[str, str], str] = {}
        self._watchers: list[Any] = []
        self._origin = 0
        self._counts: tuple[float, Counts] | None = None
        self._outages: tuple[float, Sequence[Outage]] = (0.0, [])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear, beat and redraw in the background; whoever calls keeps the ear open."""
        forget = self.listener.subscribe(self._hear)
        tasks = [
            asyncio.create_task(work()) for work in (self._tell_changes, self._beat)
        ]
        try:
            yield
        finally:
            forget()
            self.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Send every board away; it will come back to a living process."""
        for client in self.clients:
            client.send(BYE)

    @asynccontextmanager
    async def connected(self, client: Client) -> AsyncIterator[None]:
        """Keep a stream among those that are told."""
        self.clients.add(client)
        try:
            yield
        finally:
            self.clients.discard(client)

    async def snapshot(self, language: str) -> Snapshot:
        """Draw today's board; readers who come together share one drawing.

        A drawing is handed out again only while no notification has come since it was
        begun: what was committed before is in it, what comes later is sent as news.
        """
        lock = self._drawing.setdefault(language, asyncio.Lock())
        async with lock:
            now = asyncio.get_running_loop().time()
            kept = self._good(language, now)
            if kept:
                return kept.snapshot
            generation = self._generation
            counts = self._known_counts(now)
            async with transaction(self._sessions) as session:
                shut = self._outages[1] if self._outages[0] > now else None
                facts = await reading.everything(session, None, counts, shut)
            if counts is None:
                self._counts = now + COUNTS_SECONDS, facts["counts"]
            if shut is None:
                self._outages = now + COUNTS_SECONDS, facts["outages"]
            made = await self._draw(facts, language)
            self._kept[language] = Kept(generation, now + KEPT_SECONDS, made)
            return made

    def _good(self, language: str, now: float) -> Kept | None:
        """A drawing that nothing can have changed since; deaf, one knows nothing."""
        kept = self._kept.get(language)
        if kept is None or not self.listener.connected.is_set():
            return None
        fresh = kept.generation == self._generation and kept.until > now
        return kept if fresh else None

    def _known_counts(self, now: float) -> Counts | None:
        if self._counts is None or not self.listener.connected.is_set():
            return None
        return self._counts[1] if self._counts[0] > now else None

    @staticmethod
    async def _draw(facts: Facts, language: str) -> Snapshot:
        with use_locale(language):
            return await asyncio.to_thread(paint.snapshot, facts)

    def _hear(self, topic: Topic | None, row_id: uuid.UUID | None) -> None:
        if topic is None or row_id is None:
            self._generation += 1
            self._send("reset", 1)
            return
        if topic in TYPING:
            self._pass_on_typing(TYPING[topic], str(row_id))
        if topic not in DRAWN:
            return
        self._generation += 1
        self._changed[topic].add(row_id)
        self._news.set()

    def _pass_on_typing(self, role: str, call: str) -> None:
        """Only where somebody has the call open is there a pane to show it."""
        if any(each["call"] == call for each in self._watchers):
            self._send("typing", {"call": call, "role": role})

    def _send(self, kind: str, data: Any, language: str | None = None) -> None:
        message = event(kind, data)
        for client in self.clients:
            if language in (None, client.language):
                client.send(message)

    async def _tell_changes(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            changed = self._changed
            self._changed = {topic: set() for topic in Topic}
            if self.clients:
                await self._guarded(partial(self._read_and_send, changed))

    async def _guarded(self, work: Callable[[], Any]) -> bool:
        """Survive an outage: the boards see that no beat comes."""
        try:
            await work()
        except (SQLAlchemyError, OSError) as error:
            logger.warning("the board could not be read: %s", type(error).__name__)
            self._send("down", 1)
            return False
        return True

    async def _read_and_send(self, changed: Mapping[Topic, set[uuid.UUID]]) -> None:
        calls: list[CallFacts] = []
        doctors: list[DoctorFacts] = []
        async with transaction(self._sessions) as session:
            talked = await talk.talked(session, changed)
            if asked := changed[Topic.CALL] | talked:
                calls = await reading.calls(session, [*asked])
            if changed[Topic.DOCTOR]:
                now: datetime = (
                    await session.execute(sa.text("SELECT app_now()"))
                ).scalar_one()
                today = now.astimezone(MOSCOW).date()
                doctors = await reading.doctors(
                    session, today, [*changed[Topic.DOCTOR]]
                )
            if changed[Topic.PRESENCE]:
                self._watchers = await reading.watchers(session)
                self._send("watch", self._watchers)
        # Talk goes on in closed calls too, whose rows the boards have given back.
        moved = {str(each) for each in changed[Topic.CALL]}
        rows = [x for x in calls if x["id"] in moved or x["status"] not in CLOSED]
        for language in {client.language for client in self.clients}:
            with use_locale(language):
                self._send_rows(language, rows, doctors)
        for call in calls:
            if uuid.UUID(call["id"]) in talked:
                self._send("talk", talk.talk_of(call))

    def _send_rows(
        self,
        language: str,
        calls: Iterable[CallFacts],
        doctors: Iterable[DoctorFacts],
    ) -> None:
        for call in calls:
            if call["status"] in CLOSED:
                self._counts = None
            row = paint.call_row(call)
            self._drawn[language, row["id"]] = row["html"]
            self._send("call", row, language)
        for doctor in doctors:
            day = reading.midnight(datetime.fromtimestamp(doctor["at"], MOSCOW).date())
            drawn = paint.doctor_row(doctor, int(day.timestamp()))
            self._drawn[language, drawn["id"]] = drawn["html"]
            self._send("doctor", drawn, language)

    async def _beat(self) -> None:
        count = 0
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if not self.clients:
                continue
            count += 1
            alive = await self._guarded(self._beat_once)
            if alive and count % SESSIONS_EVERY == 0:
                await self._guarded(self._dismiss)
            if alive and count % SWEEP_EVERY == 0:
                await self._guarded(self._sweep)

    async def _beat_once(self) -> None:
        async with transaction(self._sessions) as session:
            now: datetime = (
                await session.execute(sa.text("SELECT app_now()"))
            ).scalar_one()
        self._send("beat", int(now.timestamp()))

    async def _dismiss(self) -> None:
        """End the streams whose sessions have ended, and forget colleagues who left."""
        wanted = {client.session_id for client in self.clients}
        async with transaction(self._sessions) as session:
            living = await living_sessions.living(session, wanted)
            watchers = await reading.watchers(session)
            shut = await notice_reads.outages(session)
        for client in self.clients:
            if client.session_id not in living:
                client.send(BYE)
        if watchers != self._watchers:
            self._watchers = watchers
            self._send("watch", watchers)
        self._tell_outages(shut)

    def _tell_outages(self, shut: Sequence[Outage]) -> None:
        """Say so at once when a channel shuts, opens again or piles up more."""
        changed = shut != self._outages[1]
        now = asyncio.get_running_loop().time()
        self._outages = now + COUNTS_SECONDS, shut
        if not changed:
            return
        self._generation += 1
        for language in {client.language for client in self.clients}:
            with use_locale(language):
                self._send("outages", paint.outages(shut), language)

    async def _sweep(self) -> None:
        """Redraw what changes by time alone: overruns, lateness, old positions."""
        for language in {client.language for client in self.clients}:
            snapshot = await self.snapshot(language)
            if self._origin and snapshot["origin"] != self._origin:
                self._send("reset", 1)
            self._origin = snapshot["origin"]
            for kind, rows in (
                ("call", snapshot["calls"]),
                ("doctor", snapshot["doctors"]),
            ):
                for row in rows:
                    key = language, row["id"]
                    if self._drawn.get(key, row["html"]) != row["html"]:
                        self._send(kind, row, language)
                    self._drawn[key] = row["html"]
