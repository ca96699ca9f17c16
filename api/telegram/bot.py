"""Putting the bot together: its client, its routes, the commands it shows."""

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import BotCommand, Update

from api.telegram import doctor, linking, patient, talk
from api.telegram.edge import Edge
from services.config import Settings
from services.database import Sessions
from services.i18n import Lazy, use_locale

UPDATES = ["message", "edited_message", "callback_query"]
SECONDS = 15.0
COMMANDS = {
    "menu": Lazy("What the bot can do"),
    "visits": Lazy("A doctor's visits"),
    "alarm": Lazy("A doctor's alarm"),
    "calls": Lazy("A patient's calls"),
    "cancel": Lazy("Leave what the bot asks"),
    "stop": Lazy("Unlink this chat"),
}


def make_bot(settings: Settings) -> Bot:
    """Make the client; raises TokenValidationError for what is no token at all."""
    server = TelegramAPIServer.from_base(settings.telegram_api_url)
    return Bot(
        settings.telegram_bot_token,
        session=AiohttpSession(api=server, timeout=SECONDS),
    )


def make_dispatcher(sessions: Sessions) -> Dispatcher:
    """Make the routes; each update is one transaction."""
    made = Dispatcher(disable_fsm=True)
    made.update.outer_middleware(Edge(sessions))
    # Strangers come last: they are whoever no other route knows.
    made.include_routers(
        linking.router(),
        doctor.router(),
        patient.router(),
        talk.router(),
        linking.strangers(),
    )
    return made


async def show_commands(bot: Bot) -> None:
    """Let every client offer the commands, in both languages."""
    for language in ("", "ru", "en"):
        with use_locale(language or "ru"):
            commands = [
                BotCommand(command=name, description=str(text))
                for name, text in COMMANDS.items()
            ]
        await bot.set_my_commands(commands, language_code=language or None)


def chat_of(update: Update) -> int:
    """Tell whose updates have to keep their order; 0 for those of nobody."""
    query = update.callback_query
    message = update.message or update.edited_message or (query and query.message)
    return message.chat.id if message else 0
