"""Becoming known to the bot, and being forgotten by it."""

from aiogram import Router
from aiogram.filters import Command, CommandObject, CommandStart
from aiogram.types import CallbackQuery, Message

from api.telegram.turn import Turn
from services import telegram_links, telegram_menus, telegram_talk
from services.i18n import gettext
from services.inputs import clean_text

LONGEST_NAME = 200


def router() -> Router:
    """Make the routes of linking; the rest of the bot is for people it knows."""
    made = Router(name="linking")
    made.message.register(claim, CommandStart(deep_link=True))
    made.message.register(menu, CommandStart())
    made.message.register(menu, Command("menu", "help"))
    made.message.register(stop, Command("stop"))
    made.message.register(leave, Command("cancel"))
    return made


def strangers() -> Router:
    """Make the routes for everybody else: they learn how to link, and nothing more."""
    made = Router(name="strangers")
    made.message.register(explain)
    made.callback_query.register(explain)
    return made


async def claim(message: Message, command: CommandObject, turn: Turn) -> None:
    """Take the code of a deep link; wrong, old and used ones are answered alike."""
    await telegram_links.limit_chat(turn.session, turn.chat_id)
    code = command.args or ""
    name = _name_of(message)
    link = await telegram_links.claim(turn.session, turn.chat_id, name, code)
    if link is None:
        turn.say(gettext("This code is not good. Ask the app for a new link."))
        return
    # The link may be somebody else's, sent to have this chat work for their account.
    owner = await telegram_links.owner_of(turn.session, link)
    almost = gettext(
        "Almost done: this is the account “{person}”. Confirm it in the app."
    )
    warning = gettext("If the account is not yours, press nothing in the app.")
    turn.say(f"{almost.format(person=owner)}\n{warning}")


async def menu(_: Message, turn: Turn) -> None:
    """Show what can be done."""
    if turn.person is None:
        await explain(_, turn)
        return
    turn.say(await telegram_menus.menu(turn.session, turn.person))


async def stop(_: Message, turn: Turn) -> None:
    """Part from the account."""
    if not await telegram_links.stop(turn.session, turn.chat_id):
        await explain(_, turn)
        return
    turn.say(gettext("This chat is no longer linked. We write nothing here any more."))


async def leave(_: Message, turn: Turn) -> None:
    """Leave whatever the bot was asking."""
    if turn.person is None:
        await explain(_, turn)
        return
    turn.say(await telegram_talk.leave(turn.session, turn.person.user_id))


async def explain(_: Message | CallbackQuery, turn: Turn) -> None:
    """Say how a chat becomes known, to whoever writes; but not again and again."""
    if not await telegram_links.may_explain(turn.session, turn.chat_id):
        return
    turn.say(
        gettext(
            "This chat is not linked. Open the app, choose Telegram, and follow it."
        )
    )


def _name_of(message: Message) -> str:
    """What the chat calls itself, as a person would read it in the app."""
    name = message.chat.full_name
    if message.chat.username:
        name += f" (@{message.chat.username})"
    # What has no shape on a screen could turn or hide the rest.
    shown = "".join(each for each in name if each.isprintable())
    return clean_text(shown).strip()[:LONGEST_NAME] or "—"
