"""A doctor at work: duty, visits, and every verb of a visit.

A button carries the version of the card that it stood on. The services ask for the
right to the visit anew, whatever the button says.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from api.telegram.turn import Turn
from api.telegram.words import Doctor, Pressed
from models.booking import Verb
from models.booking_words import Flag
from models.role_grant import Role
from services import (
    bookings,
    clock,
    duty,
    telegram_cards,
    telegram_completion,
    telegram_dialogs,
    telegram_menus,
    visit_reads,
    visits,
)
from services.errors import NotFound
from services.i18n import gettext

AT_ONCE: Mapping[str, Any] = {
    Verb.ACCEPT: visits.accept,
    Verb.DEPART: visits.depart,
    Verb.START: visits.start,
}


def router() -> Router:
    """Make the routes of doctors."""
    made = Router(name="doctor")
    for observer in (made.message, made.edited_message, made.callback_query):
        observer.filter(Doctor())
    made.message.register(list_visits, Command("visits"))
    made.message.register(alarm, Command("alarm"))
    made.message.register(locate, F.location)
    made.edited_message.register(move, F.location)
    press = made.callback_query.register
    press(
        set_duty, Pressed(telegram_menus.ON_DUTY, telegram_menus.OFF_DUTY, call=False)
    )
    press(list_visits, Pressed(telegram_menus.VISITS, call=False))
    press(alarm, Pressed(Verb.FLAG, call=False))
    press(act, Pressed(*AT_ONCE))
    press(ask_decline, Pressed(Verb.DECLINE))
    press(decline, Pressed(telegram_menus.WHY))
    press(ask_own_reason, Pressed(telegram_menus.OWN))
    press(refuse, Pressed(telegram_menus.REFUSE))
    press(complete, Pressed(Verb.COMPLETE))
    press(answer, Pressed(*telegram_completion.GIVEN))
    press(flag, Pressed(Verb.FLAG))
    return made


async def set_duty(_: CallbackQuery, turn: Turn) -> None:
    """Begin or end work."""
    on = turn.pressed is not None and turn.pressed.word == telegram_menus.ON_DUTY
    await duty.set_duty(turn.session, turn.actor(Role.DOCTOR), on)
    turn.redraw(await telegram_menus.menu(turn.session, turn.known))


async def list_visits(_: Message | CallbackQuery, turn: Turn) -> None:
    """Show one's running visits."""
    turn.say(await telegram_menus.visits(turn.session, turn.actor(Role.DOCTOR)))


async def alarm(_: Message | CallbackQuery, turn: Turn) -> None:
    """Ask which alarm, of the visit under way if there is one."""
    turn.say(await telegram_menus.ask_alarm(turn.session, turn.actor(Role.DOCTOR)))


async def act(_: CallbackQuery, turn: Turn) -> None:
    """Accept, set out or be on scene."""
    actor, pressed = turn.about(Role.DOCTOR)
    verb = AT_ONCE[pressed.word]
    await verb(turn.session, actor, pressed.booking_id, version=pressed.version)
    card = await telegram_cards.visit_card(turn.session, actor, pressed.booking_id)
    turn.redraw(card)


async def ask_decline(_: CallbackQuery, turn: Turn) -> None:
    """Ask why the doctor cannot come."""
    actor, pressed = turn.about(Role.DOCTOR)
    turn.say(
        await telegram_menus.ask_decline(
            turn.session, actor, pressed.booking_id, pressed.version
        )
    )


async def decline(_: CallbackQuery, turn: Turn) -> None:
    """Give the visit back for one of the ready reasons."""
    actor, pressed = turn.about(Role.DOCTOR)
    reason = telegram_menus.REASONS.get(pressed.extra)
    if reason is None:
        raise NotFound
    booking = await visits.decline(
        turn.session, actor, pressed.booking_id, str(reason), pressed.version
    )
    turn.redraw(gettext("{call}: declined.", call=booking.label))


async def ask_own_reason(query: CallbackQuery, turn: Turn) -> None:
    """Let the next text be the reason, and nothing but that one."""
    actor, pressed = turn.about(Role.DOCTOR)
    asked_at = query.message.message_id if query.message is not None else 0
    turn.redraw(
        await telegram_menus.ask_own_reason(
            turn.session, actor, pressed.booking_id, pressed.version, asked_at
        )
    )


async def refuse(_: CallbackQuery, turn: Turn) -> None:
    """Give the visit back for the reason that was written."""
    actor, pressed = turn.about(Role.DOCTOR)
    dialog = await telegram_dialogs.current(turn.session, actor.user_id)
    if dialog is None or (dialog.kind, dialog.booking_id) != (
        telegram_dialogs.DECLINE,
        pressed.booking_id,
    ):
        raise telegram_dialogs.NotAsked
    if await telegram_dialogs.is_late(turn.session, dialog):
        raise telegram_dialogs.TooLate
    reason, version = dialog.data.get("reason", ""), dialog.data["version"]
    await telegram_dialogs.move(turn.session, dialog, telegram_dialogs.Given.YES)
    booking = await visits.decline(
        turn.session, actor, pressed.booking_id, reason, version
    )
    turn.redraw(gettext("{call}: declined.", call=booking.label))


async def complete(_: CallbackQuery, turn: Turn) -> None:
    """Begin the dialogue that ends the visit."""
    actor, pressed = turn.about(Role.DOCTOR)
    turn.say(
        await telegram_completion.begin(
            turn.session, actor, pressed.booking_id, pressed.version
        )
    )


async def answer(_: CallbackQuery, turn: Turn) -> None:
    """Answer a question of that dialogue by a button."""
    actor, pressed = turn.about(Role.DOCTOR)
    dialog = await telegram_dialogs.current(turn.session, actor.user_id)
    if dialog is None or dialog.booking_id != pressed.booking_id:
        raise telegram_dialogs.NotAsked
    given = telegram_completion.GIVEN[pressed.word]
    turn.redraw(
        await telegram_completion.answer(
            turn.session, actor, dialog, given, pressed.extra
        )
    )


async def flag(_: CallbackQuery, turn: Turn) -> None:
    """Raise an alarm. No version stands in its way: danger does not wait."""
    actor, pressed = turn.about(Role.DOCTOR)
    booking_id = pressed.booking_id
    if not pressed.extra:
        visit = await visit_reads.visit(turn.session, actor, booking_id)
        turn.say(telegram_menus.ask_flag(visit.booking))
        return
    if pressed.extra not in set(Flag):
        raise NotFound
    booking = await bookings.flag(turn.session, actor, booking_id, Flag(pressed.extra))
    turn.note = gettext("{call}: the dispatchers see the alarm.", call=booking.label)
    turn.redraw(await telegram_cards.visit_card(turn.session, actor, booking_id))


async def locate(message: Message, turn: Turn) -> None:
    """Take a position; a live one goes on by itself."""
    await move(message, turn)
    live = message.location is not None and message.location.live_period
    text = (
        gettext("Your position is followed.")
        if live
        else gettext("Your position is noted.")
    )
    turn.say(text)


async def move(message: Message, turn: Turn) -> None:
    """Follow a live position; nobody is told each time."""
    place = message.location
    assert place is not None  # noqa: S101 - the filter has looked
    await duty.set_position(
        turn.session,
        turn.actor(Role.DOCTOR),
        place.latitude,
        place.longitude,
        place.horizontal_accuracy,
        await clock.of_outside(turn.session, _stamp(message)),
    )


def _stamp(message: Message) -> datetime:
    edited = message.edit_date
    return message.date if edited is None else datetime.fromtimestamp(edited, UTC)
