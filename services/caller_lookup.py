"""Who is calling: what a dispatcher needs to know while the number is typed."""

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Address, Assignment, Booking, PatientProfile, User
from models.assignment import SHOWN
from models.booking import OPEN, Status
from models.patient_profile import Sex
from models.specialization import Specialization
from services.actor import Actor
from services.permissions import Permission, demand
from services.phones import complete_phone
from services.sensitive_reads import journal_read

ENOUGH_DIGITS = 7
CALLS_READ, VISITS_SHOWN, CHOICES = 20, 3, 4


class Match(StrEnum):
    """What the typed digits tell."""

    SHORT = "short"
    UNKNOWN = "unknown"
    SEVERAL = "several"
    FOUND = "found"


@dataclass(frozen=True)
class KnownAddress:
    """A door the caller has used; `ref` names it in a form."""

    ref: str
    text: str
    entrance: str | None
    floor: str | None
    intercom: str | None
    flat: str | None
    notes: str | None
    district: str | None
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True)
class KnownSubject:
    """Another person the caller has called a doctor for."""

    ref: str
    name: str
    birth_date: date | None
    sex: Sex | None
    allergies: str | None
    chronic_conditions: str | None
    contact_phone: str | None


@dataclass(frozen=True)
class CallerCall:
    """One call of the caller, open or past, in the words of a list."""

    booking_id: uuid.UUID
    number: int
    status: Status
    specialization: Specialization
    created_at: datetime
    address_text: str
    flat: str | None
    doctor: str | None
    at: datetime


@dataclass(frozen=True)
class Caller:
    """The person behind the number with everything their earlier calls tell."""

    user_id: uuid.UUID
    full_name: str
    phone: str | None
    proven: bool
    since: datetime
    blocked: bool
    birth_date: date | None
    sex: Sex | None
    allergies: str | None
    chronic_conditions: str | None
    calls: int
    addresses: tuple[KnownAddress, ...]
    subjects: tuple[KnownSubject, ...]
    open_calls: tuple[CallerCall, ...]
    last_visits: tuple[CallerCall, ...]
    last_specialization: Specialization | None

    def address(self, ref: str) -> KnownAddress | None:
        """Find the address that a form names."""
        return next((each for each in self.addresses if each.ref == ref), None)

    def subject(self, ref: str) -> KnownSubject | None:
        """Find the person that a form names."""
        return next((each for each in self.subjects if each.ref == ref), None)


@dataclass(frozen=True)
class Lookup:
    """The answer to a number: how it matched, its full form, and the caller."""

    match: Match
    phone: str | None = None
    caller: Caller | None = None


async def look_up(session: AsyncSession, actor: Actor, typed: str) -> Lookup:
    """Find the one person whose number holds the typed digits, journalled.

    Several matches name nobody: the dispatcher types on instead.
    """
    demand(actor, Permission.BOOKING_READ)
    digits = re.sub(r"\D", "", typed)
    phone = complete_phone(typed)
    if len(digits) < ENOUGH_DIGITS:
        return Lookup(Match.SHORT)
    rows = await _people(session, digits, phone)
    people = {user.id for user, _, _ in rows}
    if len(people) != 1:
        return Lookup(Match.SEVERAL if people else Match.UNKNOWN, phone)
    user, profile, _ = rows[0]
    await journal_read(session, actor, "user", user.id, "patient")
    addresses = [address for _, _, address in rows if address is not None]
    return Lookup(Match.FOUND, phone, await _caller(session, user, profile, addresses))


def _patterns(digits: str, phone: str | None) -> list[str]:
    """Give the ways the digits may stand in a stored number.

    A complete number is looked for as itself. Russians dial 8 where +7 is meant.
    """
    if phone is not None:
        return [phone]
    patterns = [f"%{digits}%"]
    if digits.startswith("8"):
        patterns.append(f"+7{digits[1:]}%")
    return patterns


Person = tuple[User, PatientProfile | None, Address | None]


async def _people(
    session: AsyncSession, digits: str, phone: str | None
) -> Sequence[Person]:
    matching = sa.or_(
        *(col(User.phone).like(each) for each in _patterns(digits, phone))
    )
    few = select(User.id).where(matching).limit(2)
    statement: Any = (
        select(User, PatientProfile, Address)
        .outerjoin(PatientProfile, col(PatientProfile.user_id) == col(User.id))
        .outerjoin(Address, col(Address.user_id) == col(User.id))
        .where(col(User.id).in_(few))
        .order_by(col(User.id), col(Address.created_at))
    )
    return (await session.execute(statement)).all()


