"""Talking inside a call, and words that answer what the bot has asked."""

import uuid
from collections.abc import Sequence

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
    telegram_talk,
)
from services.actor import Actor, Via
from services.chat_rooms import Room
from services.errors import IllegalTransition
from services.i18n import gettext
from services.inputs import wrong
from services.telegram_buttons import Button, TelegramMessage
from services.telegram_dialogs import COMPLETE, DECLINE, REASON, TALK, Given

_TEXT: TypeAdapter[str] = TypeAdapter(chat.Text)
LONGEST_REASON = 1000


def router() -> Router:
    """Make the routes of everything that is neither a command nor a verb."""
    made = Router(name="talk")
    for observer in (made.message, made.edited_message, made.callback_query):
        observer.filter(Known())
    made.callback_query.register(choose, Pressed(telegram_cards.CHAT))
    made.callback_query.register(send_to, Pressed(telegram_menus.SEND_TO))
    made.callback_query.register(leave, Pressed(telegram_menus.LEAVE, call=False))
    made.callback_query.register(unknown_button)
    made.message.register(no_command, F.text.startswith("/"))
    made.message.register(hear, F.text | F.photo)
    made.message.register(refuse)
    made.edited_message.register(hint, F.text | F.caption)
    return made


async def choose(_: CallbackQuery, turn: Turn) -> None:
    """Open the conversation of a call: what is written from now on goes there."""
    actor, room = await _open_room(turn)
    dialog = await telegram_dialogs.current(turn.session, actor.user_id)
    if dialog is not None and dialog.kind == COMPLETE:
        raise IllegalTransition("Answer what was asked first, or leave it by /cancel.")
    if await telegram_talk.texts(turn.session, actor.user_id):
        await telegram_dialogs.leave(turn.session, actor.user_id)
        turn.say(gettext("Nothing was sent."))
    if not await telegram_content.may_carry_of(turn.session, room.booking_id):
        turn.say(await _on_our_page(turn, actor, room.booking_id))
        return
    await telegram_talk.choose(turn.session, actor.user_id, room.booking_id)
    turn.say(_open_text(room.label))


async def send_to(_: CallbackQuery, turn: Turn) -> None:
    """Send what was kept to the call that is meant, and go on there."""
    actor, room = await _open_room(turn)
    dialog = await telegram_dialogs.current(turn.session, actor.user_id)
    if dialog is None or (dialog.kind, dialog.step) != (TALK, telegram_talk.WHICH):
        raise telegram_dialogs.NotAsked
    kept = await telegram_talk.texts(turn.session, actor.user_id)
    await telegram_dialogs.leave(turn.session, actor.user_id)
    if not await telegram_content.may_carry_of(turn.session, room.booking_id):
        turn.redraw(await _on_our_page(turn, actor, room.booking_id))
        return
    for number, text in kept:
        await _send(turn, actor, room.booking_id, text, number)
    await telegram_talk.choose(turn.session, actor.user_id, room.booking_id)
    turn.redraw(_open_text(room.label))


async def leave(_: CallbackQuery, turn: Turn) -> None:
    """Send what was kept nowhere."""
    turn.redraw(await telegram_talk.leave(turn.session, turn.known.user_id))


async def _open_room(turn: Turn) -> tuple[Actor, Room]:
    """Who speaks, and the conversation of the pressed call, which must be open."""
    actor, call = await standing(turn)
    room = await chat_rooms.enter(turn.session, actor, call.booking_id)
    if room.closed:
        raise IllegalTransition("This conversation is closed.")
    return actor, room


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
    answered = message.reply_to_message
    dialog = await telegram_dialogs.current(turn.session, person.user_id)
    if dialog is not None and _is_asked_there(dialog, answered):
        await _answer(message, turn, dialog)
        return
    if answered is not None:
        number = answered.message_id
        call = await chat_relay.call_of_reply(turn.session, person, number)
        if call is not None:
            await telegram_dialogs.drop(turn.session, person.user_id, DECLINE)
            await _say(message, turn, call)
            return
    if dialog is not None and dialog.kind != TALK:
        await _answer(message, turn, dialog)
    else:
        await _talk(message, turn, dialog)


def _is_asked_there(dialog: TelegramDialog, answered: Message | None) -> bool:
    """Tell whether the message that is answered is the bot's own question."""
    asked_at = dialog.data.get("asked_at")
    return answered is not None and answered.message_id == asked_at


async def refuse(_: Message, turn: Turn) -> None:
    """Voice, video, stickers and the rest are not taken."""
    turn.say(gettext("Only texts, pictures and positions are taken here."))


