"""Sends webhooks until the shop answers 200, for a day."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx

from sandbox.yookassa import timetable, webhooks
from sandbox.yookassa.clock import DAY, HOUR, SECOND, stamp
from sandbox.yookassa.provider import Provider
from sandbox.yookassa.records import Delivery

MINUTE = 60 * SECOND
LOOK_SECONDS = 0.1
# After the event: 0, 1, 5, 15, 60 minutes, then hourly. The provider publishes that
# it goes on for 24 hours, not how often.
PAUSES = (MINUTE, 4 * MINUTE, 10 * MINUTE, 45 * MINUTE)


class Deliverer:
    """Looks for what is due and sends each delivery in a task of its own."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.woken = asyncio.Event()
        self.tasks: dict[str, asyncio.Task[None]] = {}
        provider.woken.append(self.woken.set)

    async def live(self) -> None:
        """Settle what its time has come for, send what is due, wait, again."""
        while True:
            timetable.settle(self.provider)
            self._begin()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), LOOK_SECONDS)
            self.woken.clear()

    async def stop(self) -> None:
        running = list(self.tasks.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _begin(self) -> None:
        now = self.provider.clock.now()
        for each in self.provider.store.open(Delivery):
            if each.due_at <= now and each.id not in self.tasks:
                self._start(each)

    def _start(self, delivery: Delivery) -> asyncio.Task[None]:
        task = asyncio.create_task(self._attempt(delivery))
        self.tasks[delivery.id] = task
        task.add_done_callback(lambda _: self._ended(delivery.id))
        return task

    def _ended(self, delivery_id: str) -> None:
        self.tasks.pop(delivery_id, None)
        self.woken.set()

    async def flush(self, payment_id: str) -> None:
        """Try at once what is on its way about this payment."""
        for each in list(self.provider.store.open(Delivery)):
            if each.payment_id == payment_id and each.waits_for is None:
                await (self.tasks.get(each.id) or self._start(each))

    async def resend(self, delivery: Delivery) -> Delivery:
        """Send once more, whatever became of it."""
        if running := self.tasks.get(delivery.id):
            await running
        await self._start(self.provider.store.get(Delivery, delivery.id) or delivery)
        return self.provider.store.get(Delivery, delivery.id) or delivery

    async def _attempt(self, delivery: Delivery) -> None:
        copies = 1 if delivery.rounds else delivery.copies
        if delivery.rounds < delivery.lost:
            tried = [{"at": stamp(self.provider.clock.now()), "error": "lost"}]
        elif delivery.concurrent:
            tried = await asyncio.gather(*(self._send(delivery) for _ in range(copies)))
        else:
            tried = [await self._send(delivery) for _ in range(copies)]
        self._note(delivery.id, tried)

    def _note(self, delivery_id: str, tried: list[dict[str, Any]]) -> None:
        """Write down the attempt on the row as it is now: it may have moved on."""
        provider = self.provider
        row = provider.store.get(Delivery, delivery_id)
        if row is None:  # The provider was reset meanwhile.
            return
        attempts = [*row.attempts, *tried]
        row = replace(row, attempts=attempts, rounds=row.rounds + 1)
        if any(each.get("status") == 200 for each in tried):
            row = replace(row, status="delivered")
        elif row.open:
            row = self._later(row)
        provider.store.put(row)
        webhooks.release(provider, row)
        provider.commit()

    def _later(self, row: Delivery) -> Delivery:
        now, speed = self.provider.clock.now(), self.provider.config.speed
        pause = PAUSES[row.rounds - 1] if row.rounds <= len(PAUSES) else HOUR
        due = now + round(pause / speed)
        if row.once or due > row.created_at + DAY / speed:
            return replace(row, status="failed")
        return replace(row, due_at=due)

    async def _send(self, delivery: Delivery) -> dict[str, Any]:
        tried: dict[str, Any] = {"at": stamp(self.provider.clock.now())}
        url = delivery.url or self.provider.webhook_url
        content = json.dumps(delivery.body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", **delivery.headers}
        # A shop may have a certificate of its own making.
        through = httpx.AsyncHTTPTransport(verify=False, local_address=delivery.source)
        limit = self.provider.config.answer_s
        try:
            # httpx counts each read anew, so the whole is limited as well.
            async with (
                asyncio.timeout(limit),
                httpx.AsyncClient(
                    transport=through, timeout=limit, trust_env=False
                ) as http,
            ):
                answer = await http.post(url, content=content, headers=headers)
            return tried | {"status": answer.status_code, "answer": answer.text[:500]}
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as failed:
            return tried | {"error": type(failed).__name__}
