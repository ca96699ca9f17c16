"""Asking Telegram for updates, where no webhook is set up.

What a batch brought is confirmed only by the next question, once all of it has been
handled: a process that dies is told the same again, and handles nothing twice. One
chat's updates keep their order; the chats do not wait for each other.
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

SECONDS, AT_ONCE = 25, 8
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
log = structlog.get_logger(__name__)


async def run(settings: Settings, sessions: Sessions) -> None:
    """Poll until cancelled."""
    bot = making.make_bot(settings)
    try:
        await Poll(bot, making.make_dispatcher(sessions)).forever()
    finally:
        await bot.session.close()


class Poll:
    """One poller: the place it has read up to, and the pause after a failure."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher) -> None:
        self.bot, self.dispatcher = bot, dispatcher
        self.offset: int | None = None
        self.pause = FIRST_PAUSE
        self.turns = asyncio.Semaphore(AT_ONCE)

    async def forever(self) -> None:
        """Introduce the bot, then go on asking whatever happens."""
        await self._surely(self._introduce)
        while True:
            await self._surely(self.once)

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
            except (AiogramError, Unavailable) as error:
                log.warning("bot waits", name=type(error).__name__, seconds=self.pause)
                await asyncio.sleep(self.pause)
                self.pause = min(self.pause * 2, LONGEST_PAUSE)
            else:
                self.pause = FIRST_PAUSE
                return

    async def once(self) -> None:
        """Fetch one batch and handle all of it; Unavailable to have it sent again."""
        updates = await self.bot.get_updates(
            offset=self.offset,
            timeout=SECONDS,
            allowed_updates=UPDATES,
            request_timeout=SECONDS + int(making.SECONDS),
        )
        by_chat: dict[int, list[Update]] = {}
        for update in updates:
            by_chat.setdefault(making.chat_of(update), []).append(update)
        outcomes = await asyncio.gather(
            *map(self._in_order, by_chat.values()), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        if updates:
            self.offset = updates[-1].update_id + 1

    async def _in_order(self, updates: Sequence[Update]) -> None:
        async with self.turns:
            for update in updates:
                await self.dispatcher.feed_update(self.bot, update)
