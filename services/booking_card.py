"""Everything about one call for the dispatcher who opens its card."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Assignment,
    Booking,
    BookingEvent,
    BookingItem,
    ClinicProfile,
    DoctorProfile,
    PatientProfile,
    User,
)
from models.assignment import SHOWN
from models.booking import Status, Verb, sources_of
from models.payment import PaymentState
from services import clock, visit_money
from services.actor import Actor
from services.errors import NotFound
from services.permissions import Permission, demand, may, permission_of
from services.sensitive_reads import journal_read

VISITS_SHOWN = 5


@dataclass(frozen=True)
class Person:
    """Whom the doctor is for, with medical facts of that person and nobody else."""

    name: str
    birth_date: date | None
    sex: str | None
    allergies: str | None
    chronic_conditions: str | None


@dataclass(frozen=True)
class Turn:
    """One doctor's turn at the call."""

    assignment: Assignment
    doctor: User
    valid_until: date

    @property
    def papers_out(self) -> bool:
        """The doctor's licence or documents do not reach the planned visit."""
        planned = self.assignment.planned_start.astimezone(clock.MOSCOW).date()
        return self.assignment.outcome is None and planned > self.valid_until

    @property
    def plan_late(self) -> int:
        """Minutes between the planned start and the arrival, if it was late."""
        started = self.assignment.started_at
        if started is None:
            return 0
        late = started - self.assignment.planned_start
        return max(0, int(late.total_seconds() // 60))


@dataclass(frozen=True)
class PastVisit:
    """An earlier visit to the same person."""

    booking: Booking
    doctor: str | None
    at: datetime


@dataclass(frozen=True)
class Card:
    """One call with all that stands around it, read at one moment."""

    now: datetime
    booking: Booking
    holder: User
    person: Person
    turn: Turn | None
    turns: Sequence[Turn]
    events: Sequence[tuple[BookingEvent, User | None]]
    names: Mapping[str, str]
    clinics: Sequence[ClinicProfile]
    visits: Sequence[PastVisit]
    items: Sequence[BookingItem]
    payment_state: PaymentState

    @property
    def clinic(self) -> str | None:
        """The clinic that has the call."""
        return self.names.get(str(self.booking.clinic_id))


async def read(session: AsyncSession, actor: Actor, booking_id: uuid.UUID) -> Card:
    """Read the whole card; the reading goes to the journal."""
    demand(actor, Permission.BOOKING_READ)
    booking = await session.get(Booking, booking_id, populate_existing=True)
    if booking is None:
        raise NotFound
    await journal_read(session, actor, "booking", booking.id, "card")
    holder = await session.get_one(User, booking.patient_id)
    turns = await _turns(session, booking_id)
    events = await _events(session, booking_id)
    clinics = (await session.exec(select(ClinicProfile))).all()
    money = await visit_money.money_of(session, [booking_id])
    return Card(
        now=await clock.now(session),
        booking=booking,
        holder=holder,
        person=await _person(session, booking, holder),
        turn=next((each for each in turns if _is_shown(each.assignment)), None),
        turns=turns,
        events=events,
        names=await _names(session, booking, [event for event, _ in events], clinics),
        clinics=[each for each in clinics if each.active],
        visits=await _visits(session, booking),
        items=await _items(session, booking_id),
        payment_state=money[booking_id].payment_state,
    )


def allowed_verbs(actor: Actor, booking: Booking) -> list[Verb]:
    """List the verbs this role may start now, by the two tables that decide it."""
    return [
        verb
        for verb in Verb
        if may(actor.acting_as, permission_of(verb))
        and booking.status in sources_of(verb, actor.acting_as)
        and not (verb is Verb.TAKE_BACK and booking.clinic_id is None)
    ]


def _is_shown(turn: Assignment) -> bool:
    return turn.outcome is None or turn.outcome in {"completed", "cancelled"}


async def _person(session: AsyncSession, booking: Booking, holder: User) -> Person:
    """Another subject brings their own facts; the holder's are not even read."""
    if booking.subject_name is not None:
        return Person(
            booking.subject_name,
            booking.subject_birth_date,
            booking.subject_sex,
            booking.subject_allergies,
            booking.subject_chronic_conditions,
        )
    query = select(PatientProfile).where(col(PatientProfile.user_id) == holder.id)
    profile = (await session.exec(query)).one_or_none()
    if profile is None:
        return Person(holder.full_name, None, None, None, None)
    return Person(
        holder.full_name,
        profile.birth_date,
        profile.sex,
        profile.allergies,
        profile.chronic_conditions,
    )


async def _turns(session: AsyncSession, booking_id: uuid.UUID) -> list[Turn]:
    query = (
        select(Assignment, User, DoctorProfile)
        .join(User, col(User.id) == col(Assignment.doctor_id))
        .join(DoctorProfile, col(DoctorProfile.user_id) == col(User.id))
        .where(col(Assignment.booking_id) == booking_id)
        .order_by(col(Assignment.assigned_at).desc(), col(Assignment.id).desc())
        .execution_options(populate_existing=True)
    )
    return [
        Turn(assignment, doctor, profile.valid_until)
        for assignment, doctor, profile in (await session.exec(query)).all()
    ]


async def _events(
    session: AsyncSession, booking_id: uuid.UUID
) -> list[tuple[BookingEvent, User | None]]:
    query: Any = (
        sa.select(BookingEvent, User)
        .outerjoin(User, col(User.id) == col(BookingEvent.actor_id))
        .where(col(BookingEvent.booking_id) == booking_id)
        .order_by(col(BookingEvent.version).desc())
    )
    return [(event, user) for event, user in await session.execute(query)]


async def _names(
    session: AsyncSession,
    booking: Booking,
    events: Iterable[BookingEvent],
    clinics: Iterable[ClinicProfile],
) -> dict[str, str]:
    names = await names_in(session, events, booking.preferred_doctor_id)
    return names | {str(each.id): each.name for each in clinics}


async def names_in(
    session: AsyncSession,
    events: Iterable[BookingEvent],
    doctor_id: uuid.UUID | None = None,
) -> dict[str, str]:
    """Name every doctor and clinic that the history mentions, and one more doctor."""
    told = [event.data for event in events]
    doctors = _ids(told, "doctor_id", "from_doctor_id") | {doctor_id} - {None}
    clinics = _ids(told, "clinic_id", "from_clinic_id")
    people = select(User).where(col(User.id).in_(doctors))
    places = select(ClinicProfile).where(col(ClinicProfile.id).in_(clinics))
    names = {str(user.id): user.short_name for user in await session.exec(people)}
    return names | {str(each.id): each.name for each in await session.exec(places)}


def _ids(told: Iterable[Mapping[str, Any]], *keys: str) -> set[uuid.UUID | None]:
    return {uuid.UUID(data[key]) for data in told for key in keys if data.get(key)}


async def _visits(session: AsyncSession, booking: Booking) -> list[PastVisit]:
    """Earlier visits to this very person; another subject's visits are not theirs."""
    doctor = aliased(User)
    same_person = col(Booking.subject_name).is_not_distinct_from(booking.subject_name)
    query: Any = (
        sa.select(Booking, Assignment, doctor)
        .outerjoin(
            Assignment,
            sa.and_(
                col(Assignment.booking_id) == col(Booking.id), sa.text(f"({SHOWN})")
            ),
        )
        .outerjoin(doctor, col(doctor.id) == col(Assignment.doctor_id))
        .where(
            col(Booking.patient_id) == booking.patient_id,
            col(Booking.status) == Status.COMPLETED,
            col(Booking.id) != booking.id,
            same_person,
        )
        .order_by(col(Booking.created_at).desc())
        .limit(VISITS_SHOWN)
    )
    return [
        PastVisit(
            past,
            visitor.short_name if visitor else None,
            (turn.started_at if turn else None) or past.created_at,
        )
        for past, turn, visitor in await session.execute(query)
    ]


async def _items(session: AsyncSession, booking_id: uuid.UUID) -> Sequence[BookingItem]:
    query = select(BookingItem).where(col(BookingItem.booking_id) == booking_id)
    return (await session.exec(query.order_by(col(BookingItem.id)))).all()
