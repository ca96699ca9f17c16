"""What patients may read of their own calls."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Assignment,
    Booking,
    BookingEvent,
    BookingItem,
    DoctorProfile,
    DoctorState,
    User,
)
from models.assignment import SHOWN
from models.booking import Status, Verb
from services import pages, planning, proven_phones, visit_money
from services.actor import Actor
from services.errors import NotFound, PositionNotShared
from services.pages import Page, Wanted
from services.permissions import Permission, demand
from services.visit_money import Money

# Staff warn each other by flags and add what a second caller said.
HIDDEN_FROM_PATIENTS = (Verb.FLAG.value, Verb.JOIN.value)


@dataclass(frozen=True)
class BookingView:
    """A call with the doctor's turn that it shows, the doctor, extras and money."""

    booking: Booking
    turn: Assignment | None = None
    doctor: User | None = None
    profile: DoctorProfile | None = None
    items: Sequence[BookingItem] = ()
    money: Money | None = None


@dataclass(frozen=True)
class DoctorPosition:
    """Where the doctor on the way is, and in how many minutes they come."""

    latitude: float
    longitude: float
    at: datetime
    eta_minutes: int


async def patient_booking(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> BookingView:
    """Show one of the patient's own calls."""
    booking = await own_booking(session, actor, booking_id)
    return (await views(session, [booking]))[0]


async def patient_bookings(
    session: AsyncSession,
    actor: Actor,
    wanted: Wanted,
    statuses: Sequence[Status] = (),
) -> Page[BookingView]:
    """List the patient's own calls, newest first."""
    demand(actor, Permission.PATIENT_PROFILE_OWN)
    query = select(Booking).where(
        col(Booking.patient_id) == actor.user_id, proven_phones.shown(actor.user_id)
    )
    if statuses:
        query = query.where(col(Booking.status).in_(statuses))
    rows = await session.exec(pages.newest_first(query, Booking, wanted))
    page = pages.cut(rows.all(), wanted)
    return Page(await views(session, page.items), page.next)


async def patient_events(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> Sequence[BookingEvent]:
    """Give the history of an own call, oldest first, without what staff noted."""
    await own_booking(session, actor, booking_id)
    query = select(BookingEvent).where(
        col(BookingEvent.booking_id) == booking_id,
        col(BookingEvent.event).not_in(HIDDEN_FROM_PATIENTS),
    )
    return (await session.exec(query.order_by(col(BookingEvent.version)))).all()


async def doctor_position(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> DoctorPosition:
    """Show where the doctor is, to the patient they are on the way to."""
    booking = await own_booking(session, actor, booking_id)
    if booking.status is not Status.EN_ROUTE:
        raise PositionNotShared
    query = (
        select(DoctorState)
        .join(Assignment, col(Assignment.doctor_id) == col(DoctorState.doctor_id))
        .where(
            col(Assignment.booking_id) == booking_id,
            col(Assignment.released_at).is_(None),
        )
    )
    state = (await session.exec(query)).one_or_none()
    place = planning.point_of(state) if state is not None else None
    if state is None or place is None or state.position_at is None:
        raise PositionNotShared
    eta = planning.travel_minutes(place, planning.point_of(booking))
    return DoctorPosition(place[0], place[1], state.position_at, eta)


async def own_booking(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> Booking:
    """Find a call of this patient; anybody else's does not exist for them."""
    demand(actor, Permission.PATIENT_PROFILE_OWN)
    query = select(Booking).where(
        col(Booking.id) == booking_id,
        col(Booking.patient_id) == actor.user_id,
        proven_phones.shown(actor.user_id),
    )
    booking = (await session.exec(query)).one_or_none()
    if booking is None:
        raise NotFound
    return booking


async def views(
    session: AsyncSession, bookings: Sequence[Booking]
) -> list[BookingView]:
    """Add the shown turns, their doctors, the extras and the money: three queries."""
    ids = [booking.id for booking in bookings]
    turns = await _turns(session, ids)
    items = await items_of(session, ids)
    money = await visit_money.money_of(session, ids)
    seen = []
    for booking in bookings:
        turn, doctor, profile = turns.get(booking.id, (None, None, None))
        extras = items.get(booking.id, [])
        view = BookingView(booking, turn, doctor, profile, extras, money[booking.id])
        seen.append(view)
    return seen


async def _turns(
    session: AsyncSession, ids: Sequence[uuid.UUID]
) -> Mapping[uuid.UUID, tuple[Assignment, User, DoctorProfile]]:
    query = (
        sa.select(Assignment, User, DoctorProfile)
        .join(User, col(User.id) == col(Assignment.doctor_id))
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .where(col(Assignment.booking_id).in_(ids), sa.text(SHOWN))
    )
    rows = (await session.execute(query)).all()
    return {row[0].booking_id: (row[0], row[1], row[2]) for row in rows}


async def items_of(
    session: AsyncSession, ids: Sequence[uuid.UUID]
) -> Mapping[uuid.UUID, list[BookingItem]]:
    """Give the extras of several visits."""
    query = select(BookingItem).where(col(BookingItem.booking_id).in_(ids))
    found: dict[uuid.UUID, list[BookingItem]] = {}
    for item in (await session.exec(query.order_by(col(BookingItem.id)))).all():
        found.setdefault(item.booking_id, []).append(item)
    return found
