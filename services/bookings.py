"""Calls from the first word on: create, edit, join, cancel, flag, hand over."""

import uuid
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, ClinicProfile, DoctorProfile, Outcome
from models.base import uuid7
from models.booking import ACTIVE, Verb
from models.booking_words import (
    BEARER_OF,
    PRIORITY_OF,
    CancelReason,
    Flag,
)
from models.role_grant import Role
from services import (
    births,
    cancellations,
    consents,
    phone_patients,
    places,
    proven_phones,
)
from services.actor import Actor
from services.booking_creation import Decided, insert_booking
from services.booking_drafts import BookingDraft, PatientDraft
from services.booking_edits import edit
from services.booking_steps import Step, begin, finish, release
from services.errors import Forbidden, IllegalTransition, NotFound
from services.i18n import gettext
from services.inputs import wrong
from services.permissions import Permission, demand
from services.places import Place

__all__ = [
    "cancel",
    "create",
    "edit",
    "flag",
    "hand_to_clinic",
    "join",
    "take_back",
]

OPEN_LIMIT = 10

# Who may give which reason: one's own side of the story. A dispatcher hears all.
REASONS_OF = {
    Role.PATIENT: frozenset(
        {
            CancelReason.PATIENT_CHANGED_MIND,
            CancelReason.DUPLICATE,
            CancelReason.OTHER,
        }
    ),
    Role.DOCTOR: frozenset(
        {
            CancelReason.PATIENT_CHANGED_MIND,
            CancelReason.PATIENT_ABSENT,
            CancelReason.REFUSED_ON_SITE,
            CancelReason.FALSE_CALL,
            CancelReason.OTHER,
        }
    ),
    Role.DISPATCHER: frozenset(CancelReason),
}


async def create(
    session: AsyncSession,
    actor: Actor,
    draft: PatientDraft,
    *,
    open_limit: int = OPEN_LIMIT,
) -> Booking:
    """Take a call: from a patient for themselves, from a dispatcher for a caller.

    Price, priority and status are decided here; only a dispatcher may say
    otherwise about the priority.
    """
    demand(actor, Permission.BOOKING_CREATE)
    patient_id, priority = actor.user_id, PRIORITY_OF[draft.call_type]
    stop: Booking | None = None
    if actor.acting_as is Role.DISPATCHER and isinstance(draft, BookingDraft):
        patient_id = await _patient_of(session, actor, draft)
        priority = draft.priority or priority
        stop = await _stop_of(session, draft)
    elif actor.acting_as is not Role.PATIENT or isinstance(draft, BookingDraft):
        raise Forbidden
    else:
        await proven_phones.demand(session, patient_id)
        await consents.demand_current(session, patient_id)
    if draft.subject is not None:
        born = draft.subject.birth_date
        await births.demand_born(session, born, "subject.birth_date")
    if draft.preferred_doctor_id is not None:
        await _demand_doctor(session, draft.preferred_doctor_id)
    decided = Decided(
        patient_id,
        await _place_of(session, patient_id, draft, stop),
        priority,
        stop.stop_id if stop else uuid7(),
        open_limit,
    )
    return await insert_booking(session, actor, draft, decided)


async def _patient_of(
    session: AsyncSession, actor: Actor, draft: BookingDraft
) -> uuid.UUID:
    if draft.caller is not None:
        patient_id = await phone_patients.find_or_make(session, actor, draft.caller)
    else:
        assert draft.patient_id is not None  # noqa: S101 - the draft checks it
        patient_id = await phone_patients.demand_known(session, draft.patient_id)
    if patient_id == actor.user_id:
        raise Forbidden("Nobody decides on a call of their own.")
    return patient_id


async def _stop_of(session: AsyncSession, draft: BookingDraft) -> Booking | None:
    if draft.same_stop_as is None:
        return None
    stop = await session.get(Booking, draft.same_stop_as)
    if stop is None:
        raise NotFound
    if stop.status not in ACTIVE:
        raise IllegalTransition("That call is over; its stop cannot be shared.")
    return stop


