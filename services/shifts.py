"""When doctors plan to work: every week, and on single days otherwise."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Assignment,
    Booking,
    DoctorProfile,
    Holiday,
    Shift,
    ShiftException,
)
from services import audit, clock, holidays, live
from services.acting_doctor import acting_doctor
from services.actor import Actor
from services.eligibility import lock_doctors
from services.errors import NotFound
from services.i18n import gettext
from services.inputs import wrong
from services.permissions import Permission
from services.plain_tables import ChangedMeanwhile
from services.shift_inputs import ExceptionInput, ShiftInput
from services.working_hours import DAY, Hours, Stretch, joined

MOST_SHIFTS = 28
FURTHEST = 730


@dataclass(frozen=True)
class Plan:
    """A doctor's plan as it stands; `mark` changes whenever the week does."""

    doctor_id: uuid.UUID
    week: Sequence[Shift]
    exceptions: Sequence[ShiftException]
    holidays: Sequence[Holiday]
    follows: bool
    mark: str

    @property
    def hours(self) -> Hours:
        """The plan to reckon with, from today on."""
        weekly: dict[int, list[Stretch]] = {}
        for each in self.week:
            stretch = Stretch(each.starts_at, each.minutes)
            weekly.setdefault(each.weekday, []).append(stretch)
        special = {each.day: stretch_on(each) for each in self.exceptions}
        return Hours(weekly, special, frozenset(each.day for each in self.holidays))


async def plan(
    session: AsyncSession, actor: Actor, doctor_id: uuid.UUID | None = None
) -> Plan:
    """Read the weekly plan and the exceptions from today on."""
    doctor_id = await acting_doctor(session, actor, Permission.PLAN_EDIT, doctor_id)
    today = await clock.today(session)
    query = select(ShiftException).where(
        col(ShiftException.doctor_id) == doctor_id, col(ShiftException.day) >= today
    )
    exceptions = (await session.exec(query.order_by(col(ShiftException.day)))).all()
    week = await _week(session, doctor_id)
    resting = await holidays.upcoming(session)
    follows = await session.scalar(
        sa.select(col(DoctorProfile.duty_by_plan)).where(
            col(DoctorProfile.user_id) == doctor_id
        )
    )
    return Plan(doctor_id, week, exceptions, resting, bool(follows), _mark(week))


async def set_plan(
    session: AsyncSession,
    actor: Actor,
    shifts: Sequence[ShiftInput],
    doctor_id: uuid.UUID | None = None,
    seen: str | None = None,
) -> Plan:
    """Replace the weekly plan; `seen` is the mark of the plan that was shown.

    Visits assigned already stay where they are.
    """
    doctor_id = await _locked(session, actor, doctor_id)
    before = await _week(session, doctor_id)
    if seen is not None and seen != _mark(before):
        raise ChangedMeanwhile
    _demand_apart(shifts)
    old = [_told(each) for each in before]
    for row in before:
        await session.delete(row)
    await session.flush()
    for each in sorted(shifts, key=lambda shift: (shift.weekday, shift.starts_at)):
        session.add(
            Shift(
                doctor_id=doctor_id,
                weekday=each.weekday,
                starts_at=each.starts_at,
                minutes=each.stretch.minutes,
            )
        )
    await session.flush()
    made = await plan(session, actor, doctor_id)
    new = [_told(each) for each in made.week]
    if old != new:
        data = {"before": old, "after": new}
        audit.record(session, actor, "doctor.plan_set", "doctor", doctor_id, **data)
        await live.announce(session, live.Topic.DOCTOR, doctor_id)
    return made


async def follow(
    session: AsyncSession,
    actor: Actor,
    follows: bool,
    doctor_id: uuid.UUID | None = None,
) -> None:
    """Let the weekly plan begin and end the duty, or leave it to the hand."""
    doctor_id = await _locked(session, actor, doctor_id)
    changed = await session.scalar(
        sa.update(DoctorProfile)
        .where(
            col(DoctorProfile.user_id) == doctor_id,
            col(DoctorProfile.duty_by_plan) != follows,
        )
        .values(duty_by_plan=follows)
        .returning(col(DoctorProfile.id))
    )
    if changed is not None:
        audit.record(
            session, actor, "doctor.duty_by_plan", "doctor", doctor_id, on=follows
        )


