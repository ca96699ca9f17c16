"""Who changed the call since it was last seen, in a sentence a person would say.

«Анна назначила врача Орлова 12 с назад»: Russian verbs agree with the sex of who
acted, and the doctor's name stands in the accusative.
"""

import uuid
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, BookingEvent, User
from models.booking import Verb
from models.role_grant import STAFF_ROLES, Role
from services import russian, words
from services.actor import Actor
from services.errors import StaleVersion
from services.i18n import Lazy, current_locale, gettext

# {a} is the feminine ending of the Russian verb; English has no use for it.
DONE = {
    Verb.EDIT: Lazy("{who} edited the call {ago}"),
    Verb.JOIN: Lazy("{who} added the caller's words {ago}"),
    Verb.HAND_TO_CLINIC: Lazy("{who} handed the call to a clinic {ago}"),
    Verb.TAKE_BACK: Lazy("{who} took the call back from the clinic {ago}"),
    Verb.ASSIGN: Lazy("{who} assigned {doctor} {ago}"),
    Verb.REPLAN: Lazy("{who} changed the planned time {ago}"),
    Verb.REASSIGN: Lazy("{who} gave the call to {doctor} {ago}"),
    Verb.UNASSIGN: Lazy("{who} took {doctor} off {ago}"),
    Verb.ACCEPT: Lazy("{who} accepted the call {ago}"),
    Verb.DECLINE: Lazy("{who} declined the call {ago}"),
    Verb.DEPART: Lazy("{who} marked the departure {ago}"),
    Verb.START: Lazy("{who} marked the arrival {ago}"),
    Verb.COMPLETE: Lazy("{who} completed the visit {ago}"),
    Verb.CANCEL: Lazy("{who} cancelled the call {ago}"),
    Verb.FLAG: Lazy("{who} changed a flag {ago}"),
}
BY_ITSELF = Lazy("the call was changed {ago}")


async def error(
    session: AsyncSession, actor: Actor, booking: Booking, now: datetime
) -> StaleVersion:
    """Make the refusal that tells who did what, and when.

    Only staff read names; a patient or a clinic learns that it happened.
    """
    what = await last_change(
        session, booking, now, named=actor.acting_as in STAFF_ROLES
    )
    return StaleVersion(what=what, current_version=booking.version)


async def last_change(
    session: AsyncSession, booking: Booking, now: datetime, *, named: bool
) -> str:
    """Tell the last step of a call's history in one sentence."""
    query = select(BookingEvent).where(
        col(BookingEvent.booking_id) == booking.id,
        col(BookingEvent.version) == booking.version,
    )
    event = (await session.exec(query)).one()
    ago = time_ago(int((now - event.created_at).total_seconds()))
    who = await session.get(User, event.actor_id)
    if not named or who is None or event.event not in DONE:
        return gettext(BY_ITSELF, ago=ago)
    name, feminine = _called(who, event.acting_as)
    return gettext(
        DONE[Verb(event.event)],
        who=name,
        a="а" if feminine else "",
        doctor=await _doctor_of(session, event),
        ago=ago,
    )


def _called(who: User, role: Role) -> tuple[str, bool]:
    """Staff go by their first name, doctors by their last, patients by the word."""
    if role is Role.PATIENT:
        return words.label(role), False
    feminine = russian.is_feminine(who.first_name, who.middle_name)
    return (who.last_name if role is Role.DOCTOR else who.first_name), feminine


async def _doctor_of(session: AsyncSession, event: BookingEvent) -> str:
    doctor_id = event.data.get("doctor_id")
    doctor = await session.get(User, uuid.UUID(doctor_id)) if doctor_id else None
    if doctor is None:
        return gettext("the doctor")
    if current_locale() != "ru":
        return doctor.last_name
    feminine = russian.is_feminine(doctor.first_name, doctor.middle_name)
    return russian.accusative(doctor.last_name, feminine=feminine)


def time_ago(seconds: int) -> str:
    """Say how long ago something was, as short as a toast needs it."""
    if seconds < 60:
        return gettext("{count} s ago", count=max(seconds, 0))
    if seconds < 3600:
        return gettext("{count} min ago", count=seconds // 60)
    if seconds < 86_400:
        return gettext("{count} h ago", count=seconds // 3600)
    return gettext("{count} d ago", count=seconds // 86_400)