async def _place_of(
    session: AsyncSession,
    patient_id: uuid.UUID,
    draft: PatientDraft,
    stop: Booking | None,
) -> Place:
    if draft.address is not None:
        return await places.typed(session, draft.address)
    if draft.address_id is not None:
        return await places.saved(session, patient_id, draft.address_id)
    assert stop is not None  # noqa: S101 - the draft checks it
    return places.same_as(stop)


async def _demand_doctor(session: AsyncSession, doctor_id: uuid.UUID) -> None:
    query = select(DoctorProfile.user_id).where(
        col(DoctorProfile.user_id) == doctor_id,
        col(DoctorProfile.approved_at).is_not(None),
        col(DoctorProfile.suspended_at).is_(None),
    )
    if (await session.exec(query)).one_or_none() is None:
        raise NotFound("There is no such doctor.")


async def join(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    words: str,
    version: int | None = None,
) -> Booking:
    """Add what a second caller says to the history of the call they mean."""
    step = await begin(session, actor, Verb.JOIN, booking_id, version)
    if not words.strip():
        raise wrong("words")
    return await finish(step, comment=words)


async def cancel(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    reason_code: CancelReason,
    comment: str | None = None,
    version: int | None = None,
) -> Booking:
    """End the call without a visit; the reason names who bears the cost.

    What was paid goes back by policy in the same transaction.
    """
    step = await begin(session, actor, Verb.CANCEL, booking_id, version)
    if reason_code not in REASONS_OF[actor.acting_as]:
        message = gettext("This reason is not yours to give")
        raise wrong("reason_code", message)
    data: dict[str, Any] = {
        "reason_code": reason_code,
        "bearer": BEARER_OF[reason_code],
    }
    if step.turn is not None:
        turn = release(step, Outcome.CANCELLED, reason_code)
        data["doctor_id"] = str(turn.doctor_id)
    booking, was = step.booking, step.booking.status
    booking.cancelled_at, booking.cancel_reason_code = step.now, reason_code
    booking.cancel_comment = comment
    await finish(step, comment=comment, **data)
    await cancellations.settle(session, actor, booking, was)
    return booking


async def flag(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    flag: Flag,
    raised: bool = True,
    comment: str | None = None,
    version: int | None = None,
) -> Booking:
    """Raise a flag; only a dispatcher takes one down."""
    step = await begin(session, actor, Verb.FLAG, booking_id, version)
    if not raised and actor.acting_as is not Role.DISPATCHER:
        raise Forbidden
    others = [each for each in step.booking.flags if each != flag]
    step.booking.flags = [*others, flag.value] if raised else others
    if step.turn is not None:
        step.told.add(step.turn.doctor_id)
    return await finish(step, comment=comment, flag=flag, raised=raised)


async def hand_to_clinic(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    clinic_id: uuid.UUID,
    version: int | None,
) -> Booking:
    """Let a clinic find one of its own doctors for the call."""
    step = await begin(session, actor, Verb.HAND_TO_CLINIC, booking_id, version)
    clinic = await session.get(ClinicProfile, clinic_id)
    if clinic is None or not clinic.active:
        raise NotFound("There is no such clinic.")
    if step.booking.clinic_id == clinic_id:
        raise IllegalTransition("The call is with this clinic already.")
    return await _move(step, clinic_id)


async def take_back(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    version: int | None,
) -> Booking:
    """Take the call away from the clinic that had it."""
    step = await begin(session, actor, Verb.TAKE_BACK, booking_id, version)
    if step.booking.clinic_id is None:
        raise IllegalTransition("The call is not with a clinic.")
    return await _move(step, None)


async def _move(step: Step, clinic_id: uuid.UUID | None) -> Booking:
    """Change whose the call is; a doctor who had it loses it."""
    was = step.booking.clinic_id
    data: dict[str, Any] = {}
    if step.turn is not None:
        turn = release(step, Outcome.UNASSIGNED)
        data["doctor_id"] = str(turn.doctor_id)
    step.booking.clinic_id = clinic_id
    return await finish(
        step,
        clinic_id=str(clinic_id) if clinic_id else None,
        from_clinic_id=str(was) if was else None,
        **data,
    )
