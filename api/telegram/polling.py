"""Asking Telegram for updates, where no webhook is set up.

One chat's updates keep their order; the chats do not wait for each other. What was
handled is confirmed by the next question, and what was not comes again: a process that
dies loses nothing, and nothing is handled twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiogram import Bot, Dispatcher
from aiogram.exceptions import AiogramError, TelegramRetryAfter
from aiogram.types import Update

from api.telegram import bot as making
from api.telegram.bot import UPDATES
from services.config import Settings
from services.database import Sessions
from services.errors import Unavailable

SECONDS, AT_ONCE = 25, 24
# How long a batch is waited for before the next one is asked for.
PATIENCE = 1.0
# One answer of Telegram holds at most 100 updates. Where so many of them are slow, the
# newest could not be seen, so the slow ones are confirmed before they are handled.
MOST_SLOW, MOST = 50, 1000
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
log = structlog.get_logger(__name__)


async def run(settings: Settings, sessions: Sessions) -> None:
    """Poll until cancelled."""
    bot = making.make_bot(settings)
    poll = Poll(bot, making.make_dispatcher(sessions))
    try:
        await poll.forever()
    finally:
        await poll.close()
        await bot.session.close()


class Poll:
    """One poller: the place it has read up to, and what it is busy with."""

    def __init__(
        self, bot: Bot, dispatcher: Dispatcher, patience: float = PATIENCE
    ) -> None:
        self.bot, self.dispatcher, self.patience = bot, dispatcher, patience
        self.offset: int | None = None
        self.pause = FIRST_PAUSE
        self.turns = asyncio.Semaphore(AT_ONCE)
        self.chats: dict[int, asyncio.Task[None]] = {}
        self.running: set[int] = set()
        self.handled: set[int] = set()

    async def forever(self) -> None:
        """Introduce the bot, then go on asking whatever happens."""
        await self._surely(self._introduce)
        while True:
            await self._surely(self.once)

    async def close(self) -> None:
        """Stop whatever is under way; Telegram tells of it again."""
        for task in self.chats.values():
            task.cancel()
        await asyncio.gather(*self.chats.values(), return_exceptions=True)

    async def _introduce(self) -> None:
        await self.bot.delete_webhook()
        await making.show_commands(self.bot)

    async def _surely(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it until it succeeds; a failure is noted and waited out."""
        while True:
            try:
                await work()
            except TelegramRetryAfter as error:
                await asyncio.sleep(error.retry_after)
            except Exception as error:  # noqa: BLE001 - the bot outlives whatever comes
                log.warning("bot waits", name=type(error).__name__, seconds=self.pause)
                await asyncio.sleep(self.pause)
                self.pause = min(self.pause * 2, LONGEST_PAUSE)
            else:
                self.pause = FIRST_PAUSE
                return

    async def once(self) -> None:
        """Fetch one batch and have it handled; Unavailable to have it sent again.

        Chats that take long go on by themselves.
        """
        updates: list[Update] = []
        if len(self.running) < MOST:
            updates = await self.bot.get_updates(
                offset=self.offset,
                timeout=SECONDS,
                allowed_updates=UPDATES,
                request_timeout=SECONDS + int(making.SECONDS),
            )
        self._hand_out(updates)
        if self.chats:
            await asyncio.wait(self.chats.values(), timeout=self.patience)
        self._confirm(updates)
        self._collect()

    def _hand_out(self, updates: Sequence[Update]) -> None:
        """Give what is new to its chats, each behind what the chat is busy with."""
        by_chat: dict[int, list[Update]] = {}
        known = self.running | self.handled
        for update in updates:
            if update.update_id not in known:
                by_chat.setdefault(making.chat_of(update), []).append(update)
        for chat, new in by_chat.items():
            self.running.update(each.update_id for each in new)
            work = self._in_order(self.chats.get(chat), new)
            self.chats[chat] = asyncio.create_task(work)

    async def _in_order(
        self, before: asyncio.Task[None] | None, updates: Sequence[Update]
    ) -> None:
        try:
            if before is not None:
                await before
            for update in updates:
                async with self.turns:
                    await self._feed(update)
                self.handled.add(update.update_id)
        finally:
            self.running.difference_update(each.update_id for each in updates)

    async def _feed(self, update: Update) -> None:
        try:
            await self.dispatcher.feed_update(self.bot, update)
        except (AiogramError, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001 - it would come back for ever
            log.error(
                "bot lost an update",
                name=type(error).__name__,
                update_id=update.update_id,
            )

    def _confirm(self, updates: Sequence[Update]) -> None:
        """Move up to the first update that is still to be handled."""
        numbers = [each.update_id for each in updates]
        if not numbers:
            return
        done = set(self.handled)
        if len(self.running.intersection(numbers)) >= MOST_SLOW:
            done |= self.running
        left = (each for each in numbers if each not in done)
        self.offset = next(left, numbers[-1] + 1)
        self.handled = {each for each in self.handled if each >= self.offset}

    def _collect(self) -> None:
        """Forget the chats that are done; the first failure among them is raised."""
        over = [chat for chat, task in self.chats.items() if task.done()]
        failures = [self.chats.pop(chat).exception() for chat in over]
        for failure in filter(None, failures):
            raise failure
