"""Delivery of updates to the bot's own address, one after another, until it says 2xx."""

import asyncio
import re
import time
from typing import Any

import httpx

from sandbox.telegram.refusals import bad
from sandbox.telegram.updates import Update, Updates
from sandbox.yookassa.config import near

HEADER = "X-Telegram-Bot-Api-Secret-Token"
SECRET = re.compile(r"[0-9A-Za-z_-]{0,256}")
ANSWER_SECONDS = 20.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0


class Webhook:
    """Where updates go, if anywhere; the queue is the same that polling reads."""

    def __init__(self, speed: float) -> None:
        self.url, self.secret, self.speed = "", "", speed
        self.failed: tuple[int, str] | None = None
        self.turned = asyncio.Event()

    def turn(self, url: str, secret: str) -> None:
        """Set, change or (empty) remove it. Only loopback may be without TLS."""
        if url and not near(url):
            raise bad("bad webhook: this stand-in sends to loopback only")
        if not SECRET.fullmatch(secret):
            raise bad("secret token contains unallowed characters")
        self.url, self.secret, self.failed = url, secret, None
        self.turned.set()

    def told(self) -> dict[str, Any]:
        known: dict[str, Any] = {"url": self.url, "has_custom_certificate": False}
        if self.failed is not None:
            known["last_error_date"], known["last_error_message"] = self.failed
        return known | ({"max_connections": 40} if self.url else {})

    async def live(self, queue: Any) -> None:
        """Deliver while the server runs; `queue` gives the updates of the moment."""
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as http:
            pause = FIRST_PAUSE
            while True:
                updates: Updates = queue()
                if not self.url:
                    self.turned.clear()
                    await self.turned.wait()
                elif not updates.pending:
                    await updates.changes.after(updates.changes.version, 1)
                elif await self._deliver(http, updates):
                    pause = FIRST_PAUSE
                else:
                    await asyncio.sleep(pause / self.speed)
                    pause = min(pause * 2, LONGEST_PAUSE)

    async def _deliver(self, http: httpx.AsyncClient, updates: Updates) -> bool:
        update = updates.pending[0]
        sent = await self._send(http, update)
        if sent and updates.twice:
            await self._send(http, update)
        if sent and update in updates.pending:
            updates.pending.remove(update)
        return sent

    async def _send(self, http: httpx.AsyncClient, update: Update) -> bool:
        headers = {HEADER: self.secret} if self.secret else {}
        try:
            answer = await http.post(self.url, json=update, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as failed:
            self._note(f"Connection failed: {type(failed).__name__}")
            return False
        if not answer.is_success:
            self._note(
                f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}"
            )
        return answer.is_success

    def _note(self, why: str) -> None:
        self.failed = (int(time.time()), why)
