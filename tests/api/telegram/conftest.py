"""The real bot between the real database and the local Telegram."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from api.telegram import bot as making
from api.telegram.polling import Poll
from services.config import get_settings
from services.database import Sessions
from tests.api.telegram.stage import Stage
from tests.telegram_accounts import bot_set_up
from tests.telegram_server import Telegram, served_telegram, telegram

__all__ = ["served_telegram", "telegram"]

# Tests look at what came of an act, so they wait for it to be handled.
PATIENCE = 30.0


@pytest.fixture
def set_up(telegram: Telegram, sessions: Sessions) -> Iterator[Telegram]:
    with bot_set_up(telegram.token, telegram.bot_name, telegram.api_url):
        yield telegram
    telegram.clear_faults()


@pytest_asyncio.fixture(loop_scope="session")
async def stage(set_up: Telegram, sessions: Sessions) -> AsyncIterator[Stage]:
    bot = making.make_bot(get_settings())
    yield Stage(set_up, sessions, Poll(bot, making.make_dispatcher(sessions), PATIENCE))
    await bot.session.close()
