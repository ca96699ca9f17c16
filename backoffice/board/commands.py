"""The board's commands: each is one call of a service and one sentence about it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.board.paint import clock
from backoffice.command_calls import Call
from backoffice.commands import Done
from models import Assignment, Booking, User
from models.booking import Status
from models.booking_words import CancelReason, Flag
from services import assignments, bookings
from services.booking_drafts import BookingChanges
from services.booking_edits import edit
from services.errors import NotFound
from services.i18n import gettext
from services.inputs import AddressInput
from services.words import event_label, label

Carry = Callable[[AsyncSession, Call], Awaitable[Booking]]


def _version(call: Call) -> int:
    version = call.integer("version")
    if version is None:
        raise call.wrong("version", gettext("This field is required."))
    return version


def _start(call: Call) -> datetime | None:
    said = call.text("planned_start")
    if not said:
        return None
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise call.wrong("planned_start", gettext("This value does not fit.")) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _member(call: Call, name: str, kind: type[Any]) -> Any:
    try:
        return kind(call.text(name))
    except ValueError:
        raise call.wrong(name, gettext("This value does not fit.")) from None


async def _assign(session: AsyncSession, call: Call) -> Booking:
    return await assignments.assign(
        session,
        call.actor,
        call.id("pk"),
        call.id("doctor_id"),
        _version(call),
        _start(call),
    )


async def _reassign(session: AsyncSession, call: Call) -> Booking:
    return await assignments.reassign(
        session,
        call.actor,
        call.id("pk"),
        call.id("doctor_id"),
        _version(call),
        _start(call),
    )


async def _unassign(session: AsyncSession, call: Call) -> Booking:
    return await assignments.unassign(
        session,
        call.actor,
        call.id("pk"),
        _version(call),
        call.text("comment")[:500] or None,
    )


async def _undo(session: AsyncSession, call: Call) -> Booking:
    return await assignments.undo(session, call.actor, call.id("pk"), _version(call))


async def _cancel(session: AsyncSession, call: Call) -> Booking:
    return await bookings.cancel(
        session,
        call.actor,
        call.id("pk"),
        _member(call, "reason_code", CancelReason),
        call.text("comment")[:500] or None,
        version=_version(call),
    )


async def _flag(session: AsyncSession, call: Call) -> Booking:
    return await bookings.flag(
        session,
        call.actor,
        call.id("pk"),
        _member(call, "flag", Flag),
        call.text("raised") != "no",
        call.text("comment")[:500] or None,
        version=_version(call),
    )


async def _point(session: AsyncSession, call: Call) -> Booking:
    booking = await session.get(Booking, call.id("pk"))
    if booking is None:
        raise NotFound
    address = AddressInput(
        text=booking.address_text,
        entrance=booking.entrance,
        floor=booking.floor,
        intercom=booking.intercom,
        flat=booking.flat,
        notes=booking.address_notes,
        latitude=call.fields.get("latitude"),
        longitude=call.fields.get("longitude"),
    )
    changes = BookingChanges(address=address)
    return await edit(session, call.actor, booking.id, changes, _version(call))


CARRY: Mapping[str, Carry] = {
    "assign": _assign,
    "reassign": _reassign,
    "unassign": _unassign,
    "undo": _undo,
    "cancel": _cancel,
    "flag": _flag,
    "point": _point,
}


async def carry_out(session: AsyncSession, call: Call, verb: str) -> Done:
    """Run the verb and say what came of it."""
    booking = await CARRY[verb](session, call)
    await session.flush()
    doctor = await _doctor(session, booking)
    head, text = _said(verb, booking, doctor)
    data = {
        "head": head,
        "text": text,
        "version": booking.version,
        "undo": verb in {"assign", "reassign"},
    }
    return Done(f"{head} {text}".strip(), data=data)


async def _doctor(
    session: AsyncSession, booking: Booking
) -> tuple[str, datetime] | None:
    query = (
        select(User, col(Assignment.planned_start))
        .join(Assignment, col(Assignment.doctor_id) == col(User.id))
        .where(
            col(Assignment.booking_id) == booking.id,
            col(Assignment.released_at).is_(None),
        )
    )
    row = (await session.exec(query)).one_or_none()
    return None if row is None else (row[0].short_name, row[1])


def _said(
    verb: str, booking: Booking, doctor: tuple[str, datetime] | None
) -> tuple[str, str]:
    if verb == "undo" and booking.status is Status.PENDING:
        return booking.label, gettext("Undone: the call is back in the queue.")
    if verb in {"assign", "reassign", "undo"} and doctor is not None:
        name, start = doctor
        arrival = gettext(
            "arrival {at} · waiting for the doctor's answer",
            at=clock(int(start.timestamp())),
        )
        return f"{booking.label} → {name}", arrival
    if verb == "unassign":
        return booking.label, gettext("The call is back in the queue.")
    if verb == "cancel" and booking.cancel_reason_code is not None:
        return (
            booking.label,
            f"{event_label(verb)}: {label(booking.cancel_reason_code).lower()}",
        )
    if verb == "point":
        return booking.label, gettext("The point on the map is set.")
    return booking.label, event_label(verb)
