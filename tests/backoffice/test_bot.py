"""The bot as a process: it answers, it ends in order, and it names what is missing."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backoffice import bot, running
from services.config import Settings
from services.database import Sessions
from tests.telegram_server import Telegram, served_telegram, telegram

__all__ = ["served_telegram", "telegram"]
ROOT = Path(__file__).resolve().parents[2]


def told(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


@pytest.fixture
def known(settings: Settings, telegram: Telegram) -> Settings:
    return told(
        settings,
        telegram_bot_token=telegram.token,
        telegram_bot_name=telegram.bot_name,
        telegram_api_url=telegram.api_url,
        log_level="WARNING",
    )


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot, "configure_logs", lambda level: None)


async def test_without_a_token_there_is_no_bot(
    settings: Settings, database_url: str
) -> None:
    for token in ("", "no token"):
        with pytest.raises(bot.NoBot):
            await asyncio.to_thread(
                bot.run, told(settings, telegram_bot_token=token), database_url
            )


async def test_with_a_webhook_it_only_says_where_that_is(
    known: Settings, database_url: str, telegram: Telegram
) -> None:
    secret = {"telegram_webhook_secret": "hush", "base_url": "http://127.0.0.1:9"}
    done = await asyncio.to_thread(bot.run, told(known, **secret), database_url)
    assert done == "Telegram knows where our webhook is."
    fields = telegram.calls("setWebhook")[-1]["fields"]
    assert fields["url"] == "http://127.0.0.1:9/webhooks/telegram"


async def test_it_answers_until_it_is_told_to_end(
    known: Settings, database_url: str, sessions: Sessions, telegram: Telegram
) -> None:
    phone = telegram.phone(5)
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "TOT_PROFILE": "test",
        "TOT_DATA_DIR": str(known.data_dir),
        "TOT_TELEGRAM_BOT_TOKEN": telegram.token,
        "TOT_TELEGRAM_API_URL": telegram.api_url,
    }
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "backoffice", "bot"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        phone.start()
        await asyncio.to_thread(phone.wait_for, "Этот чат не привязан", 0, 60)
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert (process.returncode, out) == (0, "Stopped.\n")


async def test_it_runs_until_cancelled_in_this_process_too(
    known: Settings, database_url: str, sessions: Sessions, telegram: Telegram
) -> None:
    async def soon() -> None:
        await asyncio.sleep(0.2)
        raise asyncio.CancelledError

    await bot._until_told(soon())
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(each)


def test_it_runs_beside_the_application_where_it_has_to_ask(known: Settings) -> None:
    def beside(settings: Settings) -> list[str]:
        return [each.arguments[-1] for each in running._children(settings, None)]

    assert beside(known) == ["worker", "bot"]
    assert beside(told(known, telegram_webhook_secret="hush")) == ["worker"]
    assert beside(told(known, telegram_bot_token="")) == ["worker"]
