"""Every request that came, newest last, without its Authorization."""

from collections import deque
from typing import Any

from starlette.requests import Request

from sandbox.yookassa.clock import Clock, stamp

MOST = 20_000
Entry = dict[str, Any]


def base_of(request: Request) -> str:
    """Where the emulator is mounted, as its client reached it."""
    return f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"


class Journal:
    """Kept in memory; the oldest make room for the newest."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.entries: deque[Entry] = deque(maxlen=MOST)
        self.count = 0

    def clear(self) -> None:
        self.entries.clear()
        self.count = 0

    async def begin(self, request: Request, path: str) -> Entry:
        """Write down a request before anything is done; its status comes later."""
        self.count += 1
        body = (await request.body()).decode(errors="replace")
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in {"authorization", "cookie"}
        }
        entry: Entry = {
            "n": self.count,
            "at": stamp(self.clock.now()),
            "method": request.method,
            "path": path,
            "query": dict(request.query_params),
            "headers": headers,
            "body": body,
        }
        self.entries.append(entry)
        return entry
