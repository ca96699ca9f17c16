"""What a dispatcher does with a call: one short method for each verb of the table."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice import booking_history
from backoffice.booking_changes import changes_of
from backoffice.command_calls import Call
from backoffice.commands import Done, command
from models import Booking, BookingEvent
from models.booking_words import CancelReason, Flag
from services import assignments, booking_card, bookings, visits
from services.clock import MOSCOW
from services.i18n import gettext
from services.permissions import Permission

LONG_TEXT = 1000


class BookingCommands:
    """The POST routes of the card; the board sends its commands here too.

    Every form carries the version its page showed; a stale one changes nothing.
    """

    @command("/booking/{pk}/assign", Permission.BOOKING_ASSIGN, again="again")
    async def assign_call(self, session: AsyncSession, call: Call) -> Done:
        """Give the waiting call to a doctor."""
        booking = await assignments.assign(
            session,
            call.actor,
            call.id("pk"),
            call.id("doctor_id"),
            seen(call),
            optional_moment(call, "planned_start"),
        )
        return await done(session, booking)

    @command("/booking/{pk}/reassign", Permission.BOOKING_REASSIGN, again="again")
    async def reassign_call(self, session: AsyncSession, call: Call) -> Done:
        """Give the call to another doctor in one step."""
        booking = await assignments.reassign(
            session,
            call.actor,
            call.id("pk"),
            call.id("doctor_id"),
            seen(call),
            optional_moment(call, "planned_start"),
        )
        return await done(session, booking)

    @command("/booking/{pk}/replan", Permission.BOOKING_REPLAN, again="again")
    async def replan_call(self, session: AsyncSession, call: Call) -> Done:
        """Move the planned arrival."""
        start = optional_moment(call, "planned_start")
        if start is None:
            raise call.wrong("planned_start", gettext("This field is required."))
        booking = await assignments.replan(
            session, call.actor, call.id("pk"), start, seen(call)
        )
        return await done(session, booking)

    @command("/booking/{pk}/unassign", Permission.BOOKING_UNASSIGN, again="again")
    async def unassign_call(self, session: AsyncSession, call: Call) -> Done:
        """Take the doctor off; the call waits again."""
        booking = await assignments.unassign(
            session, call.actor, call.id("pk"), seen(call), optional(call, "reason")
        )
        return await done(session, booking)

    @command("/booking/{pk}/accept", Permission.BOOKING_ACCEPT, again="again")
    async def accept_call(self, session: AsyncSession, call: Call) -> Done:
        """Say for the doctor that they take the visit."""
        reason = call.words("reason", LONG_TEXT)
        booking = await visits.accept(
            session, call.actor, call.id("pk"), reason, seen(call)
        )
        return await done(session, booking)

    @command("/booking/{pk}/depart", Permission.BOOKING_DEPART, again="again")
    async def depart_call(self, session: AsyncSession, call: Call) -> Done:
        """Say for the doctor that they are on the way."""
        reason = call.words("reason", LONG_TEXT)
        booking = await visits.depart(
            session, call.actor, call.id("pk"), reason, seen(call)
        )
        return await done(session, booking)

    @command("/booking/{pk}/start", Permission.BOOKING_START, again="again")
    async def start_call(self, session: AsyncSession, call: Call) -> Done:
        """Say for the doctor that they are on scene."""
        reason = call.words("reason", LONG_TEXT)
        booking = await visits.start(
            session, call.actor, call.id("pk"), reason, seen(call)
        )
        return await done(session, booking)

    @command("/booking/{pk}/complete", Permission.BOOKING_COMPLETE, again="again")
    async def complete_call(self, session: AsyncSession, call: Call) -> Done:
        """Close the visit with the doctor's words."""
        minutes = call.integer("actual_minutes")
        if minutes is None:
            raise call.wrong("actual_minutes", gettext("This field is required."))
        booking = await visits.complete(
            session,
            call.actor,
            call.id("pk"),
            minutes,
            call.words("conclusion", 10_000),
            version=seen(call),
        )
        return await done(session, booking)

    @command("/booking/{pk}/cancel", Permission.BOOKING_CANCEL, again="again")
    async def cancel_call(self, session: AsyncSession, call: Call) -> Done:
        """End the call without a visit."""
        code = call.text("reason_code")
        if code not in set(CancelReason):
            raise call.wrong("reason_code", gettext("Choose a reason"))
        booking = await bookings.cancel(
            session,
            call.actor,
            call.id("pk"),
            CancelReason(code),
            optional(call, "comment"),
            seen(call),
        )
        return await done(session, booking)

    @command("/booking/{pk}/flag", Permission.BOOKING_FLAG, again="again")
    async def flag_call(self, session: AsyncSession, call: Call) -> Done:
        """Raise a flag, or take it down: the field is `name` or `name:off`."""
        name, _, off = call.text("flag").partition(":")
        if name not in set(Flag) or off not in {"", "off"}:
            raise call.wrong("flag", gettext("This value does not fit."))
        booking = await bookings.flag(
            session,
            call.actor,
            call.id("pk"),
            Flag(name),
            raised=not off,
            comment=optional(call, "comment"),
            version=seen(call),
        )
        return await done(session, booking)

    @command("/booking/{pk}/edit", Permission.BOOKING_EDIT, again="again")
    async def edit_call(self, session: AsyncSession, call: Call) -> Done:
        """Change what differs from the call as the page showed it."""
        card = await booking_card.read(session, call.actor, call.id("pk"))
        version, changes = seen(call), changes_of(call, card.booking)
        if not changes.model_fields_set and version == card.booking.version:
            return Done(gettext("Nothing was changed."), to=card_path(card.booking))
        booking = await bookings.edit(
            session, call.actor, card.booking.id, changes, version
        )
        return await done(session, booking)

    @command("/booking/{pk}/join", Permission.BOOKING_JOIN, again="again")
    async def join_call(self, session: AsyncSession, call: Call) -> Done:
        """Add what somebody says about the call to its history."""
        booking = await bookings.join(
            session, call.actor, call.id("pk"), call.words("words", 2000), seen(call)
        )
        return await done(session, booking)

    @command(
        "/booking/{pk}/hand_to_clinic", Permission.BOOKING_HAND_TO_CLINIC, again="again"
    )
    async def hand_call(self, session: AsyncSession, call: Call) -> Done:
        """Let a clinic find the doctor."""
        if not call.text("clinic_id"):
            raise call.wrong("clinic_id", gettext("Choose a clinic"))
        booking = await bookings.hand_to_clinic(
            session, call.actor, call.id("pk"), call.id("clinic_id"), seen(call)
        )
        return await done(session, booking)

    @command("/booking/{pk}/take_back", Permission.BOOKING_TAKE_BACK, again="again")
    async def take_call_back(self, session: AsyncSession, call: Call) -> Done:
        """Take the call away from the clinic."""
        booking = await bookings.take_back(
            session, call.actor, call.id("pk"), seen(call)
        )
        return await done(session, booking)