async def set_exception(
    session: AsyncSession,
    actor: Actor,
    day: date,
    what: ExceptionInput,
    doctor_id: uuid.UUID | None = None,
) -> ShiftException:
    """Say what holds on one day instead of the weekly plan."""
    doctor_id = await _locked(session, actor, doctor_id)
    await _demand_ahead(session, day)
    row = await _exception(session, doctor_id, day)
    if row is None:
        row = ShiftException(doctor_id=doctor_id, day=day)
    hours = what.stretch
    row.starts_at = hours.starts_at if hours else None
    row.minutes = hours.minutes if hours else None
    row.comment = what.comment
    session.add(row)
    await session.flush()
    told = {"day": day.isoformat(), "hours": _hours(hours)}
    audit.record(session, actor, "doctor.exception_set", "doctor", doctor_id, **told)
    await live.announce(session, live.Topic.DOCTOR, doctor_id)
    return row


async def remove_exception(
    session: AsyncSession,
    actor: Actor,
    day: date,
    doctor_id: uuid.UUID | None = None,
) -> None:
    """Let the weekly plan hold on this day again."""
    doctor_id = await _locked(session, actor, doctor_id)
    await _demand_ahead(session, day)
    row = await _exception(session, doctor_id, day)
    if row is None:
        raise NotFound
    await session.delete(row)
    told = {"day": day.isoformat()}
    audit.record(
        session, actor, "doctor.exception_removed", "doctor", doctor_id, **told
    )
    await session.flush()
    await live.announce(session, live.Topic.DOCTOR, doctor_id)


async def outside(session: AsyncSession, doctor_id: uuid.UUID) -> list[str]:
    """List the visits assigned for later that the plan does not cover."""
    window = col(Assignment.planned_window)
    covered = sa.func.works_by_plan(
        doctor_id, sa.func.lower(window), sa.func.upper(window)
    )
    query = (
        select(Booking)
        .join(Assignment, col(Assignment.booking_id) == col(Booking.id))
        .where(
            col(Assignment.doctor_id) == doctor_id,
            col(Assignment.released_at).is_(None),
            col(Assignment.departed_at).is_(None),
            col(Assignment.planned_start) > sa.func.app_now(),
            sa.not_(covered),
        )
        .order_by(col(Assignment.planned_start))
    )
    return [booking.label for booking in (await session.exec(query)).all()]


async def _locked(
    session: AsyncSession, actor: Actor, doctor_id: uuid.UUID | None
) -> uuid.UUID:
    found = await acting_doctor(session, actor, Permission.PLAN_EDIT, doctor_id)
    await lock_doctors(session, found)
    return found


async def _week(session: AsyncSession, doctor_id: uuid.UUID) -> Sequence[Shift]:
    query = select(Shift).where(col(Shift.doctor_id) == doctor_id)
    return (
        await session.exec(query.order_by(col(Shift.weekday), col(Shift.starts_at)))
    ).all()


async def _exception(
    session: AsyncSession, doctor_id: uuid.UUID, day: date
) -> ShiftException | None:
    query = select(ShiftException).where(
        col(ShiftException.doctor_id) == doctor_id, col(ShiftException.day) == day
    )
    return (await session.exec(query)).one_or_none()


async def _demand_ahead(session: AsyncSession, day: date) -> None:
    """What was yesterday stays as it was; what is years ahead is a slip of the hand."""
    ahead = (day - await clock.today(session)).days
    if ahead < 0:
        raise wrong("day", gettext("This day has passed"))
    if ahead > FURTHEST:
        raise wrong("day", gettext("This day is too far ahead"))


def _demand_apart(shifts: Sequence[ShiftInput]) -> None:
    """Shifts of a week may meet, but not overlap; Sunday night ends on Monday."""
    if len(shifts) > MOST_SHIFTS:
        raise wrong("shifts", gettext("Too many shifts in a week"))
    monday = date(2024, 1, 1)
    spans = [
        each.stretch.on(monday + DAY * (each.weekday + 7 * week))
        for each in shifts
        for week in (0, 1)
    ]
    total = sum((ends - begins for begins, ends in joined(spans)), start=DAY * 0)
    if total != sum((ends - begins for begins, ends in spans), start=DAY * 0):
        raise wrong("shifts", gettext("Two shifts overlap"))


def stretch_on(row: ShiftException) -> Stretch | None:
    """The hours of a single day; None is a day off."""
    if row.starts_at is None or row.minutes is None:
        return None
    return Stretch(row.starts_at, row.minutes)


def _hours(hours: Stretch | None) -> str:
    return f"{hours.starts_at:%H:%M}-{hours.ends_at:%H:%M}" if hours else ""


def _told(row: Shift) -> str:
    return f"{row.weekday} {_hours(Stretch(row.starts_at, row.minutes))}"


def _mark(week: Sequence[Shift]) -> str:
    return sha256("\n".join(map(_told, week)).encode()).hexdigest()[:16]
