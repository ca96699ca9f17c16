"""Talking inside a call, and words that answer what the bot has asked."""

import uuid

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message
from pydantic import TypeAdapter, ValidationError

from api.telegram.patient import standing
from api.telegram.turn import Turn
from api.telegram.words import Known, Pressed
from models import Booking, TelegramDialog
from models.role_grant import Role
from services import (
    chat,
    chat_relay,
    chat_rooms,
    talk_links,
    telegram_cards,
    telegram_completion,
    telegram_content,
    telegram_dialogs,
    telegram_menus,
    visits,
)
from services.actor import Actor, Via
from services.errors import IllegalTransition, NotFound, StaleVersion
from services.i18n import gettext
from services.inputs import wrong
from services.telegram_buttons import Button, TelegramMessage
from services.telegram_dialogs import COMPLETE, DECLINE, OPEN, TALK, Given
from services.telegram_people import Person

_TEXT: TypeAdapter[str] = TypeAdapter(chat.Text)
LONGEST_REASON = 1000


def router() -> Router:
    """Make the routes of everything that is neither a command nor a verb."""
    made = Router(name="talk")
    for observer in (made.message, made.edited_message, made.callback_query):
        observer.filter(Known())
    made.callback_query.register(choose, Pressed(telegram_cards.CHAT))
    made.callback_query.register(unknown_button)
    made.message.register(no_command, F.text.startswith("/"))
    made.message.register(hear, F.text | F.photo)
    made.message.register(refuse)
    made.edited_message.register(hint, F.text | F.caption)
    return made


async def choose(_: CallbackQuery, turn: Turn) -> None:
    """Open the conversation of a call: what is written from now on goes there."""
    actor, call = await standing(turn)
    room = await chat_rooms.enter(turn.session, actor, call.booking_id)
    if room.closed:
        raise IllegalTransition("This conversation is closed.")
    if not await telegram_content.may_carry_of(turn.session, call.booking_id):
        turn.say(await _on_our_page(turn, actor, call.booking_id))
        return
    dialog = await telegram_dialogs.current(turn.session, actor.user_id)
    if dialog is not None and dialog.kind == COMPLETE:
        raise IllegalTransition("Answer what was asked first, or leave it by /cancel.")
    await _begin(turn, actor, call.booking_id)
    turn.say(_open_text(room.label))


async def unknown_button(_: CallbackQuery, turn: Turn) -> None:
    """A button of another time, or a forged one."""
    turn.note = gettext("This button no longer works.")


async def no_command(_: Message, turn: Turn) -> None:
    """A command that is none, or not this person's: nobody is to read it as words."""
    turn.note = gettext("There is no such command.")
    turn.say(await telegram_menus.menu(turn.session, turn.known))


async def hear(message: Message, turn: Turn) -> None:
    """Take a text or a picture to where it belongs."""
    person = turn.known
    if message.reply_to_message is not None:
        number = message.reply_to_message.message_id
        call = await chat_relay.call_of_reply(turn.session, person, number)
        if call is not None:
            await _say(message, turn, call)
            return
    dialog = await telegram_dialogs.current(turn.session, person.user_id)
    if dialog is not None and dialog.kind != TALK:
        await _answer(message, turn, dialog)
    elif dialog is not None:
        await _go_on(message, turn, dialog)
    else:
        await _guess(message, turn, person)


async def refuse(_: Message, turn: Turn) -> None:
    """Voice, video, stickers and the rest are not taken."""
    turn.say(gettext("Only texts, pictures and positions are taken here."))


async def hint(_: Message, turn: Turn) -> None:
    """An edited message does not change what was said."""
    turn.say(gettext("What was said stays as it was. Write another message."))


async def _guess(message: Message, turn: Turn, person: Person) -> None:
    """Without a chosen call, the only open one is meant; of several, one is chosen."""
    calls = await chat_relay.open_calls(turn.session, person)
    if not calls:
        turn.say(gettext("You have no open calls."))
        turn.say(await telegram_menus.menu(turn.session, person))
    elif len(calls) > 1:
        turn.say(telegram_menus.choose(calls))
    elif await _say(message, turn, calls[0].id):
        await _begin(turn, turn.actor(_role(person, calls[0])), calls[0].id)
        turn.say(_open_text(calls[0].label))


async def _go_on(message: Message, turn: Turn, dialog: TelegramDialog) -> None:
    """Say it in the chosen call; one that is over or lost is chosen no more."""
    try:
        await _say(message, turn, dialog.booking_id)
    except (NotFound, IllegalTransition) as error:
        await telegram_dialogs.leave(turn.session, dialog.user_id)
        turn.note = error.message


async def _say(message: Message, turn: Turn, booking_id: uuid.UUID) -> bool:
    """Say it in the call's conversation; tells whether it may go this way."""
    person = turn.known
    actor = await chat_rooms.participant(
        turn.session, person.user_id, person.roles, booking_id, Via.BOT
    )
    if not await telegram_content.may_carry_of(turn.session, booking_id):
        turn.say(await _on_our_page(turn, actor, booking_id))
        return False
    said = await chat.send(
        turn.session,
        actor,
        booking_id,
        _text_of(message),
        f"tg.{turn.chat_id}.{message.message_id}",
        turn.picture,
    )
    await chat.mark_read(turn.session, actor, booking_id, said.seq)
    return True


async def _answer(message: Message, turn: Turn, dialog: TelegramDialog) -> None:
    """Words that answer a question of the bot."""
    actor = turn.actor(Role.DOCTOR)
    if message.text is None:
        raise telegram_dialogs.NotAsked
    if dialog.kind == DECLINE:
        await _decline(message.text, turn, actor, dialog)
        return
    turn.say(
        await telegram_completion.answer(
            turn.session, actor, dialog, Given.WORDS, message.text
        )
    )


async def _decline(text: str, turn: Turn, actor: Actor, dialog: TelegramDialog) -> None:
    reason = _clean(text)
    if reason is None or len(reason) > LONGEST_REASON:
        raise wrong("reason")
    await telegram_dialogs.move(turn.session, dialog, Given.WORDS)
    try:
        booking = await visits.decline(
            turn.session, actor, dialog.booking_id, reason, dialog.data["version"]
        )
    except (NotFound, IllegalTransition, StaleVersion) as error:
        # Nothing was written but the end of the question.
        turn.note = error.message
        return
    turn.say(gettext("{call}: declined.", call=booking.label))


async def _begin(turn: Turn, actor: Actor, booking_id: uuid.UUID) -> None:
    await telegram_dialogs.begin(turn.session, actor.user_id, (TALK, OPEN), booking_id)


async def _on_our_page(
    turn: Turn, actor: Actor, booking_id: uuid.UUID
) -> TelegramMessage:
    url = await talk_links.offer(
        turn.session, actor.user_id, actor.acting_as, booking_id
    )
    text = gettext("Talk about this call on our page. The link works once.")
    return TelegramMessage(text, [[Button(gettext("Open the page"), url=url)]])


def _open_text(label: str) -> str:
    return gettext(
        "{call}: what you write here goes to the conversation. /cancel leaves it.",
        call=label,
    )


def _role(person: Person, booking: Booking) -> Role:
    return Role.PATIENT if booking.patient_id == person.user_id else Role.DOCTOR


def _text_of(message: Message) -> str | None:
    text = message.text if message.text is not None else message.caption
    if text is None:
        return None
    clean = _clean(text)
    if clean is None:
        raise wrong("text", gettext("This text cannot be taken."))
    return clean


def _clean(text: str) -> str | None:
    try:
        return _TEXT.validate_python(text)
    except ValidationError:
        return None
