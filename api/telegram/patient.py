"""A patient's own calls: look at them, pay, cancel. Cancelling is shared with doctors."""

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message
from sqlmodel.ext.asyncio.session import AsyncSession

from api.telegram.turn import AboutCall, Turn
from api.telegram.words import Known, Pressed
from models import Payment
from models.booking import Verb
from models.booking_words import CancelReason
from models.payment import PaymentMethod
from models.role_grant import Role
from services import (
    bookings,
    chat_rooms,
    payment_opening,
    payment_sending,
    telegram_cards,
    telegram_menus,
)
from services.actor import Actor, Via
from services.amounts import roubles
from services.database import Sessions
from services.edges import in_transaction
from services.errors import NotFound
from services.gateways.yookassa import INTERACTIVE_SECONDS
from services.i18n import gettext
from services.payment_opening import Wish
from services.telegram_buttons import Button, TelegramMessage


def router() -> Router:
    """Make the routes of patients and those that both roles have."""
    made = Router(name="patient")
    for observer in (made.message, made.callback_query):
        observer.filter(Known())
    made.message.register(list_calls, Command("calls"))
    press = made.callback_query.register
    press(list_calls, Pressed(telegram_menus.CALLS, call=False))
    press(card, Pressed(telegram_cards.CARD))
    press(pay, Pressed(telegram_cards.PAY))
    press(ask_cancel, Pressed(Verb.CANCEL))
    press(ask_surely, Pressed(telegram_menus.CUT))
    press(cancel, Pressed(telegram_menus.SURELY))
    return made


async def standing(turn: Turn) -> tuple[Actor, AboutCall]:
    """Act in the role in which the person stands in the pressed call."""
    person, call = turn.known, turn.call
    actor = await chat_rooms.participant(
        turn.session, person.user_id, person.roles, call.booking_id, Via.BOT
    )
    return actor, call


async def list_calls(_: Message | CallbackQuery, turn: Turn) -> None:
    """Show one's open calls."""
    turn.say(await telegram_menus.calls(turn.session, turn.actor(Role.PATIENT)))


async def card(_: CallbackQuery, turn: Turn) -> None:
    """Show a call as it stands."""
    actor, call = await standing(turn)
    turn.redraw(await telegram_cards.card(turn.session, actor, call.booking_id))


async def ask_cancel(_: CallbackQuery, turn: Turn) -> None:
    """Ask why."""
    actor, call = await standing(turn)
    turn.say(
        await telegram_menus.ask_cancel(
            turn.session, actor, call.booking_id, call.version
        )
    )


async def ask_surely(_: CallbackQuery, turn: Turn) -> None:
    """Ask once more."""
    _actor, call = await standing(turn)
    reason = _reason(call)
    turn.redraw(telegram_menus.ask_surely(call.booking_id, call.version, reason))


async def cancel(_: CallbackQuery, turn: Turn) -> None:
    """End the call without a visit."""
    actor, call = await standing(turn)
    booking = await bookings.cancel(
        turn.session, actor, call.booking_id, _reason(call), None, call.version
    )
    turn.redraw(gettext("{call}: the call is cancelled.", call=booking.label))


async def pay(_: CallbackQuery, turn: Turn) -> None:
    """Open a payment; the provider is asked after the commit, for eight seconds."""
    actor, call = turn.about(Role.PATIENT)
    wish = Wish(PaymentMethod.CARD)
    opened = await payment_opening.begin(turn.session, actor, call.booking_id, wish)
    if not opened.to_be_sent:
        turn.say(_to_pay(opened.payment))
        return

    async def later(sessions: Sessions) -> TelegramMessage:
        return _to_pay(await _asked(sessions, opened.payment))

    turn.later = later


async def _asked(sessions: Sessions, payment: Payment) -> Payment:
    outcome = await payment_sending.ask(
        payment, flow="payment", seconds=INTERACTIVE_SECONDS
    )

    async def keep(own: AsyncSession) -> Payment:
        return await payment_sending.keep(own, payment.id, outcome, first=True)

    return await in_transaction(sessions, keep)


def _to_pay(payment: Payment) -> TelegramMessage:
    """The provider's page as a button; without one yet, when to ask again."""
    amount = roubles(payment.amount_kopecks)
    if payment.confirmation_url is None:
        text = gettext(
            "The payment is being prepared. Press the button once more soon."
        )
        return TelegramMessage(text)
    text = gettext("To be paid: {amount}.", amount=amount)
    key = Button(gettext("Pay"), url=payment.confirmation_url)
    return TelegramMessage(text, [[key]])


def _reason(call: AboutCall) -> CancelReason:
    if call.extra not in set(CancelReason):
        raise NotFound
    return CancelReason(call.extra)