async def _caller(
    session: AsyncSession,
    user: User,
    profile: PatientProfile | None,
    addresses: Iterable[Address],
) -> Caller:
    rows = await _calls(session, user.id)
    bookings = [row[0] for row in rows]
    calls = [_as_call(*row[:3]) for row in rows]
    newest = max(bookings, key=lambda booking: booking.created_at, default=None)
    return Caller(
        user_id=user.id,
        full_name=user.full_name,
        phone=user.phone,
        # An account that a dispatcher made claims nothing about its number.
        proven=user.password_hash is None or user.phone_verified_at is not None,
        since=user.created_at,
        blocked=user.blocked_at is not None,
        birth_date=profile.birth_date if profile else None,
        sex=profile.sex if profile else None,
        allergies=profile.allergies if profile else None,
        chronic_conditions=profile.chronic_conditions if profile else None,
        calls=rows[0][3] if rows else 0,
        addresses=_distinct_addresses(addresses, bookings),
        subjects=_distinct_subjects(bookings),
        open_calls=tuple(
            call
            for call, booking in zip(calls, bookings, strict=True)
            if booking.is_open
        ),
        last_visits=tuple(call for call in calls if call.status is Status.COMPLETED)[
            :VISITS_SHOWN
        ],
        last_specialization=newest.specialization if newest else None,
    )


Call = tuple[Booking, Assignment | None, User | None, int]


async def _calls(session: AsyncSession, patient_id: uuid.UUID) -> Sequence[Call]:
    doctor = aliased(User)
    statement: Any = (
        sa.select(Booking, Assignment, doctor, sa.func.count().over())
        .outerjoin(
            Assignment,
            sa.and_(
                col(Assignment.booking_id) == col(Booking.id), sa.text(f"({SHOWN})")
            ),
        )
        .outerjoin(doctor, col(doctor.id) == col(Assignment.doctor_id))
        .where(col(Booking.patient_id) == patient_id)
        .order_by(sa.text(f"({OPEN}) DESC"), col(Booking.created_at).desc())
        .limit(CALLS_READ)
    )
    return (await session.execute(statement)).all()


def _as_call(
    booking: Booking, turn: Assignment | None, doctor: User | None
) -> CallerCall:
    planned = turn.started_at or turn.planned_start if turn else None
    return CallerCall(
        booking_id=booking.id,
        number=booking.number,
        status=booking.status,
        specialization=booking.specialization,
        created_at=booking.created_at,
        address_text=booking.address_text,
        flat=booking.flat,
        doctor=doctor.short_name if doctor else None,
        at=planned or booking.created_at,
    )


def _distinct_addresses(
    saved: Iterable[Address], bookings: Iterable[Booking]
) -> tuple[KnownAddress, ...]:
    """Give saved doors first, then those of earlier calls, each door once."""
    known = [_door(f"address:{each.id}", each, each.text, each.notes) for each in saved]
    known += [
        _door(f"booking:{each.id}", each, each.address_text, each.address_notes)
        for each in bookings
    ]
    doors: dict[tuple[str, str], KnownAddress] = {}
    for each in known:
        doors.setdefault((each.text.casefold(), each.flat or ""), each)
    return tuple(doors.values())[:CHOICES]


def _door(
    ref: str, row: Address | Booking, text: str, notes: str | None
) -> KnownAddress:
    return KnownAddress(
        ref=ref,
        text=text,
        entrance=row.entrance,
        floor=row.floor,
        intercom=row.intercom,
        flat=row.flat,
        notes=notes,
        district=row.district,
        latitude=row.latitude,
        longitude=row.longitude,
    )


def _distinct_subjects(bookings: Iterable[Booking]) -> tuple[KnownSubject, ...]:
    people: dict[str, KnownSubject] = {}
    for each in bookings:
        if each.subject_name is not None:
            people.setdefault(
                each.subject_name.casefold(),
                KnownSubject(
                    ref=f"booking:{each.id}",
                    name=each.subject_name,
                    birth_date=each.subject_birth_date,
                    sex=each.subject_sex,
                    allergies=each.subject_allergies,
                    chronic_conditions=each.subject_chronic_conditions,
                    contact_phone=each.subject_contact_phone,
                ),
            )
    return tuple(people.values())[:CHOICES]
