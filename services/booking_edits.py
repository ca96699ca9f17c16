"""Changing what a call says while it is open."""

import uuid
from datetime import timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking
from models.base import uuid7
from models.booking import Verb
from models.booking_words import CallType
from models.role_grant import Role
from services import places
from services.actor import Actor
from services.booking_drafts import BookingChanges
from services.booking_steps import Step, begin, finish
from services.eligibility import lock_doctors
from services.errors import Forbidden
from services.i18n import gettext
from services.inputs import AddressInput, wrong

PATIENT_MAY_CHANGE = frozenset({"address", "wanted_from", "wanted_to", "symptoms"})
PLAIN = ("symptoms", "specialization", "priority")
FARTHEST = timedelta(days=365)


async def edit(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    changes: BookingChanges,
    version: int | None,
) -> Booking:
    """Change what was given and nothing else; the price stays as quoted.

    A doctor who has the call is told.
    """
    step = await begin(session, actor, Verb.EDIT, booking_id, version)
    fields = changes.model_fields_set
    if actor.acting_as is Role.PATIENT and not fields <= PATIENT_MAY_CHANGE:
        raise Forbidden
    for name in PLAIN:
        if (value := getattr(changes, name)) is not None:
            setattr(step.booking, name, value)
    if changes.contact_phone is not None:
        _change_contact(step.booking, changes.contact_phone)
    if fields & {"wanted_from", "wanted_to"}:
        _change_window(step, changes)
    if changes.address is not None:
        await _change_address(step, changes.address)
    if step.turn is not None:
        step.told.add(step.turn.doctor_id)
    return await finish(step, fields=sorted(fields))


def _change_contact(booking: Booking, phone: str) -> None:
    if not booking.for_another:
        raise wrong(
            "contact_phone", gettext("The holder's number is changed in their profile")
        )
    booking.subject_contact_phone = phone


def _change_window(step: Step, changes: BookingChanges) -> None:
    booking = step.booking
    given = changes.model_fields_set
    starts = changes.wanted_from if "wanted_from" in given else booking.wanted_from
    ends = changes.wanted_to if "wanted_to" in given else booking.wanted_to
    if booking.call_type is CallType.SCHEDULED and (starts is None or ends is None):
        raise wrong(
            "wanted_from", gettext("A scheduled call needs wanted_from, wanted_to")
        )
    for moment in (changes.wanted_from, changes.wanted_to):
        if moment is not None and not step.now < moment < step.now + FARTHEST:
            raise wrong(
                "wanted_from", gettext("The wanted time must lie ahead, within a year")
            )
    if starts is not None and ends is not None and ends <= starts:
        raise wrong("wanted_to", gettext("The wanted time ends before it begins"))
    booking.wanted_from, booking.wanted_to = starts, ends


async def _change_address(step: Step, address: AddressInput) -> None:
    """Move the call; another house or flat is another stop, for its doctor too."""
    booking, turn = step.booking, step.turn
    place = await places.typed(step.session, address)
    if (place.address_text, place.flat) != (booking.address_text, booking.flat):
        booking.stop_id = uuid7()
        if turn is not None:
            await lock_doctors(step.session, turn.doctor_id)
            turn.stop_id = booking.stop_id
    for name, value in vars(place).items():
        setattr(booking, name, value)
