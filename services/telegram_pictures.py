"""Which pictures sent to the bot are worth fetching: asked before a byte of them is."""

import uuid

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import TelegramUpdate
from services import (
    chat_relay,
    rate_limits,
    telegram_content,
    telegram_dialogs,
    telegram_people,
    telegram_talk,
)
from services.telegram_people import Person


async def wanted(
    session: AsyncSession, chat_id: int, update_id: int, answered: int | None
) -> bool:
    """Tell whether a picture can come to lie in a conversation, and count it.

    `answered` is Telegram's number of the message that it answers. Raises
    TooManyRequests beyond what the person may upload anywhere.
    """
    person = await telegram_people.person_of(session, chat_id)
    if person is None or await _was_handled(session, update_id):
        return False
    for booking_id in await _calls(session, person, answered):
        if await telegram_content.may_carry_of(session, booking_id):
            await rate_limits.upload(session, person.user_id)
            return True
    return False


async def _was_handled(session: AsyncSession, update_id: int) -> bool:
    query = select(TelegramUpdate.id).where(col(TelegramUpdate.update_id) == update_id)
    return (await session.exec(query)).one_or_none() is not None


async def _calls(
    session: AsyncSession, person: Person, answered: int | None
) -> set[uuid.UUID]:
    """Every call that the picture may be meant for."""
    dialog = await telegram_dialogs.current(session, person.user_id)
    found = {each.id for each in await telegram_talk.calls_of(session, person, dialog)}
    if answered is not None:
        call = await chat_relay.call_of_reply(session, person, answered)
        found |= {call} if call is not None else set()
    return found
