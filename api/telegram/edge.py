"""The edge of the bot: one update, one transaction, then the answers.

An update that came before changes nothing. A refusal undoes everything but the mark
that it was handled; only an outage lets Telegram send it again.
"""

import io
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiogram import BaseMiddleware, Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import CallbackQuery, Message, PhotoSize, TelegramObject, Update
from aiohttp import ClientError
from sqlmodel.ext.asyncio.session import AsyncSession

from api.telegram import sending
from api.telegram.turn import Turn
from models.role_grant import Role
from services import (
    files,
    telegram_buttons,
    telegram_cards,
    telegram_dialogs,
    telegram_menus,
    telegram_people,
    telegram_pictures,
    telegram_shown,
)
from services.config import get_settings
from services.database import Sessions
from services.edges import in_transaction, is_outage
from services.errors import (
    DomainError,
    NotFound,
    TooLarge,
    Unavailable,
    ValidationFailed,
)
from services.files import Taken
from services.i18n import gettext, use_locale
from services.telegram_buttons import Pressed, TelegramMessage
from services.telegram_dialogs import DECLINE

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]
PRIVATE = "private"
LONGEST_DOWNLOAD = 10
log = structlog.get_logger(__name__)


class Edge(BaseMiddleware):
    """Around every handler: dedupe, find the person, commit, answer."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    async def __call__(
        self, handler: Handler, event: TelegramObject, data: dict[str, Any]
    ) -> Any:
        """Handle one update; raises Unavailable when it is to be sent again."""
        assert isinstance(event, Update)  # noqa: S101 - it stands around updates only
        chat_id = _private_chat(event)
        if chat_id is None:
            return
        bot: Bot = data["bot"]
        with use_locale(_language(event)):
            turn = await self._handled(handler, event, data, chat_id)
            if turn is None:
                return
            await self._answer(bot, event, turn)

    async def _handled(
        self, handler: Handler, update: Update, data: dict[str, Any], chat_id: int
    ) -> Turn | None:
        try:
            picture = await self._picture(data["bot"], update, chat_id)
            return await in_transaction(
                self.sessions,
                lambda own: _act(own, handler, update, data, chat_id, picture),
            )
        except DomainError as error:
            if _is_down(error):
                raise
            refusal = error
        except Exception as error:  # noqa: BLE001 - no update may come back for ever
            refusal = _unforeseen(error, update)
        return await self._refuse(update, chat_id, refusal)

    async def _refuse(
        self, update: Update, chat_id: int, refusal: DomainError
    ) -> Turn | None:
        """Say why not; where even that fails, note that it was handled, no more."""
        try:
            return await in_transaction(
                self.sessions, lambda own: _refused(own, update, chat_id, refusal)
            )
        except Exception as error:
            if isinstance(error, DomainError) and _is_down(error):
                raise
            _unforeseen(error, update)
        await in_transaction(
            self.sessions,
            lambda own: telegram_people.first_time(own, update.update_id),
        )
        return None

    async def _answer(self, bot: Bot, update: Update, turn: Turn) -> None:
        """Send what there is to say; what was done stands, whatever becomes of it."""
        try:
            await self._finish(turn)
            shown = await sending.answer(bot, update, turn)
            if shown:
                await in_transaction(self.sessions, lambda own: _note(own, turn, shown))
        except Exception as error:  # noqa: BLE001 - it is committed already
            _unforeseen(error, update)

    async def _finish(self, turn: Turn) -> None:
        """Do what may not be done inside a transaction, and add what it came to."""
        if turn.later is None:
            return
        try:
            with use_locale(turn.person.locale if turn.person else "ru"):
                turn.say(await turn.later(self.sessions))
        except DomainError as error:
            turn.note = told(error)

    async def _picture(self, bot: Bot, update: Update, chat_id: int) -> Taken | None:
        """Fetch and clean a picture before the transaction, if it may lead anywhere."""
        message = update.message
        if message is None or not message.photo:
            return None
        answered = message.reply_to_message
        number = answered.message_id if answered is not None else None
        if not await in_transaction(
            self.sessions,
            lambda own: telegram_pictures.wanted(
                own, chat_id, update.update_id, number
            ),
        ):
            return None
        return await files.take(await _fetched(bot, message.photo[-1]), "photo.jpg")


class _Bounded(io.BytesIO):
    """Takes no more than a file may have, whatever size Telegram has told."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > get_settings().max_upload_bytes:
            raise TooLarge
        return super().write(data)


