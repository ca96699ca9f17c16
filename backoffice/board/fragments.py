"""Pieces of the side panel and the dialogs, drawn by the server."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice import call_words, cells
from backoffice.board import axis, paint, reading, talk, words
from models import Booking, BookingEvent, User
from models.booking import Verb, sources_of
from models.booking_words import CancelReason, Flag
from services import booking_card, candidates, clock, russian, stale
from services.actor import Actor
from services.clock import MOSCOW
from services.errors import NotFound
from services.staff_sessions import Staff
from services.words import label

# How many five-minute steps the picture of a clash may have; the style sheet knows them.
PICTURES = (36, 48, 72, 96)


@dataclass(frozen=True)
class Clash:
    """What the refusal said: who was asked for, what stands in the way, what is free."""

    doctor_id: uuid.UUID
    verb: str
    earliest: datetime
    booking_id: uuid.UUID | None
    number: str
    taken: tuple[int, int, int] | None
    asked: tuple[int, int, int] | None

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> "Clash":
        """Take it from the address; whatever makes no sense is not found."""
        try:
            return cls(
                doctor_id=uuid.UUID(asked["doctor"]),
                verb="reassign" if asked.get("verb") == "reassign" else "assign",
                earliest=datetime.fromisoformat(asked["earliest"]).astimezone(UTC),
                booking_id=uuid.UUID(asked["booking"])
                if asked.get("booking")
                else None,
                number=asked.get("number", "")[:20],
                taken=_three(asked.get("taken")),
                asked=_three(asked.get("asked")),
            )
        except (KeyError, ValueError, OverflowError):
            raise NotFound from None


def _three(text: str | None) -> tuple[int, int, int] | None:
    if not text:
        return None
    first, second, third = (int(float(each)) for each in text.split(","))
    return first, second, third


async def card(session: AsyncSession, actor: Actor, booking_id: uuid.UUID) -> Any:
    """Draw the opened card; the reading goes to the journal."""
    found = await booking_card.read(session, actor, booking_id)
    today = found.now.astimezone(MOSCOW).date()
    born = found.person.birth_date
    allowed = booking_card.allowed_verbs(actor, found.booking)
    facts = paint.fragment(
        "facts.html",
        card=found,
        booking=found.booking,
        age=None if born is None else call_words.age(born, today),
        door=call_words.door_line(found.booking),
        passport=call_words.passport(found.booking),
        spec=label(found.booking.specialization),
        last=next(iter(found.visits), None),
        payment=cells.payment(found.payment_state),
        moment=paint.clock(int(found.booking.created_at.timestamp())),
        window=_window(found.booking),
    )
    acts = paint.fragment(
        "acts.html",
        booking=found.booking,
        unread=await talk.unread(session, booking_id),
        allowed={each.value for each in allowed},
        flags=[
            (each.value, label(each), found.booking.has_flag(each)) for each in Flag
        ],
    )
    return {"facts": facts, "acts": acts, "version": found.booking.version}


def _window(booking: Booking) -> str | None:
    if booking.wanted_from is None:
        return None
    moments = [each for each in (booking.wanted_from, booking.wanted_to) if each]
    return "–".join(paint.clock(int(each.timestamp())) for each in moments)


async def ranking(
    session: AsyncSession, staff: Staff, booking_id: uuid.UUID, name: str = ""
) -> dict[str, Any]:
    """Draw the candidates, frozen as they are now, with what the page needs of them."""
    booking = await session.get(Booking, booking_id)
    if booking is None:
        raise NotFound
    found = await candidates.candidates(session, staff.actor, booking_id, name or None)
    now = await clock.now(session)
    today = reading.midnight(now.astimezone(MOSCOW).date())
    doctors = await reading.doctors(
        session, today.date(), [each.doctor_id for each in found.items]
    )
    visits = {each["id"]: each for each in doctors}
    origin = axis.window_start(int(now.timestamp()), int(today.timestamp()))
    rows = [_candidate(each, now) for each in found.items]
    verb = _giving_verb(booking, staff.actor)
    view = {
        "booking": booking,
        "csrf": staff.csrf_token,
        "items": rows,
        "located": found.located,
        "verb": verb or Verb.REASSIGN,
        "can": verb is not None,
    }
    return {
        "call": str(booking_id),
        "version": booking.version,
        "at": int(now.timestamp()),
        "items": [
            _on_axis(row, visits[row["id"]], str(booking_id), origin) for row in rows
        ],
        "html": paint.fragment("candidates.html", **view),
        "best": paint.fragment("best.html", **view) if rows else "",
        "refused": paint.fragment("refused.html", refused=found.refused, name=name),
    }


def _giving_verb(booking: Booking, actor: Actor) -> Verb | None:
    """The verb that would give the call to a doctor now; None when none may."""
    for verb in (Verb.ASSIGN, Verb.REASSIGN):
        if booking.status in sources_of(verb, actor.acting_as):
            return verb
    return None


def _on_axis(
    row: Mapping[str, Any], doctor: Mapping[str, Any], call: str, origin: int
) -> dict[str, Any]:
    kept = {key: row[key] for key in ("id", "rank", "name", "km", "lat", "lon", "plan")}
    others = [visit["call"] for visit in doctor["visits"] if visit["call"] != call]
    return {
        **kept,
        "ghost": paint.ghost(row["plan"], origin, str(row["rank"])),
        "duty": doctor["on_duty"],
        "calls": others,
    }


def _candidate(found: candidates.Candidate, now: datetime) -> dict[str, Any]:
    start = int(found.earliest_start.timestamp())
    wait = max(0, int((found.earliest_start - now).total_seconds() // 60))
    return {
        "id": str(found.doctor_id),
        "rank": found.rank,
        "name": found.short_name,
        "full_name": found.name,
        "rating": None
        if found.rating is None
        else f"{found.rating:.1f}".replace(".", ","),
        "arrival": paint.clock(start),
        "wait": call_words.minutes(wait),
        "distance": None
        if found.distance_km is None
        else call_words.kilometres(found.distance_km),
        "km": found.distance_km,
        "for": found.reasons_for,
        "against": found.reasons_against,
        "lat": found.latitude,
        "lon": found.longitude,
        "plan": (
            int(found.opens.timestamp()),
            start,
            int(found.closes.timestamp()),
        ),
    }


async def dialog(
    session: AsyncSession, booking_id: uuid.UUID, verb: str, doctor_id: uuid.UUID | None
) -> dict[str, Any]:
    """Draw the question before a command that needs a word more."""
    booking = await session.get(Booking, booking_id)
    if booking is None or verb not in {"cancel", "unassign", "reassign"}:
        raise NotFound
    doctor = None if doctor_id is None else await session.get(User, doctor_id)
    html = paint.fragment(
        "dialog.html",
        booking=booking,
        verb=verb,
        doctor=doctor,
        reasons=[(each.value, label(each)) for each in CancelReason],
        badge=words.badge(booking.status),
    )
    return {"html": html}


async def ways(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, clash: Clash
) -> dict[str, Any]:
    """Draw the three ways out of a clash; the earlier arrival is proposed."""
    booking = await session.get(Booking, booking_id)
    doctor = await session.get(User, clash.doctor_id)
    if booking is None or doctor is None:
        raise NotFound
    now = await clock.now(session)
    found = await candidates.candidates(session, actor, booking_id)
    other = next((each for each in found.items if each.doctor_id != doctor.id), None)
    wait = int((clash.earliest - now).total_seconds() // 60)
    html = paint.fragment(
        "ways.html",
        booking=booking,
        doctor=doctor,
        verb=clash.verb,
        earliest=clash.earliest,
        wait=call_words.minutes(wait),
        other=None if other is None else _candidate(other, now),
        later_first=other is None or clash.earliest <= other.earliest_start,
        who=await _who_took(session, clash.booking_id, now),
        number=clash.number,
        ending=_a(doctor),
        picture=_picture(booking, clash),
    )
    return {"html": html}


async def _who_took(
    session: AsyncSession, booking_id: uuid.UUID | None, now: datetime
) -> dict[str, str] | None:
    """Who made the visit that stands in the way, if it was just now."""
    query = (
        select(BookingEvent, User)
        .join(User, col(User.id) == col(BookingEvent.actor_id))
        .where(
            col(BookingEvent.booking_id) == booking_id,
            col(BookingEvent.event).in_(["assign", "reassign"]),
        )
        .order_by(col(BookingEvent.version).desc())
    )
    row = (await session.exec(query)).first()
    if row is None or now - row[0].created_at > timedelta(minutes=10):
        return None
    seconds = max(1, int((now - row[0].created_at).total_seconds()))
    return {"name": row[1].first_name, "a": _a(row[1]), "ago": stale.time_ago(seconds)}


def _a(user: User) -> str:
    """The feminine ending of a Russian past tense."""
    return "а" if russian.is_feminine(user.first_name, user.middle_name) else ""


def _picture(booking: Booking, clash: Clash) -> dict[str, Any] | None:
    """Three lines on one short axis: asked, taken, possible; five-minute steps."""
    if clash.taken is None:
        return None
    taken, asked = clash.taken, clash.asked or clash.taken
    stay, travel = asked[2] - asked[1], asked[1] - asked[0]
    free = int(clash.earliest.timestamp())
    origin = min(taken[0], asked[0]) // 1800 * 1800
    needed = -(-(max(taken[2], asked[2], free + stay) - origin) // axis.STEP)
    size = next((each for each in PICTURES if each >= needed), PICTURES[-1])
    overlap = max(asked[0], taken[0]), min(asked[2], taken[2])

    def place(starts: int, ends: int) -> str:
        first = min(size - 1, max(0, (starts - origin) // axis.STEP))
        last = min(size, -(-(ends - origin) // axis.STEP))
        return f"s{first} w{max(1, last - first)}"

    return {
        "marks": [
            (step, paint.clock(origin + step * axis.STEP))
            for step in range(0, size, 6 if size < 72 else 12)
        ],
        "size": size,
        "asked": (place(asked[0], asked[1]), place(asked[1], asked[2])),
        "taken": (place(taken[0], taken[1]), place(taken[1], taken[2])),
        "clash": place(*overlap) if overlap[0] < overlap[1] else None,
        "free": (place(free - travel, free), place(free, free + stay)),
        "number": booking.number,
    }
