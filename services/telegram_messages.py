"""What a notification says in Telegram, written at the moment of sending.

By then a call may have moved on: the card is drawn as it stands, its buttons are those
that are legal now, and who lost the right to the call is told nothing.
"""

import re
import uuid

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Notification
from models.role_grant import Role
from services import (
    chat_relay,
    chat_rooms,
    notification_texts,
    sealing,
    telegram_cards,
    telegram_content,
)
from services.actor import Actor, Via
from services.errors import NotFound
from services.i18n import use_locale
from services.telegram_buttons import Button, TelegramMessage
from services.telegram_shown import WITH_CARD

__all__ = ["Button", "TelegramMessage", "compose"]

UNREAD = "chat_unread"
# What a text may name beside number, district and time.
CONTENT = ("{doctor}", "{amount}")
Told = frozenset[str]


async def compose(session: AsyncSession, row: Notification) -> TelegramMessage | None:
    """Write the message; None when the person lost the right to it meanwhile."""
    with use_locale(row.locale):
        if row.kind == chat_relay.KIND:
            return await chat_relay.compose(session, row)
        text, told = await _text(session, row)
        if row.booking_id is None or row.user_id is None:
            return TelegramMessage(text)
        try:
            return await _about_call(session, row, row.user_id, text, told)
        except NotFound:
            return None


async def _text(session: AsyncSession, row: Notification) -> tuple[str, Told]:
    """Write all of it, or its subject alone where Telegram may not carry content.

    Gives also which facts the text names, so that no card repeats them.
    """
    secret = None if row.sealed is None else sealing.unseal(row.sealed)
    made = notification_texts.render(row.kind, row.locale, row.facts, secret)
    body = str.__str__(notification_texts.TEXTS[row.kind].body)
    if not any(name in body for name in CONTENT) or await _may_carry(session, row):
        return made.text, frozenset(re.findall(r"{(\w+)}", body))
    call = row.facts.get("call")
    text = f"{call}: {made.subject}" if call else made.subject
    return text, frozenset({"call"} if call else ())


async def _may_carry(session: AsyncSession, row: Notification) -> bool:
    if row.booking_id is not None:
        booking = await session.get_one(Booking, row.booking_id)
        return await telegram_content.may_carry(session, booking)
    return row.user_id is not None and await telegram_content.agreed(
        session, row.user_id
    )


async def _about_call(
    session: AsyncSession,
    row: Notification,
    user_id: uuid.UUID,
    text: str,
    told: Told,
) -> TelegramMessage:
    """Add what the kind shows of its call; NotFound to who has no right to it."""
    assert row.booking_id is not None  # noqa: S101 - the caller has looked
    if row.kind == UNREAD:
        await chat_rooms.participant(
            session, user_id, (Role.PATIENT, Role.DOCTOR), row.booking_id, Via.BOT
        )
        key = telegram_cards.talk_key(row.booking_id)
        return TelegramMessage(text, [[key]])
    role = WITH_CARD.get(row.kind)
    if role is None:
        return TelegramMessage(text)
    actor = Actor(user_id, role, Via.BOT)
    card = await telegram_cards.card(session, actor, row.booking_id, told)
    return TelegramMessage("\n\n".join(filter(None, (text, card.text))), card.buttons)