async def _fetched(bot: Bot, size: PhotoSize) -> bytes:
    if (size.file_size or 0) > get_settings().max_upload_bytes:
        raise TooLarge
    target = _Bounded()
    try:
        await bot.download(size, target, timeout=LONGEST_DOWNLOAD)
    except (TelegramAPIError, ClientError, TimeoutError) as error:
        raise Unavailable from error
    return target.getvalue()


async def _note(
    session: AsyncSession, turn: Turn, shown: Sequence[sending.Shown]
) -> None:
    """Remember where something of a call stands now, so that it can be taken away."""
    for each in shown:
        await telegram_shown.note(
            session,
            turn.known.user_id,
            turn.chat_id,
            each.message_id,
            each.about,
            is_card=each.is_card,
        )


async def _act(
    session: AsyncSession,
    handler: Handler,
    update: Update,
    data: dict[str, Any],
    chat_id: int,
    picture: Taken | None,
) -> Turn | None:
    turn = await _begun(session, update, chat_id)
    if turn is None:
        return None
    turn.picture = picture
    with use_locale(turn.person.locale if turn.person else _language(update)):
        await handler(update, {**data, "turn": turn})
    return turn


async def _begun(session: AsyncSession, update: Update, chat_id: int) -> Turn | None:
    if not await telegram_people.first_time(session, update.update_id):
        return None
    query = update.callback_query
    pressed = telegram_buttons.read(query.data or "") if query else None
    person = await telegram_people.person_of(session, chat_id)
    if person is not None and _turns_away(update, pressed):
        await telegram_dialogs.drop(session, person.user_id, DECLINE)
    return Turn(session, chat_id, person, pressed)


def _turns_away(update: Update, pressed: Pressed | None) -> bool:
    """Tell whether somebody does another thing than answer why they cannot come."""
    if update.callback_query is not None:
        return pressed is None or pressed.word != telegram_menus.REFUSE
    text = update.message.text if update.message is not None else None
    return text is not None and text.startswith("/") and text != "/cancel"


async def _refused(
    session: AsyncSession, update: Update, chat_id: int, error: DomainError
) -> Turn | None:
    """Say why not, and draw the card anew: what happened since is seen there."""
    turn = await _begun(session, update, chat_id)
    if turn is None:
        return None
    with use_locale(turn.person.locale if turn.person else _language(update)):
        turn.note = told(error)
        if turn.pressed is not None and turn.pressed.booking_id is not None:
            turn.redraw(await _present(turn))
    return turn


async def _present(turn: Turn) -> TelegramMessage:
    """The card of the pressed button as the person may see it now."""
    booking_id = turn.call.booking_id
    for role in (Role.DOCTOR, Role.PATIENT):
        try:
            actor = turn.actor(role)
            return await telegram_cards.card(turn.session, actor, booking_id)
        except NotFound:
            continue
    return TelegramMessage(NotFound().message)


def told(error: DomainError) -> str:
    """The sentence of a refusal; of wrong input, the first thing that is wrong."""
    wrong = error.facts.get("errors") if isinstance(error, ValidationFailed) else None
    return str(wrong[0]["message"]) if wrong else error.message


def _private_chat(update: Update) -> int | None:
    """Tell whose private chat it is; groups and unknown kinds of news are nobody's."""
    query: CallbackQuery | None = update.callback_query
    message: Any = update.message or update.edited_message or (query and query.message)
    chat = message.chat if message is not None else None
    if chat is None or chat.type != PRIVATE:
        return None
    return int(chat.id)


def _language(update: Update) -> str:
    """The language of somebody we do not know yet."""
    source: Message | CallbackQuery | None = (
        update.callback_query or update.message or update.edited_message
    )
    user = source.from_user if source is not None else None
    return ((user and user.language_code) or "").partition("-")[0]


def _is_down(error: DomainError) -> bool:
    cause = error.__cause__
    return isinstance(error, Unavailable) and cause is not None and is_outage(cause)


def _unforeseen(error: Exception, update: Update) -> DomainError:
    # The text of an exception may quote a row, so only its kind and place are kept.
    place = "".join(traceback.format_tb(error.__traceback__))
    log.error(
        f"bot failed: {type(error).__name__}\n{place}", update_id=update.update_id
    )
    return DomainError(gettext("It did not work. Please try again."))
