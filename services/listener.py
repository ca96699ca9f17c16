"""One LISTEN connection for each process; whoever watches is told from there."""

import asyncio
import json
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress

import psycopg
from sqlalchemy.engine import URL

from services.live import CHANNEL, Topic

logger = logging.getLogger("tot.listener")
RETRY_SECONDS = 1.0

# None means: notifications may have been missed, look at everything anew.
Ear = Callable[[Topic | None, uuid.UUID | None], None]


class Listener:
    """Hands notifications on; comes back by itself when the database does."""

    def __init__(self, url: URL) -> None:
        plain = url.set(drivername="postgresql")
        self._conninfo = plain.render_as_string(hide_password=False)
        self._ears: set[Ear] = set()
        self.connected = asyncio.Event()

    def subscribe(self, ear: Ear) -> Callable[[], None]:
        """Call `ear` for each notification until the returned function is called."""
        self._ears.add(ear)
        return lambda: self._ears.discard(ear)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                with suppress(psycopg.Error, OSError):
                    await self._listen()
            finally:
                self.connected.clear()
            logger.warning("the listening connection was lost")
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._conninfo, autocommit=True, connect_timeout=2, keepalives_idle=10
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self.connected.set()
            self._tell(None, None)
            async for notice in connection.notifies():
                with suppress(ValueError, KeyError, TypeError):
                    said = json.loads(notice.payload)
                    self._tell(Topic(said["topic"]), uuid.UUID(said["id"]))

    def _tell(self, topic: Topic | None, row_id: uuid.UUID | None) -> None:
        for ear in [*self._ears]:
            ear(topic, row_id)