def seen(call: Call) -> int:
    """The version that the page showed; a command without one is refused."""
    version = call.integer("version")
    if version is None:
        raise call.wrong("version", gettext("This field is required."))
    return version


def optional(call: Call, name: str) -> str | None:
    """A text that may be left out."""
    return call.words(name, LONG_TEXT) if call.text(name) else None


def optional_moment(call: Call, name: str) -> datetime | None:
    """A moment; without an offset it is meant as Moscow time."""
    text = call.text(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise call.wrong(name, gettext("This is no day and time.")) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=MOSCOW)


def card_path(booking: Booking) -> str:
    """The address of the card."""
    return f"/admin/booking/{booking.id}"


async def done(session: AsyncSession, booking: Booking) -> Done:
    """Say what happened in the words that the history uses."""
    query = select(BookingEvent).where(
        col(BookingEvent.booking_id) == booking.id,
        col(BookingEvent.version) == booking.version,
    )
    event = (await session.exec(query)).one()
    names = await booking_card.names_in(session, [event])
    words = booking_history.sentence(event, names)
    data: Mapping[str, Any] = {
        "booking_id": str(booking.id),
        "number": booking.label,
        "status": booking.status.value,
        "version": booking.version,
    }
    return Done(f"{booking.label}: {words}.", to=card_path(booking), data=data)
