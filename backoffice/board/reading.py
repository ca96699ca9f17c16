"""What the board reads: few statements, each on an index of open rows only."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.board import talk
from backoffice.board.shapes import CallFacts, Counts, DoctorFacts, Facts, Sla
from models.booking_words import CallType, Priority
from services import notice_reads, presence, russian, sla
from services.clock import MOSCOW
from services.notice_reads import Outage
from services.working_plans import hours_from

# How many transactions had ended when the statement looked. Of two readings the one
# that saw more has the larger number, in whichever process each was made, so a row
# is replaced only by a later reading of it. A clock could not promise that: commits
# become visible in another order than their time stamps.
SEQ = (
    "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    " - (SELECT count(*) FROM pg_snapshot_xip(pg_current_snapshot()))"
)
OPEN = "b.status IN ('pending', 'assigned', 'accepted', 'en_route', 'in_progress')"
AT_MOST = 400

CALLS = f"""
SELECT {SEQ} AS seq, app_now() AS now, b.id::text, b.version, b.number, b.status,
       b.priority, b.call_type, b.specialization, left(b.symptoms, 60) AS gist,
       b.district, b.flags, b.created_at, b.wanted_from, b.wanted_to, b.latitude,
       b.longitude, c.name AS clinic, a.doctor_id::text AS doctor, a.planned_start,
       (SELECT m.payment_state FROM booking_money_v m WHERE m.id = b.id) AS payment,
       {talk.LAST} AS talk, {talk.UNREAD} AS unread,
       CASE WHEN b.subject_name IS NULL THEN p.birth_date
            ELSE b.subject_birth_date END AS birth_date
FROM booking b
LEFT JOIN patient_profile p ON p.user_id = b.patient_id
LEFT JOIN clinic_profile c ON c.id = b.clinic_id
LEFT JOIN assignment a ON a.booking_id = b.id AND a.released_at IS NULL
"""  # noqa: S608 - only constants of this module

DOCTORS = f"""
SELECT {SEQ} AS seq, app_now() AS now, u.id::text, u.last_name, u.first_name,
       u.middle_name, u.blocked_at IS NOT NULL AS blocked, p.specializations,
       least(p.licence_expires_on, p.documents_valid_until) AS valid_until,
       coalesce(s.on_duty, false) AS on_duty, s.duty_changed_at, s.latitude,
       s.longitude, s.position_at,
       (SELECT coalesce(json_agg(json_build_object(
            'call', a.booking_id, 'number', b.number, 'status', b.status,
            'stop', a.stop_id,
            'leave', extract(epoch FROM lower(a.planned_window))::bigint,
            'start', extract(epoch FROM a.planned_start)::bigint,
            'end', extract(epoch FROM upper(a.planned_window))::bigint,
            'assigned', extract(epoch FROM a.assigned_at)::bigint,
            'departed', extract(epoch FROM a.departed_at)::bigint,
            'started', extract(epoch FROM a.started_at)::bigint,
            'ended', extract(epoch FROM b.completed_at)::bigint
        ) ORDER BY coalesce(a.departed_at, a.planned_start)), '[]')
        FROM assignment a JOIN booking b ON b.id = a.booking_id
        WHERE a.doctor_id = u.id AND a.planned_start >= :since
          AND a.planned_start < :until
          AND (a.outcome IS NULL OR a.outcome = 'completed')) AS visits,
       (SELECT json_agg(json_build_array(w.weekday, w.starts_at, w.minutes))
        FROM shift w WHERE w.doctor_id = u.id) AS week,
       (SELECT json_agg(json_build_array(e.day, e.starts_at, e.minutes))
        FROM shift_exception e WHERE e.doctor_id = u.id
          AND e.day BETWEEN CAST(:since AS date) - 1 AND CAST(:until AS date)) AS days,
       (SELECT json_agg(h.day) FROM holiday h
        WHERE h.day BETWEEN CAST(:since AS date) - 1 AND CAST(:until AS date)
       ) AS holidays
FROM doctor_profile p
JOIN app_user u ON u.id = p.user_id
LEFT JOIN doctor_state s ON s.doctor_id = u.id
"""  # noqa: S608 - only constants of this module

SHOWN = f"""
WHERE u.id IN (
    SELECT doctor_id FROM doctor_state WHERE on_duty
    UNION
    SELECT a.doctor_id FROM booking b
    JOIN assignment a ON a.booking_id = b.id AND a.released_at IS NULL
    WHERE {OPEN} AND a.planned_start < :until
)
ORDER BY u.last_name LIMIT {AT_MOST}
"""  # noqa: S608 - only constants of this module

CLOSED_TODAY = """
SELECT count(*) FILTER (WHERE status = 'completed') AS completed,
       count(*) FILTER (WHERE status = 'cancelled') AS cancelled
FROM booking
WHERE coalesce(completed_at, cancelled_at) >= :midnight
  AND status IN ('completed', 'cancelled')
