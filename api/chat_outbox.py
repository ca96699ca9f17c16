"""One open socket: what waits to be sent to it, and how far it has come."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.websockets import WebSocket

from models.booking import Status
from models.role_grant import Role
from services.chat_watch import Seat

# So many frames may wait; whoever is further behind reads anew from a number.
MOST_WAITING = 500
# A reader that takes nothing for so long is given up.
PATIENCE_SECONDS = 20.0
CLOSING_SECONDS = 2.0
# Come back later; the right is lost; it is our fault; it is the client's.
TRY_AGAIN, OUT_OF_RIGHT, BROKEN, GOODBYE = 1013, 4403, 1011, 1008


@dataclass(eq=False)
class Outbox:
    """What waits for one socket; `last` is the highest number that was queued.

    While it is `behind`, it reads page after page, each when the one before is gone.
    """

    seat: Seat
    last: int
    drained: Callable[[], None]
    behind: bool = True
    whole: bool = True
    stage: Status | None = None
    marks: dict[Role, int] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    code: int | None = None
    stuck_since: float | None = None
    _waiting: deque[str] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _writer: "asyncio.Task[None] | None" = None

    @property
    def ready(self) -> bool:
        """Ask whether it may be given the next news."""
        return self.code is None and not (self.behind and self._waiting)

    def put(self, frame: str) -> None:
        """Queue a frame; a reader who cannot keep up has to come back."""
        if self.code is not None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.end(TRY_AGAIN)
            return
        self._waiting.append(frame)
        self._news.set()

    def end(self, code: int) -> None:
        """Close the socket with a code; what still waits is not sent."""
        if self.code is not None:
            return
        self.code = code
        self._waiting.clear()
        self._news.set()
        if self._writer is not None:
            # The code waits behind what the reader has not taken yet.
            slow = code == TRY_AGAIN
            seconds = PATIENCE_SECONDS if slow else CLOSING_SECONDS
            asyncio.get_running_loop().call_later(seconds, self._writer.cancel)

    def give_up(self, now: float) -> None:
        """End a socket whose reader has taken nothing for too long."""
        since = self.stuck_since
        if since is not None and now - since > PATIENCE_SECONDS:
            self.end(TRY_AGAIN)

    async def pump(self, websocket: WebSocket) -> None:
        """Send what waits, until the socket has to be closed."""
        self._writer = asyncio.current_task()
        while self.code is None:
            if self._waiting:
                await self._send(websocket, self._waiting.popleft())
                continue
            if self.behind:
                self.drained()
            self._news.clear()
            await self._news.wait()
        await websocket.close(self.code)

    async def _send(self, websocket: WebSocket, frame: str) -> None:
        self.stuck_since = asyncio.get_running_loop().time()
        await websocket.send_text(frame)
        self.stuck_since = None
