"""Sending what a turn has to say, after its commit.

What does not get through is not tried for long: the change has been made, and the
person sees it when they press again.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramRetryAfter,
)
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    Update,
)

from api.telegram.turn import Turn
from services.gateways.telegram import LONGEST_TEXT
from services.telegram_buttons import TelegramMessage

LONGEST_NOTE, LONGEST_WAIT, TRIES = 200, 1, 2
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Shown:
    """Where something of a call stands from now on."""

    message_id: int
    about: uuid.UUID
    is_card: bool


async def answer(bot: Bot, update: Update, turn: Turn) -> list[Shown]:
    """Send everything that the turn noted, in its order; gives what shows a call."""
    shown = []
    query = update.callback_query
    if query is not None:
        await _note(bot, query, turn.note)
        shown += await _redraw(bot, query, turn)
    elif turn.note:
        await _send(bot, turn.chat_id, TelegramMessage(turn.note))
    for message in turn.said:
        sent = await _send(bot, turn.chat_id, message)
        if sent is not None:
            shown += _shown(message, sent.message_id)
    return shown


def _shown(message: TelegramMessage, message_id: int) -> list[Shown]:
    if message.about is None:
        return []
    return [Shown(message_id, message.about, message.is_card)]


async def _note(bot: Bot, query: CallbackQuery, text: str) -> None:
    # A refusal has to be seen; a button that just worked needs no words.
    short = text[:LONGEST_NOTE]
    await _try(lambda: bot.answer_callback_query(query.id, short, bool(short)))


async def _redraw(bot: Bot, query: CallbackQuery, turn: Turn) -> list[Shown]:
    message = turn.redrawn
    if message is None or query.message is None:
        return []
    message_id, keys = query.message.message_id, keyboard(message)
    text = message.text[:LONGEST_TEXT]
    await _try(
        lambda: bot.edit_message_text(
            text, chat_id=turn.chat_id, message_id=message_id, reply_markup=keys
        )
    )
    return _shown(message, message_id)


async def _send(bot: Bot, chat_id: int, message: TelegramMessage) -> Message | None:
    keys = keyboard(message)
    text = message.text[:LONGEST_TEXT]
    sent: Message | None = await _try(
        lambda: bot.send_message(chat_id, text, reply_markup=keys)
    )
    return sent


def keyboard(message: TelegramMessage) -> InlineKeyboardMarkup | None:
    """Make the buttons as the library has them."""
    if not message.buttons:
        return None
    rows = [
        [
            InlineKeyboardButton(text=key.text, callback_data=key.data, url=key.url)
            for key in row
        ]
        for row in message.buttons
    ]
    return InlineKeyboardMarkup(inline_keyboard=rows)


async def _try(call: Callable[[], Awaitable[Any]]) -> Any:
    """Do one call; a flood wait that is short is waited for, all else is noted."""
    for _ in range(TRIES):
        try:
            return await call()
        except TelegramRetryAfter as error:
            if error.retry_after > LONGEST_WAIT:
                break
            await asyncio.sleep(error.retry_after)
        except (TelegramForbiddenError, TelegramBadRequest):
            # Blocked, deleted, too old, or drawn like that already.
            return None
        except TelegramAPIError as error:
            log.warning("bot's answer lost", name=type(error).__name__)
            return None
    log.warning("bot's answer lost", name="TelegramRetryAfter")
    return None
