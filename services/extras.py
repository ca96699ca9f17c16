"""Extra services of a visit: from the price list only, and well above the quote only
with the patient's consent. Nothing of them is charged before."""

import uuid
from collections.abc import Sequence

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, BookingItem, User
from models.booking_words import ExtraConsent
from services import audit, clock, earnings, live, prices, settings
from services.actor import Actor
from services.amounts import roubles
from services.booking_drafts import ItemInput
from services.booking_steps import demand_ownership, lock_booking
from services.errors import IllegalTransition
from services.i18n import current_locale, use_locale
from services.inputs import wrong
from services.notifications import Notice, notify
from services.permissions import Permission, demand


async def add(
    session: AsyncSession, actor: Actor, booking: Booking, items: Sequence[ItemInput]
) -> None:
    """Write what was done beyond the visit, at the list's words and prices of now.

    Above a set share of the quote all of it waits for the patient, who is told.
    """
    if not items:
        return
    rows = [await _row(session, booking.id, item) for item in items]
    session.add_all(rows)
    booking.extras_kopecks = sum(row.price_kopecks * row.quantity for row in rows)
    percent = await settings.get(session, settings.EXTRAS_CONSENT_PERCENT)
    if booking.extras_kopecks * 100 > booking.price_kopecks * percent:
        booking.extra_consent = ExtraConsent.AWAITED
        await _tell(session, actor, booking)


async def agree(session: AsyncSession, actor: Actor, booking_id: uuid.UUID) -> Booking:
    """The patient takes the extras on; they are charged and earned from now on."""
    demand(actor, Permission.EXTRAS_AGREE)
    booking = await _awaiting(session, actor, booking_id)
    await _decide(session, actor, booking, ExtraConsent.AGREED)
    await earnings.post_extras(session, actor, booking)
    return booking


async def waive(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, reason: str
) -> Booking:
    """Finance lets the extras go; nobody pays them and nobody earns them."""
    demand(actor, Permission.EXTRAS_WAIVE)
    if not reason.strip():
        raise wrong("reason")
    booking = await _awaiting(session, actor, booking_id)
    await _decide(session, actor, booking, ExtraConsent.WAIVED, reason=reason)
    return booking


async def _tell(session: AsyncSession, actor: Actor, booking: Booking) -> None:
    patient = await session.get_one(User, booking.patient_id)
    with use_locale(patient.locale):
        facts = {"call": booking.label, "amount": roubles(booking.extras_kopecks)}
    kind = "extras_await_consent"
    notice = Notice(kind, patient.id, facts=facts, booking_id=booking.id)
    await notify(session, actor, notice)


async def _row(
    session: AsyncSession, booking_id: uuid.UUID, item: ItemInput
) -> BookingItem:
    line = await prices.extra_item(session, item.price_item_id)
    return BookingItem(
        booking_id=booking_id,
        price_item_id=line.id,
        title=line.title_ru if current_locale() == "ru" else line.title_en,
        quantity=item.quantity,
        price_kopecks=line.price_kopecks,
        vat_code=line.vat_code,
    )


async def _awaiting(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> Booking:
    booking = await lock_booking(session, booking_id)
    now = await clock.now(session)
    await demand_ownership(session, actor, booking, None, now)
    if booking.extra_consent is not ExtraConsent.AWAITED:
        raise IllegalTransition("No extra services of this call wait for consent.")
    return booking


async def _decide(
    session: AsyncSession,
    actor: Actor,
    booking: Booking,
    consent: ExtraConsent,
    **facts: str,
) -> None:
    booking.extra_consent = consent
    audit.record(
        session,
        actor,
        f"extras.{consent.value}",
        "booking",
        booking.id,
        extras_kopecks=booking.extras_kopecks,
        **facts,
    )
    await session.flush()
    await live.announce(session, live.Topic.CALL, booking.id)