"""


def seconds(moment: datetime | None) -> int | None:
    """A moment as the page reckons with it."""
    return None if moment is None else int(moment.timestamp())


def midnight(day: date) -> datetime:
    """The beginning of a day in Moscow."""
    return datetime.combine(day, time(), MOSCOW)


def _age(birth: date | None, today: date) -> int | None:
    if birth is None:
        return None
    before = (today.month, today.day) < (birth.month, birth.day)
    return today.year - birth.year - before


def _sla(row: Any, limits: sla.Thresholds) -> Sla:
    found = limits.deadline(
        Priority(row.priority), CallType(row.call_type), row.created_at, row.wanted_from
    )
    return {
        "state": found.state(row.now).value,
        "starts_at": int(found.starts_at.timestamp()),
        "warn_at": int(found.warn_at.timestamp()),
        "red_at": int(found.red_at.timestamp()),
    }


def _call(row: Any, limits: sla.Thresholds) -> CallFacts:
    return {
        "id": row.id,
        "seq": row.seq,
        "at": int(row.now.timestamp()),
        "version": row.version,
        "number": row.number,
        "status": row.status,
        "priority": row.priority,
        "type": row.call_type,
        "spec": row.specialization,
        "gist": row.gist,
        "age": _age(row.birth_date, row.now.astimezone(MOSCOW).date()),
        "district": row.district,
        "clinic": row.clinic,
        "flags": row.flags,
        "created": int(row.created_at.timestamp()),
        "wanted_from": seconds(row.wanted_from),
        "wanted_to": seconds(row.wanted_to),
        "sla": _sla(row, limits),
        "lat": row.latitude,
        "lon": row.longitude,
        "doctor": row.doctor,
        "start": seconds(row.planned_start),
        "payment": row.payment,
        "talk": row.talk,
        "unread": row.unread,
    }


def _shifts(row: Any, span: Mapping[str, datetime]) -> list[tuple[int, int]] | None:
    """The shifts of the day as moments; None where the plan sets no bounds."""
    hours = hours_from(row.week, row.days, row.holidays)
    if not hours.limited:
        return None
    found = hours.between(span["since"], span["until"])
    return [(int(a.timestamp()), int(b.timestamp())) for a, b in found]


def _doctor(row: Any, span: Mapping[str, datetime]) -> DoctorFacts:
    names = [each for each in (row.first_name, row.middle_name) if each]
    return {
        "id": row.id,
        "seq": row.seq,
        "at": int(row.now.timestamp()),
        "name": " ".join([row.last_name, *(f"{name[0]}." for name in names)]),
        "initials": f"{row.last_name[:1]}{row.first_name[:1]}".upper(),
        "feminine": russian.is_feminine(row.first_name, row.middle_name),
        "specs": row.specializations,
        "on_duty": row.on_duty,
        "duty_since": seconds(row.duty_changed_at),
        "blocked": row.blocked,
        "licence_until": int(midnight(row.valid_until + timedelta(days=1)).timestamp()),
        "lat": row.latitude,
        "lon": row.longitude,
        "position_at": seconds(row.position_at),
        "visits": row.visits,
        "shifts": _shifts(row, span),
    }


async def calls(
    session: AsyncSession, ids: Sequence[uuid.UUID] | None = None
) -> list[CallFacts]:
    """Read the open calls, or these calls in whatever state they are."""
    limits = await sla.thresholds(session)
    where = f"WHERE {OPEN}" if ids is None else "WHERE b.id = ANY(:ids)"
    values: Mapping[str, Any] = {} if ids is None else {"ids": list(ids)}
    rows = await session.execute(sa.text(CALLS + where), values)
    return [_call(row, limits) for row in rows]


async def doctors(
    session: AsyncSession, day: date, ids: Sequence[uuid.UUID] | None = None
) -> list[DoctorFacts]:
    """Read who works or has a visit on that day, or these doctors."""
    since = midnight(day) - timedelta(hours=4)
    values: dict[str, Any] = {"since": since, "until": since + timedelta(hours=38)}
    if ids is not None:
        values["ids"] = list(ids)
    where = SHOWN if ids is None else "WHERE u.id = ANY(:ids)"
    rows = await session.execute(sa.text(DOCTORS + where), values)
    return [_doctor(row, values) for row in rows]


async def counts(session: AsyncSession, now: datetime) -> Counts:
    """Count what has been closed since midnight."""
    today = midnight(now.astimezone(MOSCOW).date()).astimezone(UTC)
    row = (await session.execute(sa.text(CLOSED_TODAY), {"midnight": today})).one()
    return {"completed": row.completed, "cancelled": row.cancelled}


async def everything(
    session: AsyncSession,
    day: date | None = None,
    known: Counts | None = None,
    outages: Sequence[Outage] | None = None,
) -> Facts:
    """Read the whole board; `seq` is the oldest of its readings.

    Counts and outages that are known already are not looked for anew.
    """
    head = (
        await session.execute(sa.text(f"SELECT {SEQ} AS seq, app_now() AS now"))
    ).one()
    shown = day or head.now.astimezone(MOSCOW).date()
    return {
        "now": int(head.now.timestamp()),
        "seq": head.seq,
        "day": int(midnight(shown).timestamp()),
        "calls": await calls(session),
        "doctors": await doctors(session, shown),
        "watchers": await watchers(session),
        "counts": known or await counts(session, head.now),
        "outages": await notice_reads.outages(session) if outages is None else outages,
    }


async def watchers(session: AsyncSession) -> list[Any]:
    """Tell who looks at what."""
    return [
        {
            "user": str(each.user_id),
            "name": each.name,
            "initials": each.initials,
            "call": "" if each.booking_id is None else str(each.booking_id),
            "since": int(each.since.timestamp()),
            "seen": int(each.seen_at.timestamp()),
        }
        for each in await presence.present(session)
    ]
