"""Where Telegram tells us what people write to the bot.

The secret header is the only proof that it is Telegram; without a secret of ours the
route is shut. An update is answered once it has been committed, and with 503 only when
the database is out of reach, so that it comes again.
"""

import secrets
from typing import TYPE_CHECKING, Any

import structlog
from starlette.requests import Request
from starlette.responses import Response

from api.deps import SettingsDep
from api.problems import problems
from api.routing import router as make_router
from services.errors import NotFound

if TYPE_CHECKING:
    from aiogram import Bot, Dispatcher

router = make_router("/webhooks", "Webhooks")
HEADER = "x-telegram-bot-api-secret-token"
log = structlog.get_logger(__name__)


@router.post("/telegram", response_class=Response, responses=problems())
async def telegram(request: Request, settings: SettingsDep) -> Response:
    """Take one update."""
    ours = settings.telegram_webhook_secret
    given = request.headers.get(HEADER, "")
    if not ours or not settings.telegram_bot_token:
        raise NotFound
    if not secrets.compare_digest(given.encode(), ours.encode()):
        raise NotFound
    await _Bot.of(request.app).feed(await request.body())
    return Response(status_code=200)


async def close(app: Any) -> None:
    """Leave no connection of the bot behind."""
    known: _Bot | None = getattr(app.state, "telegram", None)
    if known is not None:
        await known.bot.session.close()


class _Bot:
    """The bot of one application, made when the first update comes."""

    def __init__(self, bot: "Bot", dispatcher: "Dispatcher") -> None:
        self.bot, self.dispatcher = bot, dispatcher

    @classmethod
    def of(cls, app: Any) -> "_Bot":
        if getattr(app.state, "telegram", None) is None:
            from api.telegram import bot  # noqa: PLC0415 - the library is loaded late

            dispatcher = bot.make_dispatcher(app.state.sessions)
            app.state.telegram = cls(bot.make_bot(app.state.settings), dispatcher)
        made: _Bot = app.state.telegram
        return made

    async def feed(self, body: bytes) -> None:
        """Handle one update; what is no update is noted and forgotten."""
        from aiogram.types import Update  # noqa: PLC0415 - as above
        from pydantic import ValidationError  # noqa: PLC0415

        try:
            update = Update.model_validate_json(body, context={"bot": self.bot})
        except ValidationError:
            log.warning("telegram sent what is no update")
            return
        await self.dispatcher.feed_update(self.bot, update)
