"""The bot as a process of its own: the second place that puts the parts together."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from services.config import Settings
from services.database import make_engine, make_sessions
from services.logs import configure_logs

WEBHOOK = "/webhooks/telegram"


class NoBot(RuntimeError):
    """The settings name no bot, or no token that could be one; the text says which."""


def run(settings: Settings, url: str) -> str:
    """Talk to Telegram until a signal; with a webhook, only tell it where that is.

    Gives a sentence about what was done.
    """
    if not settings.telegram_bot_token:
        raise NoBot("TOT_TELEGRAM_BOT_TOKEN is empty: there is no bot.")
    configure_logs(settings.log_level)
    return asyncio.run(_run(settings, url))


async def _run(settings: Settings, url: str) -> str:
    # The library takes a second to load, which only this process has to pay.
    from aiogram.utils.token import TokenValidationError, validate_token  # noqa: PLC0415

    from api.telegram import polling, registration  # noqa: PLC0415

    try:
        validate_token(settings.telegram_bot_token)
    except TokenValidationError as error:
        raise NoBot("TOT_TELEGRAM_BOT_TOKEN is no token of a bot.") from error
    if settings.telegram_webhook_secret:
        await registration.register(settings, f"{settings.base_url}{WEBHOOK}")
        return "Telegram knows where our webhook is."
    engine = make_engine(url, settings, pool_size=5, max_overflow=5)
    try:
        await _until_told(polling.run(settings, make_sessions(engine)))
    finally:
        await engine.dispose()
    return "Stopped."


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Work until SIGTERM or Ctrl-C; what is under way is undone and comes again."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
