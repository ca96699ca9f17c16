"""Which call a text belongs to that answers no message, and when that must be asked.

A choice is good while its call goes on, nothing of another call has arrived since, and
no longer than half an hour of silence. Words that reached the wrong patient cannot be
taken back, so what is not certain is asked, and the words wait for the answer.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Notification, TelegramDialog
from models.notification import NotificationChannel
from services import chat_relay, chat_rooms, clock, telegram_dialogs, telegram_menus
from services.actor import Via
from services.errors import NotFound
from services.i18n import gettext
from services.telegram_buttons import TelegramMessage
from services.telegram_dialogs import OPEN, TALK
from services.telegram_people import Person

# The bot has asked which call is meant; the person has left the conversation.
WHICH, LEFT = "which", "left"
SILENCE = timedelta(minutes=30)
# So many texts go to one call before its number is said again.
UNSAID, MOST_KEPT = 4, 20


async def choose(
    session: AsyncSession, user_id: uuid.UUID, booking_id: uuid.UUID
) -> None:
    """Let what is written from now on go to this call."""
    booking = await session.get_one(Booking, booking_id)
    await telegram_dialogs.begin(
        session,
        user_id,
        (TALK, OPEN),
        booking_id,
        under_way=booking.is_open,
        told=str(booking_id),
        count=0,
    )


async def holds(
    session: AsyncSession, dialog: TelegramDialog, calls: Sequence[Booking]
) -> bool:
    """Tell whether the chosen call is still the one that a text is meant for."""
    chosen = next((each for each in calls if each.id == dialog.booking_id), None)
    if dialog.step != OPEN or chosen is None:
        return False
    if await clock.now(session) >= dialog.updated_at + SILENCE:
        return False
    if dialog.data["under_way"] and not chosen.is_open:
        return False
    since = dialog.created_at
    return not await heard_of(session, dialog.user_id, since) - {chosen.id}


async def calls_of(
    session: AsyncSession, person: Person, dialog: TelegramDialog | None
) -> Sequence[Booking]:
    """The calls that a text may be meant for: open ones, and those spoken of lately."""
    found = list(await chat_relay.open_calls(session, person))
    since = await clock.now(session) - SILENCE
    lately = await heard_of(session, person.user_id, since)
    if dialog is not None:
        lately = lately | {dialog.booking_id}
    for booking_id in sorted(lately - {each.id for each in found}):
        if await _may_talk(session, person, booking_id):
            found.append(await session.get_one(Booking, booking_id))
    return found


async def heard_of(
    session: AsyncSession, user_id: uuid.UUID, since: datetime
) -> frozenset[uuid.UUID]:
    """The calls of which a message has reached the person's chat since then."""
    query = select(Notification.booking_id).where(
        col(Notification.user_id) == user_id,
        col(Notification.channel) == NotificationChannel.TELEGRAM,
        col(Notification.kind) == chat_relay.KIND,
        col(Notification.delivered_at) > since,
    )
    return frozenset(filter(None, (await session.exec(query)).all()))


async def ask(
    session: AsyncSession,
    person: Person,
    calls: Sequence[Booking],
    message_id: int,
    text: str | None,
) -> TelegramMessage:
    """Ask which call is meant, and keep the text until it is chosen; a picture is not."""
    kept = await texts(session, person.user_id)
    if text is not None:
        kept = [*kept, (message_id, text)][-MOST_KEPT:]
    at = (TALK, WHICH)
    await telegram_dialogs.begin(session, person.user_id, at, calls[0].id, texts=kept)
    said = (
        gettext("Which call is it about? Choose it, then send the picture again.")
        if text is None
        else gettext("Which call is it about? Nothing is sent until you choose.")
    )
    return telegram_menus.choose(calls, said)


async def texts(session: AsyncSession, user_id: uuid.UUID) -> Sequence[tuple[int, str]]:
    """What waits until its call is chosen, by Telegram's numbers of it."""
    dialog = await telegram_dialogs.current(session, user_id)
    if dialog is None or (dialog.kind, dialog.step) != (TALK, WHICH):
        return []
    return [(number, text) for number, text in dialog.data["texts"]]


async def to_be_told(
    session: AsyncSession, user_id: uuid.UUID, booking_id: uuid.UUID
) -> bool:
    """Count a text that went to a call; tells whether its number is to be said."""
    dialog = await telegram_dialogs.current(session, user_id)
    if dialog is None or (dialog.kind, dialog.step) != (TALK, OPEN):
        return True
    count = dialog.data["count"] + 1
    tell = bool(dialog.data["told"] != str(booking_id) or count > UNSAID)
    told = {"told": str(booking_id), "count": 0 if tell else count}
    dialog.data = {**dialog.data, **told}
    await session.flush()
    return tell


async def leave(session: AsyncSession, user_id: uuid.UUID) -> str:
    """Leave whatever the bot has asked; gives what to say of it.

    Who has left a conversation is asked before the next text goes anywhere.
    """
    dialog = await telegram_dialogs.current(session, user_id)
    if dialog is None or dialog.step == LEFT:
        return gettext("Nothing was being asked.")
    if dialog.kind != TALK:
        await telegram_dialogs.leave(session, user_id)
        return gettext("Left.")
    kept, booking_id = dialog.step == WHICH, dialog.booking_id
    await telegram_dialogs.begin(session, user_id, (TALK, LEFT), booking_id)
    if kept:
        return gettext("Nothing was sent.")
    return gettext("You have left the chat.")


async def _may_talk(
    session: AsyncSession, person: Person, booking_id: uuid.UUID
) -> bool:
    try:
        actor = await chat_rooms.participant(
            session, person.user_id, person.roles, booking_id, Via.BOT
        )
        room = await chat_rooms.enter(session, actor, booking_id)
    except NotFound:
        return False
    return not room.closed
