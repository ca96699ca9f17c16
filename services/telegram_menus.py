"""What the bot shows beside single calls: the menu, lists, and its own questions."""

import uuid
from collections.abc import Iterable, Sequence

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, DoctorState
from models.booking import ACTIVE, Verb
from models.booking_words import CancelReason, Flag
from models.role_grant import Role
from services import (
    booking_reads,
    bookings,
    telegram_cards,
    telegram_content,
    telegram_dialogs,
    visit_reads,
    words,
)
from services.actor import Actor
from services.errors import NotFound
from services.i18n import Lazy, gettext
from services.pages import Wanted
from services.telegram_buttons import Button, TelegramMessage, data
from services.telegram_cards import ALARM, CARD, line_of
from services.telegram_people import Person

ON_DUTY, OFF_DUTY, VISITS, CALLS = "on", "off", "visits", "calls"
WHY, CUT, SURELY = "why", "cut", "surely"
# A reason in one's own words, and the yes to it.
OWN, REFUSE = "own", "refuse"
# Which call the kept words go to, and none at all.
SEND_TO, LEAVE = "to", "leave"
SHOWN = 10
# Ready answers name no patient and nothing medical, so they may go through Telegram.
REASONS = {
    "far": Lazy("Too far"),
    "time": Lazy("No time"),
    "unwell": Lazy("I am unwell"),
    "field": Lazy("Not my field"),
    "car": Lazy("The car broke down"),
}


async def menu(session: AsyncSession, person: Person) -> TelegramMessage:
    """Show what the person can do beside their calls."""
    keys = []
    lines = [gettext("What would you like to do?")]
    if Role.DOCTOR in person.roles:
        on = await _on_duty(session, person.user_id)
        state = gettext("You are on duty.") if on else gettext("You are off duty.")
        lines.insert(0, state)
        word, text = (
            (OFF_DUTY, gettext("Go off duty"))
            if on
            else (ON_DUTY, gettext("Go on duty"))
        )
        keys += [
            Button(text, data(word)),
            Button(gettext("My visits"), data(VISITS)),
            Button(str(ALARM), data(Verb.FLAG)),
        ]
    if Role.PATIENT in person.roles:
        keys.append(Button(gettext("My calls"), data(CALLS)))
    return TelegramMessage("\n".join(lines), telegram_cards.rows(keys))


async def visits(session: AsyncSession, actor: Actor) -> TelegramMessage:
    """List the doctor's running visits, each a button to its card."""
    page = await visit_reads.visits(session, actor, Wanted(SHOWN), list(ACTIVE))
    found = sorted(page.items, key=lambda each: each.turn.planned_start)
    keys = [
        Button(line_of(each.booking, each.turn.planned_start), _to(CARD, each.booking))
        for each in found
    ]
    return _listed(gettext("Your visits:"), gettext("You have no visits."), keys)


async def calls(session: AsyncSession, actor: Actor) -> TelegramMessage:
    """List the patient's open calls, each a button to its card."""
    page = await booking_reads.patient_bookings(
        session, actor, Wanted(SHOWN), list(ACTIVE)
    )
    keys = [
        Button(line_of(each.booking, None), _to(CARD, each.booking))
        for each in page.items
    ]
    return _listed(gettext("Your calls:"), gettext("You have no open calls."), keys)


def choose(calls: Iterable[Booking], text: str) -> TelegramMessage:
    """Ask which call a message is about."""
    keys = [[Button(line_of(each, None), _to(SEND_TO, each))] for each in calls]
    keys.append([Button(gettext("Back"), data(LEAVE))])
    return TelegramMessage(text, keys)


async def ask_decline(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, version: int | None
) -> TelegramMessage:
    """Ask why the doctor declines; in their own words where content may be carried.

    A ready reason is the confirmation itself.
    """
    booking = (await visit_reads.visit(session, actor, booking_id)).booking
    keys = [
        Button(str(text), data(WHY, booking_id, version, code))
        for code, text in REASONS.items()
    ]
    if await telegram_content.may_carry(session, booking):
        own = gettext("A reason of your own…")
        keys.append(Button(own, data(OWN, booking_id, version)))
    keys.append(back(booking_id))
    text = gettext("{call}: why can you not come?", call=booking.label)
    return TelegramMessage(text, telegram_cards.rows(keys))