async def hint(_: Message, turn: Turn) -> None:
    """An edited message does not change what was said."""
    turn.say(gettext("What was said stays as it was. Write another message."))


async def _talk(message: Message, turn: Turn, dialog: TelegramDialog | None) -> None:
    """Say it in the chosen call, or in the only one; what is not certain is asked."""
    session, person = turn.session, turn.known
    calls = await telegram_talk.calls_of(session, person, dialog)
    if not calls:
        await telegram_dialogs.leave(session, person.user_id)
        turn.say(gettext("You have no open calls."))
        turn.say(await telegram_menus.menu(session, person))
    elif dialog is not None and await telegram_talk.holds(session, dialog, calls):
        await _say(message, turn, dialog.booking_id)
    elif dialog is None and len(calls) == 1:
        if await _say(message, turn, calls[0].id, quiet=True):
            await telegram_talk.choose(session, person.user_id, calls[0].id)
            turn.say(_open_text(calls[0].label))
    else:
        await _ask(message, turn, calls)


async def _ask(message: Message, turn: Turn, calls: Sequence[Booking]) -> None:
    text = None if turn.picture is not None else _text_of(message)
    turn.say(
        await telegram_talk.ask(
            turn.session, turn.known, calls, message.message_id, text
        )
    )


async def _say(
    message: Message, turn: Turn, booking_id: uuid.UUID, *, quiet: bool = False
) -> bool:
    """Say it in the call's conversation; tells whether it may go this way."""
    person = turn.known
    actor = await chat_rooms.participant(
        turn.session, person.user_id, person.roles, booking_id, Via.BOT
    )
    if not await telegram_content.may_carry_of(turn.session, booking_id):
        turn.say(await _on_our_page(turn, actor, booking_id))
        return False
    text, number = _text_of(message), message.message_id
    label = await _send(turn, actor, booking_id, text, number)
    if not quiet and await telegram_talk.to_be_told(
        turn.session, person.user_id, booking_id
    ):
        turn.say(f"→ {label}")
    return True


async def _send(
    turn: Turn, actor: Actor, booking_id: uuid.UUID, text: str | None, number: int
) -> str:
    """Say it, named after Telegram's number of it; gives the number of the call."""
    name = f"tg.{turn.chat_id}.{number}"
    said = await chat.send(turn.session, actor, booking_id, text, name, turn.picture)
    await chat.mark_read(turn.session, actor, booking_id, said.seq)
    return (await turn.session.get_one(Booking, booking_id)).label


async def _answer(message: Message, turn: Turn, dialog: TelegramDialog) -> None:
    """Words that answer a question of the bot."""
    actor = turn.actor(Role.DOCTOR)
    if dialog.kind == DECLINE:
        await _reason(message, turn, dialog)
        return
    if message.text is None:
        raise telegram_dialogs.NotAsked
    if await telegram_dialogs.is_late(turn.session, dialog):
        await _ask_again(turn, dialog)
        return
    turn.say(
        await telegram_completion.answer(
            turn.session, actor, dialog, Given.WORDS, message.text
        )
    )


async def _ask_again(turn: Turn, dialog: TelegramDialog) -> None:
    """Take nothing that comes so late; what was answered before stays."""
    await telegram_dialogs.touch(turn.session, dialog)
    turn.note = gettext("Too much time has passed, so this was not taken.")
    turn.say(await telegram_completion.question(turn.session, dialog))


async def _reason(message: Message, turn: Turn, dialog: TelegramDialog) -> None:
    """Take the reason for declining, where it surely is one, and ask for the yes."""
    session, user_id = turn.session, dialog.user_id
    if await telegram_dialogs.is_late(session, dialog):
        await telegram_dialogs.leave(session, user_id)
        turn.note = telegram_dialogs.TooLate().message
        return
    there = _is_asked_there(dialog, message.reply_to_message)
    news = await telegram_talk.heard_of(session, user_id, dialog.created_at)
    if dialog.step != REASON or (news and not there):
        # It may be the answer to what has just been read.
        await telegram_dialogs.leave(session, user_id)
        turn.note = gettext("The visit was not declined.")
        calls = await telegram_talk.calls_of(session, turn.known, None)
        if calls:
            await _ask(message, turn, calls)
        return
    reason = _clean(message.text or "")
    if not reason or len(reason) > LONGEST_REASON:
        raise wrong("reason")
    await telegram_dialogs.move(session, dialog, Given.WORDS, reason=reason)
    turn.say(await telegram_menus.ask_refuse(session, dialog.booking_id, reason))


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
