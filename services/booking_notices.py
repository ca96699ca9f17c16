"""Who is told what when a call moves on: one table, read at the end of every step.

Nobody is told of what they did themselves, but that a call has been received.
"""

import uuid
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking
from models.booking import Verb
from models.booking_words import CallType, Priority
from models.user import short_name
from services import direct, jobs, proven_phones, telegram_shown
from services.actor import SYSTEM, Actor
from services.notification_kinds import SMS
from services.notifications import Notice, notify

RECEIVED = "booking.received"
_NAME = "SELECT last_name, first_name, middle_name FROM app_user WHERE id = %(id)s"


class Whom(StrEnum):
    """Whom a step of a call concerns."""

    PATIENT = "patient"
    # Who has the visit, or had it until this step.
    DOCTOR = "doctor"
    # Who had it before another doctor got it.
    BEFORE = "before"


P, D = Whom.PATIENT, Whom.DOCTOR
_TAKEN = (("booking_declined", P), ("visit_lost", D))
TOLD: Mapping[Verb, Sequence[tuple[str, Whom]]] = {
    Verb.ASSIGN: (("booking_assigned", P), ("visit_assigned", D)),
    Verb.REASSIGN: (
        ("booking_assigned", P),
        ("visit_assigned", D),
        ("visit_lost", Whom.BEFORE),
    ),
    Verb.REPLAN: (("booking_moved", P), ("visit_changed", D)),
    Verb.EDIT: (("visit_changed", D),),
    Verb.UNASSIGN: _TAKEN,
    Verb.HAND_TO_CLINIC: _TAKEN,
    Verb.TAKE_BACK: _TAKEN,
    Verb.ACCEPT: (("booking_accepted", P),),
    Verb.DECLINE: (("booking_declined", P),),
    Verb.DEPART: (("booking_on_the_way", P),),
    Verb.START: (("booking_started", P),),
    Verb.COMPLETE: (("booking_finished", P),),
    Verb.CANCEL: (("booking_cancelled", P), ("visit_lost", D)),
}

# Who has to keep nothing of the call: those who are told so, and who declines.
LOSES: Mapping[Verb, Sequence[Whom]] = {
    Verb.DECLINE: (D,),
    **{
        verb: tuple(whom for kind, whom in told if kind == "visit_lost")
        for verb, told in TOLD.items()
        if verb is not Verb.DECLINE
    },
}


async def tell(
    session: AsyncSession,
    actor: Actor,
    verb: Verb,
    booking: Booking,
    turn: Assignment | None,
    data: Mapping[str, Any],
) -> None:
    """Tell everybody whom the step concerns; `turn` is the one that runs after it.

    `data` is what the step noted in the history: `doctor_id` and `from_doctor_id`.
    """
    doctor_id = turn.doctor_id if turn else _id(data.get("doctor_id"))
    kept = turn.doctor_id if turn else None
    people = {
        Whom.PATIENT: booking.patient_id,
        Whom.DOCTOR: doctor_id,
        Whom.BEFORE: _id(data.get("from_doctor_id")),
    }
    losers = {
        user_id
        for whom in LOSES.get(verb, ())
        if (user_id := people[whom]) is not None and user_id != kept
    }
    for loser in losers:
        await telegram_shown.visit_lost(session, booking.id, loser)
    told = [
        (kind, user_id)
        for kind, whom in TOLD.get(verb, ())
        if (user_id := people[whom]) is not None
        and user_id != actor.user_id
        # A call that no doctor had waits on as before.
        and not (kind == "booking_declined" and doctor_id is None)
    ]
    facts = await _facts(session, booking, turn, doctor_id) if told else {}
    for kind, user_id in told:
        await _notify(session, actor, booking, kind, user_id, facts)


@jobs.job(RECEIVED)
async def received(session: AsyncSession, booking_id: str) -> None:
    """Tell the patient that the call has arrived, unless it is over by now."""
    booking = await session.get_one(Booking, uuid.UUID(booking_id))
    if not booking.is_open:
        return
    facts = {"call": booking.label}
    kind, patient_id = "booking_received", booking.patient_id
    await _notify(session, SYSTEM, booking, kind, patient_id, facts)


def is_urgent(booking: Booking) -> bool:
    """Somebody waits for a doctor right now, by day or by night."""
    emergency = booking.priority is Priority.EMERGENCY
    return emergency or booking.call_type is CallType.URGENT


async def _facts(
    session: AsyncSession,
    booking: Booking,
    turn: Assignment | None,
    doctor_id: uuid.UUID | None,
) -> Mapping[str, Any]:
    facts: dict[str, Any] = {"call": booking.label, "district": booking.district}
    if turn is not None:
        facts["time"] = turn.planned_start.isoformat()
        facts["minutes"] = turn.travel_minutes
    if doctor_id is not None:
        name: Any = await direct.fetch_one(session, _NAME, {"id": doctor_id})
        facts["doctor"] = short_name(*name)
    return facts


async def _notify(
    session: AsyncSession,
    actor: Actor,
    booking: Booking,
    kind: str,
    user_id: uuid.UUID,
    facts: Mapping[str, Any],
) -> None:
    """Write one of them; a number that nobody has proven gets an SMS and no more.

    Whose account it is may be somebody else than whose number it is.
    """
    mine = user_id != booking.patient_id or await proven_phones.may_see(
        session, user_id, booking.source
    )
    notice = Notice(
        kind,
        user_id,
        None if mine else SMS,
        facts=facts,
        dedup_key=f"{kind} {booking.id} {booking.version}",
        booking_id=booking.id,
        urgent=is_urgent(booking),
    )
    await notify(session, actor, notice)


def _id(value: Any) -> uuid.UUID | None:
    return uuid.UUID(value) if value else None
