"""A call on a card in Telegram: as much as may be shown, and the buttons that are legal.

Where content may not be carried, a card names the number, the district and the time.
Each button carries the version that the card was drawn of.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking
from models.booking import ACTIVE, Status, Verb, sources_of
from models.booking_words import Flag
from models.payment import PaymentState
from models.role_grant import Role
from services import (
    booking_reads,
    chat_rooms,
    telegram_content,
    visit_reads,
    words,
)
from services.actor import Actor
from services.booking_reads import BookingView
from services.clock import MOSCOW
from services.config import get_settings
from services.errors import PositionNotShared
from services.i18n import Lazy, gettext
from services.permissions import may, permission_of
from services.telegram_buttons import Button, TelegramMessage, data
from services.visit_reads import Visit

# In the order of the buttons.
OF_DOCTOR = (
    Verb.ACCEPT,
    Verb.DECLINE,
    Verb.DEPART,
    Verb.START,
    Verb.COMPLETE,
    Verb.FLAG,
    Verb.CANCEL,
)
OF_PATIENT = (Verb.CANCEL,)
CARD, CHAT, PAY = "card", "chat", "pay"
ALARM = Lazy("Alarm")
A_ROW = 2


def legal(booking: Booking, role: Role, verbs: Iterable[Verb]) -> Sequence[Verb]:
    """Tell which of the verbs this role may do with the call now."""
    return [
        verb
        for verb in verbs
        if may(role, permission_of(verb)) and booking.status in sources_of(verb, role)
    ]


async def visit_card(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> TelegramMessage:
    """Draw a visit for its doctor; NotFound once it is not theirs."""
    visit = await visit_reads.visit(session, actor, booking_id)
    booking = visit.booking
    carried = await telegram_content.may_carry(session, booking)
    lines = [_head(booking), *_plan(booking, visit.turn.planned_start)]
    if carried:
        lines += _about(visit)
    keys = [
        Button(_label(verb), data(verb.value, booking.id, booking.version))
        for verb in legal(booking, Role.DOCTOR, OF_DOCTOR)
    ]
    keys += await _talk(session, booking)
    return TelegramMessage("\n".join(lines), rows(keys), about=booking_id)


async def call_card(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    told: Collection[str] = (),
) -> TelegramMessage:
    """Draw a call for its patient; NotFound once it is not theirs.

    What was `told` above it (call, time, doctor, minutes) is not said again.
    """
    view = await booking_reads.patient_booking(session, actor, booking_id)
    booking = view.booking
    lines = [] if "call" in told else [_head(booking)]
    if view.turn is not None and booking.status in ACTIVE and "time" not in told:
        lines += _plan(booking, view.turn.planned_start)
    doctor = None if "doctor" in told else view.doctor
    if doctor is not None and await telegram_content.may_carry(session, booking):
        lines.append(gettext("Doctor: {name}", name=doctor.full_name))
    if "minutes" not in told:
        lines += await _minutes_left(session, actor, booking)
    keys = await _talk(session, booking)
    keys += _pay(view)
    keys += [
        Button(_label(verb), data(verb.value, booking.id, booking.version))
        for verb in legal(booking, Role.PATIENT, OF_PATIENT)
    ]
    return TelegramMessage("\n".join(lines), rows(keys), about=booking_id)


async def card(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    told: Collection[str] = (),
) -> TelegramMessage:
    """Draw the card that the actor's role sees."""
    if actor.acting_as is Role.DOCTOR:
        return await visit_card(session, actor, booking_id)
    return await call_card(session, actor, booking_id, told)


def rows(keys: Sequence[Button]) -> Sequence[Sequence[Button]]:
    """Put buttons side by side."""
    return [keys[at : at + A_ROW] for at in range(0, len(keys), A_ROW)]


def line_of(booking: Booking, planned: datetime | None) -> str:
    """Name a call on one line, as a button of a list does."""
    parts = [booking.label, words.label(booking.status)]
    if planned is not None:
        parts.append(clock_time(planned))
    return " · ".join(parts)


def clock_time(moment: datetime) -> str:
    """Say a moment as people do: the day and the time in Moscow."""
    return moment.astimezone(MOSCOW).strftime("%d.%m %H:%M")


def _label(verb: Verb) -> str:
    return str(ALARM) if verb is Verb.FLAG else words.label(verb)


def _head(booking: Booking) -> str:
    return f"{booking.label} · {words.label(booking.status)}"


def _plan(booking: Booking, planned: datetime) -> list[str]:
    lines = [gettext("Time: {time}", time=clock_time(planned))]
    if booking.district:
        lines.append(gettext("District: {district}", district=booking.district))
    return lines


def _about(visit: Visit) -> list[str]:
    """What the stage of the visit lets its doctor know."""
    booking, subject = visit.booking, visit.subject
    lines = [words.label(booking.call_type)]
    if subject.age is not None:
        lines.append(gettext("Age: {age}", age=subject.age))
    lines.append(gettext("Complaint: {text}", text=booking.symptoms))
    if not visit.known:
        return lines
    known = (
        (Lazy("Patient: {text}"), subject.name),
        (Lazy("Phone: {text}"), subject.contact_phone),
        (Lazy("Address: {text}"), _address(booking)),
        (Lazy("Notes: {text}"), booking.address_notes),
        (Lazy("Allergies: {text}"), subject.allergies),
        (Lazy("Chronic conditions: {text}"), subject.chronic_conditions),
    )
    lines += [_filled(name, text) for name, text in known if text]
    lines += [f"! {words.label(Flag(each))}" for each in booking.flags]
    return lines


def _address(booking: Booking) -> str:
    """The door as one says it to a driver."""
    parts = (
        (Lazy("entrance {text}"), booking.entrance),
        (Lazy("floor {text}"), booking.floor),
        (Lazy("flat {text}"), booking.flat),
        (Lazy("intercom {text}"), booking.intercom),
    )
    inside = [_filled(name, text) for name, text in parts if text]
    return ", ".join([booking.address_text, *inside])


def _filled(name: Lazy, text: str) -> str:
    return gettext(str.__str__(name), text=text)


async def _minutes_left(
    session: AsyncSession, actor: Actor, booking: Booking
) -> list[str]:
    if booking.status is not Status.EN_ROUTE:
        return []
    try:
        found = await booking_reads.doctor_position(session, actor, booking.id)
    except PositionNotShared:
        return []
    text = gettext(
        "The doctor is on the way, about {minutes} min.", minutes=found.eta_minutes
    )
    return [text]


async def _talk(session: AsyncSession, booking: Booking) -> list[Button]:
    room = await chat_rooms.load(session, booking.id)
    return [] if room.closed else [talk_key(booking.id)]


def talk_key(booking_id: uuid.UUID) -> Button:
    """The button that opens the conversation of a call."""
    return Button(gettext("Chat"), data(CHAT, booking_id))


def _pay(view: BookingView) -> list[Button]:
    """A button while something is owed and there is where to pay it."""
    money, booking = view.money, view.booking
    if money is None or booking.status is Status.CANCELLED:
        return []
    owed = money.payment_state in {PaymentState.UNPAID, PaymentState.PENDING}
    if not owed or money.total <= money.paid or not get_settings().yookassa_shop_id:
        return []
    return [Button(gettext("Pay"), data(PAY, booking.id))]
