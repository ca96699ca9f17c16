"""Who listens to the board, and how one event of its stream is written."""

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

QUEUE_LIMIT = 1000
BYE = b"event: bye\ndata: 1\n\n"


@dataclass(eq=False)
class Client:
    """One open stream; `told` is the number of unread conversations it last heard."""

    language: str
    session_id: uuid.UUID
    user_id: uuid.UUID
    queue: asyncio.Queue[bytes] = field(
        default_factory=lambda: asyncio.Queue(QUEUE_LIMIT)
    )
    told: int | None = None

    def send(self, message: bytes) -> None:
        """Queue a message; who cannot keep up is sent away and comes back fresh."""
        if self.queue.full():
            self.queue = asyncio.Queue(QUEUE_LIMIT)
            message = BYE
        self.queue.put_nowait(message)


def event(kind: str, data: Any) -> bytes:
    """Write one event of the stream."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {text}\n\n".encode()