async def ask_own_reason(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    version: int | None,
    message_id: int,
) -> TelegramMessage:
    """Wait for a reason in the doctor's own words; `message_id` is where it is asked.

    Raises NotFound where such words may not go through Telegram.
    """
    booking = (await visit_reads.visit(session, actor, booking_id)).booking
    if not await telegram_content.may_carry(session, booking):
        raise NotFound
    at = (telegram_dialogs.DECLINE, telegram_dialogs.REASON)
    await telegram_dialogs.begin(
        session, actor.user_id, at, booking_id, version=version, asked_at=message_id
    )
    text = gettext(
        "{call}: write in one message why you cannot come.", call=booking.label
    )
    return TelegramMessage(text, [[back(booking_id)]])


async def ask_refuse(
    session: AsyncSession, booking_id: uuid.UUID, reason: str
) -> TelegramMessage:
    """Ask once more before a visit is declined for this reason."""
    booking = await session.get_one(Booking, booking_id)
    text = gettext(
        "{call}: decline the visit? Reason: {reason}",
        call=booking.label,
        reason=reason,
    )
    yes = Button(gettext("Yes, decline"), data(REFUSE, booking_id))
    return TelegramMessage(text, [[yes, back(booking_id)]])


def back(booking_id: uuid.UUID) -> Button:
    """The button that leads from a question back to the card of its call."""
    return Button(gettext("Back"), data(CARD, booking_id))


async def ask_cancel(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, version: int | None
) -> TelegramMessage:
    """Ask for one of the reasons that are the role's to give."""
    await telegram_cards.card(session, actor, booking_id)
    reasons = bookings.REASONS_OF[actor.acting_as]
    keys = [
        Button(words.label(each), data(CUT, booking_id, version, each.value))
        for each in CancelReason
        if each in reasons
    ]
    keys.append(back(booking_id))
    text = gettext("Why is the call cancelled?")
    return TelegramMessage(text, telegram_cards.rows(keys))


def ask_surely(
    booking_id: uuid.UUID, version: int | None, reason: CancelReason
) -> TelegramMessage:
    """Ask once more before a call is cancelled."""
    keys = [
        Button(
            gettext("Yes, cancel the call"),
            data(SURELY, booking_id, version, reason.value),
        ),
        Button(gettext("No"), data(CARD, booking_id)),
    ]
    text = gettext("Cancel the call? Reason: {reason}.", reason=words.label(reason))
    return TelegramMessage(text, [keys])


def ask_flag(booking: Booking) -> TelegramMessage:
    """Ask which alarm it is; one press raises it."""
    keys = [
        Button(words.label(each), data(Verb.FLAG, booking.id, extra=each.value))
        for each in Flag
    ]
    text = gettext("{call}: which alarm?", call=booking.label)
    keys.append(back(booking.id))
    return TelegramMessage(text, [[each] for each in keys])


async def ask_alarm(session: AsyncSession, actor: Actor) -> TelegramMessage:
    """Ask which alarm of which visit; the one under way needs no choice."""
    page = await visit_reads.visits(session, actor, Wanted(SHOWN), list(ACTIVE))
    found = [each.booking for each in page.items]
    here = [
        each.booking
        for each in page.items
        if each.turn.departed_at is not None or each.turn.started_at is not None
    ]
    chosen = here or found
    if len(chosen) == 1:
        return ask_flag(chosen[0])
    keys = [Button(line_of(each, None), data(Verb.FLAG, each.id)) for each in chosen]
    which = gettext("Which visit is it about?")
    return _listed(which, gettext("You have no visits."), keys)


def _listed(head: str, nothing: str, keys: Sequence[Button]) -> TelegramMessage:
    if not keys:
        return TelegramMessage(nothing)
    return TelegramMessage(head, [[each] for each in keys])


def _to(word: str, booking: Booking) -> str:
    return data(word, booking.id)


async def _on_duty(session: AsyncSession, doctor_id: uuid.UUID) -> bool:
    query = select(DoctorState.on_duty).where(col(DoctorState.doctor_id) == doctor_id)
    return bool((await session.exec(query)).one_or_none())
