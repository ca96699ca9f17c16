"""Telling Telegram where our webhook is."""

from api.telegram import bot as making
from api.telegram.bot import UPDATES
from services.config import Settings

# Each waits for its answers, so that few would let a slow chat hold the others.
AT_ONCE = 40


async def register(settings: Settings, address: str) -> None:
    """Have updates sent to this address, with our secret in their header."""
    bot = making.make_bot(settings)
    try:
        await making.show_commands(bot)
        await bot.set_webhook(
            address,
            secret_token=settings.telegram_webhook_secret,
            allowed_updates=UPDATES,
            max_connections=AT_ONCE,
        )
    finally:
        await bot.session.close()
