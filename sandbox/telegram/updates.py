"""What happened on the phones, waiting until the bot has taken it."""

import asyncio
from typing import Any

from sandbox.telegram.refusals import Refused

Update = dict[str, Any]
MOST = 100
LONGEST_POLL = 50


class Changes:
    """A number that grows with every change, and somebody who waits for it."""

    def __init__(self) -> None:
        self.version, self.closed = 0, False
        self._next = asyncio.Event()

    def note(self) -> None:
        self.version += 1
        self._next.set()
        self._next = asyncio.Event()

    def close(self) -> None:
        """Let nobody wait any longer: the server is about to end."""
        self.closed = True
        self.note()

    async def after(self, version: int, seconds: float) -> bool:
        """Wait until the number is above `version`; False when time is up."""
        try:
            async with asyncio.timeout(seconds):
                while self.version <= version and not self.closed:
                    await self._next.wait()
        except TimeoutError:
            return False
        return True


class Updates:
    """The queue of one bot: what it confirmed is gone, all else is given again."""

    def __init__(self, first_id: int) -> None:
        self.next_id = first_id
        self.pending: list[Update] = []
        self.allowed: set[str] = set()
        self.twice = False
        self.changes = Changes()
        self._poller = 0

    def put(self, kind: str, content: Any) -> Update | None:
        """Queue it, unless the bot has said that it wants other kinds."""
        if self.allowed and kind not in self.allowed:
            return None
        update = {"update_id": self.next_id, kind: content}
        self.next_id += 1
        self.pending.append(update)
        self.changes.note()
        return update

    def drop(self) -> None:
        self.pending.clear()

    def confirm(self, before: int) -> None:
        """Forget what is older than this id; below zero: all but so many."""
        if before < 0:
            self.pending[:] = self.pending[before:]
        elif before > 0:
            self.pending[:] = [
                each for each in self.pending if each["update_id"] >= before
            ]

    async def poll(self, offset: int, limit: int, seconds: float) -> list[Update]:
        """Give what there is, or wait for the first; a second poller ends the first."""
        self._poller += 1
        own, seen = self._poller, self.changes.version
        self.changes.note()  # Wakes an older poll, so that it learns of this one.
        self.confirm(offset)
        seen = self.changes.version
        loop = asyncio.get_running_loop()
        ends = loop.time() + min(seconds, LONGEST_POLL)
        while not (self.pending or self.changes.closed):
            if (left := ends - loop.time()) <= 0:
                break
            await self.changes.after(seen, left)
            seen = self.changes.version
            if own != self._poller:
                raise Refused(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure"
                    " that only one bot instance is running",
                )
        return self._batch(limit)

    def _batch(self, limit: int) -> list[Update]:
        given = self.pending[: limit if 1 <= limit <= MOST else MOST]
        if not self.twice:
            return list(given)
        return [each for update in given for each in (update, update)]
