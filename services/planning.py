"""When a doctor can be where: lengths of visits, travel, the earliest free start."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import asin, ceil, cos, radians, sin, sqrt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Range
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, DoctorState
from services import settings
from services.working_hours import ALWAYS, DAY, Hours

EARTH_KM = 6371.0
DETOUR, SPEED_KMH, GETTING_OUT_MINUTES = 1.4, 25.0, 5
BLIND_TRAVEL_MINUTES = 30
# Sooner windows are for doctors on duty, later ones for those whose shift it is.
DUTY_NEEDED_WITHIN = timedelta(hours=2)
# How far ahead the next shift is looked for.
SHIFTS_AHEAD = timedelta(days=8)

Point = tuple[float, float]


@dataclass(frozen=True)
class Busy:
    """One unreleased turn of a doctor: its plan and where it takes place."""

    booking_id: uuid.UUID
    number: int
    stop_id: uuid.UUID
    starts: datetime
    planned_start: datetime
    ends: datetime
    point: Point | None


@dataclass(frozen=True)
class Plan:
    """A start with the window it needs: travel before, the visit after."""

    start: datetime
    travel_minutes: int
    visit_minutes: int

    @property
    def opens(self) -> datetime:
        """When the doctor sets out."""
        return self.start - timedelta(minutes=self.travel_minutes)

    @property
    def closes(self) -> datetime:
        """When the visit should be over."""
        return self.start + timedelta(minutes=self.visit_minutes)

    @property
    def window(self) -> Range[datetime]:
        """The span that no other stop may overlap."""
        return Range(self.opens, self.closes, bounds="[)")


def distance_km(one: Point, other: Point) -> float:
    """Measure the straight line between two points of (latitude, longitude)."""
    north, south = radians(one[0]), radians(other[0])
    chord = (
        sin((south - north) / 2) ** 2
        + cos(north) * cos(south) * sin(radians(other[1] - one[1]) / 2) ** 2
    )
    return 2 * EARTH_KM * asin(min(1.0, sqrt(chord)))


def travel_minutes(origin: Point | None, target: Point | None) -> int:
    """Guess the way through town; without both points half an hour."""
    if origin is None or target is None:
        return BLIND_TRAVEL_MINUTES
    road = distance_km(origin, target) * DETOUR
    return ceil(road / SPEED_KMH * 60) + GETTING_OUT_MINUTES


def point(latitude: float | None, longitude: float | None) -> Point | None:
    """Make a point of two columns that are set together or not at all."""
    if latitude is None or longitude is None:
        return None
    return latitude, longitude


def point_of(place: Booking | DoctorState) -> Point | None:
    """Give the point of a call or of a doctor."""
    return point(place.latitude, place.longitude)


async def visit_minutes(session: AsyncSession, booking: Booking) -> int:
    """How long such a visit is planned to take."""
    key = settings.visit_minutes_key(booking.call_type, booking.specialization)
    return await settings.get(session, key)


async def busy_times(
    session: AsyncSession, doctor_id: uuid.UUID, *, besides: uuid.UUID
) -> list[Busy]:
    """List the doctor's unreleased turns by their windows, but for one booking's."""
    query = (
        sa.select(Assignment, Booking)
        .join(Booking, col(Booking.id) == col(Assignment.booking_id))
        .where(
            col(Assignment.doctor_id) == doctor_id,
            col(Assignment.released_at).is_(None),
            col(Assignment.booking_id) != besides,
        )
        .order_by(sa.func.lower(col(Assignment.planned_window)))
    )
    return [
        _busy(turn, booking) for turn, booking in (await session.execute(query)).all()
    ]


def _busy(turn: Assignment, booking: Booking) -> Busy:
    window = turn.planned_window
    assert window.lower is not None  # noqa: S101 - a CHECK of the table
    assert window.upper is not None  # noqa: S101 - a CHECK of the table
    return Busy(
        booking.id,
        booking.number,
        turn.stop_id,
        window.lower,
        turn.planned_start,
        window.upper,
        point_of(booking),
    )


@dataclass(frozen=True)
class Day:
    """A doctor's plans around one call: where they stand and what they have."""

    busy: Sequence[Busy]
    origin: Point | None
    target: Point | None
    stop_id: uuid.UUID
    visit_minutes: int
    now: datetime
    hours: Hours = ALWAYS

    def at(self, start: datetime) -> Plan:
        """Plan a visit at this very start, coming from the stop before it."""
        before = [each for each in self.busy if each.planned_start < start]
        if before and before[-1].stop_id == self.stop_id:
            return Plan(start, 0, self.visit_minutes)
        origin = before[-1].point if before else self.origin
        return Plan(start, travel_minutes(origin, self.target), self.visit_minutes)

    def clash(self, plan: Plan) -> Busy | None:
        """Find the first turn at another stop that overlaps the plan."""
        for each in self._elsewhere():
            if each.starts < plan.closes and plan.opens < each.ends:
                return each
        return None

    def earliest(self, not_before: datetime) -> Plan:
        """Find the first free start inside the shifts, not before the moment.

        A second call at a stop comes right after the first one there. Where the
        next days have no shift for it, the shifts are left out of account.
        """
        same_stop = [each.ends for each in self.busy if each.stop_id == self.stop_id]
        not_before = max([not_before, *same_stop])
        borders = [self.now, *(each.ends for each in self.busy)]
        free = self._free(borders, not_before)
        if not self.in_shift(free[0]):
            shifts = self.hours.between(
                max(self.now, not_before - DAY), not_before + SHIFTS_AHEAD
            )
            begins = [each[0] for each in shifts]
            inside = filter(self.in_shift, self._free(borders + begins, not_before))
            return next(inside, free[0])
        return free[0]

    def in_shift(self, plan: Plan) -> bool:
        """Whether the working plan has the window; sooner ones are not its matter."""
        soon = plan.opens < self.now + DUTY_NEEDED_WITHIN
        return soon or self.hours.cover(plan.opens, plan.closes)

    def _free(self, borders: list[datetime], not_before: datetime) -> list[Plan]:
        plans = [
            self._arriving(border, not_before)
            for border in borders
            if border >= self.now
        ]
        free = [plan for plan in plans if self.clash(plan) is None]
        return sorted(free, key=lambda plan: plan.start)

    def _elsewhere(self) -> list[Busy]:
        return [each for each in self.busy if each.stop_id != self.stop_id]

    def _arriving(self, border: datetime, not_before: datetime) -> Plan:
        """Set out at the border, or later if that would be too early."""
        last = [each for each in self.busy if each.ends <= border]
        origin = last[-1].point if last else self.origin
        travel = travel_minutes(origin, self.target)
        if last and last[-1].stop_id == self.stop_id:
            travel = 0
        return self.at(max(border + timedelta(minutes=travel), not_before))
