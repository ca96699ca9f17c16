"""Who should come: the doctors who could, ranked, with the reasons said aloud."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking_words import CallType
from models.specialization import Specialization
from models.user import full_name, short_name
from services import candidate_reasons, direct, settings
from services.actor import Actor
from services.candidate_query import (
    ANYWHERE,
    CALL,
    NAMED,
    NEAR_THE_CALL,
    NEIGHBOURS,
    WEIGHED,
)
from services.candidate_reasons import Call, Facts, Mark
from services.clock import MOSCOW
from services.eligibility import Doctor, Reason, reasons_against
from services.errors import NotFound
from services.permissions import Permission, demand
from services.planning import (
    DUTY_NEEDED_WITHIN,
    Busy,
    Day,
    Plan,
    Point,
    distance_km,
    point,
)
from services.working_hours import DAY
from services.working_plans import hours_from

SHOWN = 20
LONGEST_SLOT = timedelta(days=2)


@dataclass(frozen=True)
class Candidate:
    """A doctor who can come: when, from where, and what speaks for and against."""

    rank: int
    doctor_id: uuid.UUID
    name: str
    short_name: str
    specialization: Specialization
    rating: Decimal | None
    earliest_start: datetime
    opens: datetime
    closes: datetime
    travel_minutes: int
    distance_km: float | None
    latitude: float | None
    longitude: float | None
    reasons_for: tuple[Mark, ...]
    reasons_against: tuple[Mark, ...]


@dataclass(frozen=True)
class Refused:
    """A doctor nearby, or looked for by name, who cannot come, and every reason."""

    doctor_id: uuid.UUID
    short_name: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Candidates:
    """The answer for one call; without a point nobody has a distance."""

    items: tuple[Candidate, ...]
    refused: tuple[Refused, ...]
    located: bool


async def candidates(
    session: AsyncSession,
    actor: Actor,
    booking_id: uuid.UUID,
    name: str | None = None,
) -> Candidates:
    """Rank the doctors for a call, and say of those refused why they are."""
    demand(actor, Permission.BOOKING_READ)
    await session.flush()
    call = await _call(session, booking_id)
    statement = NEAR_THE_CALL if call.point else ANYWHERE
    rows = await direct.fetch_all(session, statement, _parameters(call, name))
    able, refused = [], []
    for row in rows:
        doctor = _doctor(row, call)
        day = _day(row, call, doctor)
        plan = _plan(day, call)
        reasons = reasons_against(doctor, call, plan, call.now)
        if not reasons:
            able.append(Facts(row, doctor, plan, call))
        elif row.told:
            refused.append(
                Refused(
                    doctor.doctor_id,
                    short_name(row.last_name, row.first_name, row.middle_name),
                    tuple(reasons),
                )
            )
    return Candidates(tuple(_ranked(able)), tuple(refused), call.point is not None)


def _plan(day: Day, call: Call) -> Plan:
    """The earliest visit; where only the shift is in the way, the one that was wanted.

    So whoever does not work in the wanted hours is refused with that reason, and
    whoever is busy in them is still offered, with the lateness told.
    """
    plan = day.earliest(call.base)
    late = call.wanted_to is not None and plan.start > call.wanted_to
    wanted = day.at(call.base)
    return wanted if late and not day.in_shift(wanted) else plan


async def _call(session: AsyncSession, booking_id: uuid.UUID) -> Call:
    row = await direct.fetch_one(session, CALL, {"booking_id": booking_id})
    if row is None:
        raise NotFound
    call_type = CallType(row.call_type)
    specialization = Specialization(row.specialization)
    key = settings.visit_minutes_key(call_type, specialization)
    minutes = row.minutes or settings.DEFINITIONS[key].default
    return Call(
        booking_id=row.id,
        patient_id=row.patient_id,
        specialization=specialization,
        point=point(row.latitude, row.longitude),
        wanted_from=row.wanted_from,
        wanted_to=row.wanted_to,
        wished=row.preferred_doctor_id,
        stop_id=row.stop_id,
        now=row.now,
        visit_minutes=minutes,
        locale=row.locale,
        declined=tuple(row.declined),
        holidays=tuple(row.holidays or ()),
        clinic_id=row.clinic_id,
    )


def _parameters(call: Call, name: str | None) -> dict[str, Any]:
    local = call.now.astimezone(MOSCOW)
    latitude, longitude = call.point or (None, None)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "booking_id": call.booking_id,
        "patient_id": call.patient_id,
        "wished": call.wished,
        "specialization": call.specialization.value,
        "latitude": latitude,
        "longitude": longitude,
        "declined": list(call.declined),
        "clinic_id": call.clinic_id,
        "later": call.base >= call.now + DUTY_NEEDED_WITHIN,
        "day": call.base.astimezone(MOSCOW).date(),
        "base": call.base,
        "midnight": midnight,
        "week_ago": midnight - timedelta(days=7),
        "name": _pattern(name),
        **_slots(call),
        "weighed": WEIGHED + NEIGHBOURS + (NAMED if name else 0),
    }


def _slots(call: Call) -> dict[str, Any]:
    """The wanted hours as minutes of the days on which a shift for them may begin."""
    length = timedelta(minutes=call.visit_minutes)
    closes = max(call.wanted_to or call.base, call.base + length)
    closes = min(closes, call.base + LONGEST_SLOT)
    day, last = (each.astimezone(MOSCOW).date() for each in (call.base, closes))
    day -= DAY
    days = []
    while day <= last:
        days.append(day)
        day += DAY
    lows: list[int | None] = [None] * 7
    highs: list[int | None] = [None] * 7
    for each in days:
        if each.isoformat() not in call.holidays:
            starts = datetime.combine(each, time(), MOSCOW)
            lows[each.weekday()] = int((call.base - starts).total_seconds() // 60)
            highs[each.weekday()] = int((closes - starts).total_seconds() // 60)
    return {"days": days, "lows": lows, "highs": highs}


def _pattern(name: str | None) -> str:
    """Match any part of the name; the wildcards of SQL are letters here."""
    words = (name or "").replace("\0", "").strip().lower()
    for special in ("\\", "%", "_"):
        words = words.replace(special, f"\\{special}")
    return f"%{words}%" if words else ""


def _doctor(row: Any, call: Call) -> Doctor:
    return Doctor(
        doctor_id=row.doctor_id,
        approved=row.approved and row.has_role,
        blocked=row.blocked,
        specializations=row.specializations,
        licence_expires_on=row.licence_expires_on,
        documents_valid_until=row.documents_valid_until,
        on_duty=bool(row.on_duty),
        declined=row.declined,
        clinic_id=row.clinic_id,
        position=point(row.latitude, row.longitude),
        home=point(row.home_latitude, row.home_longitude),
        hours=hours_from(row.week, row.days, call.holidays),
    )


def _day(row: Any, call: Call, doctor: Doctor) -> Day:
    return Day(
        [_busy(*turn) for turn in row.busy or ()],
        doctor.origin,
        call.point,
        call.stop_id,
        call.visit_minutes,
        call.now,
        doctor.hours,
    )


def _busy(*turn: Any) -> Busy:
    booking_id, number, stop_id, *moments, latitude, longitude = turn
    opens, starts, ends = (datetime.fromtimestamp(float(at), UTC) for at in moments)
    return Busy(
        uuid.UUID(booking_id),
        number,
        uuid.UUID(stop_id),
        opens,
        starts,
        ends,
        point(latitude, longitude),
    )


def _ranked(able: Iterable[Facts]) -> Iterable[Candidate]:
    weighed = [(candidate_reasons.weigh(facts), facts) for facts in able]
    weighed.sort(key=lambda pair: (pair[0].cost, pair[1].doctor.doctor_id))
    for rank, (weight, facts) in enumerate(weighed[:SHOWN], start=1):
        row, plan, origin = facts.row, facts.plan, facts.doctor.origin
        names = row.last_name, row.first_name, row.middle_name
        yield Candidate(
            rank=rank,
            doctor_id=facts.doctor.doctor_id,
            name=full_name(*names),
            short_name=short_name(*names),
            specialization=Specialization(facts.doctor.specializations[0]),
            rating=row.rating,
            earliest_start=plan.start,
            opens=plan.opens,
            closes=plan.closes,
            travel_minutes=plan.travel_minutes,
            distance_km=_distance(origin, facts.call.point),
            latitude=origin[0] if origin else None,
            longitude=origin[1] if origin else None,
            reasons_for=weight.reasons_for,
            reasons_against=weight.reasons_against,
        )


def _distance(one: Point | None, other: Point | None) -> float | None:
    if one is None or other is None:
        return None
    return round(distance_km(one, other), 1)
