"""Everything that the service knows about one person, for that person."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Address,
    ApplicationEvent,
    Assignment,
    AuditEvent,
    Booking,
    BookingEvent,
    ClinicMember,
    ClinicProfile,
    DoctorApplication,
    DoctorProfile,
    Document,
    PatientProfile,
    ProfileChange,
    RefreshToken,
    RoleGrant,
    Shift,
    ShiftException,
    User,
)
from services import (
    accounts,
    audit,
    consents,
    export_money,
    export_talk,
    proven_phones,
)
from services.accounts import Card
from services.booking_reads import HIDDEN_FROM_PATIENTS, BookingView, views
from services.callers import Caller
from services.consents import Given
from services.permissions import Permission, demand

Row = dict[str, Any]
# Whose row it is, and what of it tells the person something.
OWN: Mapping[str, tuple[Any, str, tuple[str, ...]]] = {
    "roles": (RoleGrant, "user_id", ("role", "created_at", "revoked_at")),
    "patient_profile": (
        PatientProfile,
        "user_id",
        (
            "birth_date",
            "sex",
            "blood_type",
            "insurance_number",
            "allergies",
            "chronic_conditions",
            "emergency_contact",
        ),
    ),
    "addresses": (
        Address,
        "user_id",
        (
            "label",
            "text",
            "entrance",
            "floor",
            "intercom",
            "flat",
            "notes",
            "district",
            "latitude",
            "longitude",
        ),
    ),
    "doctor_applications": (
        DoctorApplication,
        "user_id",
        ("id", "status", "facts", "submitted_at", "decided_at", "reason", "created_at"),
    ),
    "doctor_profile": (
        DoctorProfile,
        "user_id",
        (
            "specializations",
            "licence_number",
            "licence_expires_on",
            "documents_valid_until",
            "experience_years",
            "languages",
            "education",
            "birth_date",
            "about",
            "home_district",
            "home_latitude",
            "home_longitude",
            "rating",
            "approved_at",
            "suspended_at",
        ),
    ),
    "profile_changes": (
        ProfileChange,
        "doctor_id",
        ("facts", "status", "reason", "created_at", "decided_at"),
    ),
    "documents": (
        Document,
        "user_id",
        (
            "kind",
            "number",
            "issued_on",
            "expires_on",
            "file_name",
            "media_type",
            "size_bytes",
            "pages",
            "sha256",
            "status",
            "review_comment",
            "created_at",
        ),
    ),
    "shifts": (Shift, "doctor_id", ("weekday", "starts_at", "minutes")),
    "shift_exceptions": (
        ShiftException,
        "doctor_id",
        ("day", "starts_at", "minutes", "comment"),
    ),
    "sessions": (
        RefreshToken,
        "user_id",
        ("family_id", "created_at", "used_at", "revoked_at", "expires_at"),
    ),
}


@dataclass(frozen=True)
class OwnCall:
    """A call of one's own with its history, as its patient may see both."""

    view: BookingView
    events: Sequence[BookingEvent]


@dataclass(frozen=True)
class Export:
    """The card, the calls, the consents, and every other table by its name."""

    card: Card
    calls: Sequence[OwnCall]
    consents: Sequence[Given]
    tables: Mapping[str, Sequence[Row]]


async def collect(session: AsyncSession, caller: Caller) -> Export:
    """Gather all of one's own data, with a line in the journal."""
    demand(caller.actor, Permission.ACCOUNT_OWN)
    ids = [caller.user_id, *await _merged(session, caller.user_id)]
    tables = {
        name: await _rows(session, table, owner, names, ids)
        for name, (table, owner, names) in {**OWN, **export_talk.OWN}.items()
    }
    tables.update(await export_money.tables(session, ids))
    tables["application_history"] = await _application_history(session, ids)
    tables["clinics"] = await _clinics(session, ids)
    tables["visits"] = await _visits(session, ids)
    calls = await _calls(session, ids)
    mine = [call.view.booking.id for call in calls]
    tables["messages"] = await export_talk.messages(session, mine)
    tables["read_by_others"] = await _reads(session, ids)
    given = await consents.own(session, caller.actor)
    card = await accounts.card(session, caller)
    audit.record(session, caller.actor, "account.exported", "user", caller.user_id)
    return Export(card, calls, given, tables)


async def _merged(session: AsyncSession, user_id: uuid.UUID) -> Sequence[uuid.UUID]:
    query = select(User.id).where(col(User.merged_into) == user_id)
    return (await session.exec(query)).all()


async def _rows(
    session: AsyncSession,
    table: Any,
    owner: str,
    names: Sequence[str],
    ids: Sequence[uuid.UUID],
) -> list[Row]:
    query = select(table).where(getattr(table, owner).in_(ids)).order_by(table.id)
    rows = (await session.exec(query)).all()
    return [{name: getattr(row, name) for name in names} for row in rows]


async def _calls(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[OwnCall]:
    query = select(Booking).where(
        col(Booking.patient_id).in_(ids), proven_phones.shown(ids[0])
    )
    bookings = (await session.exec(query.order_by(col(Booking.id)))).all()
    history: dict[uuid.UUID, list[BookingEvent]] = {}
    events = select(BookingEvent).where(
        col(BookingEvent.booking_id).in_([each.id for each in bookings]),
        col(BookingEvent.event).not_in(HIDDEN_FROM_PATIENTS),
    )
    ordered = events.order_by(col(BookingEvent.booking_id), col(BookingEvent.version))
    for event in (await session.exec(ordered)).all():
        history.setdefault(event.booking_id, []).append(event)
    seen = await views(session, bookings)
    return [OwnCall(view, history.get(view.booking.id, [])) for view in seen]


async def _visits(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[Row]:
    """One's turns as a doctor, without anything about those who were ill."""
    query = (
        sa.select(
            col(Booking.number),
            col(Booking.call_type),
            col(Booking.specialization),
            col(Assignment.planned_start),
            col(Assignment.assigned_at),
            col(Assignment.accepted_at),
            col(Assignment.departed_at),
            col(Assignment.started_at),
            col(Assignment.released_at),
            col(Assignment.outcome),
        )
        .join(Booking, col(Booking.id) == col(Assignment.booking_id))
        .where(col(Assignment.doctor_id).in_(ids))
        .order_by(col(Assignment.id))
    )
    rows = await session.execute(query)
    return [{**row._mapping, "number": f"B-{row.number}"} for row in rows]


async def _application_history(
    session: AsyncSession, ids: Sequence[uuid.UUID]
) -> list[Row]:
    """Steps of one's applications; who decided is a role, not a name."""
    query = (
        sa.select(
            col(ApplicationEvent.application_id),
            col(ApplicationEvent.event),
            col(ApplicationEvent.from_status),
            col(ApplicationEvent.to_status),
            col(ApplicationEvent.acting_as),
            col(ApplicationEvent.created_at),
        )
        .join(
            DoctorApplication,
            col(DoctorApplication.id) == col(ApplicationEvent.application_id),
        )
        .where(col(DoctorApplication.user_id).in_(ids))
        .order_by(col(ApplicationEvent.id))
    )
    return [{**row._mapping} for row in await session.execute(query)]


async def _clinics(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[Row]:
    query = (
        sa.select(col(ClinicProfile.name), col(ClinicMember.created_at))
        .join(ClinicMember, col(ClinicMember.clinic_id) == col(ClinicProfile.id))
        .where(col(ClinicMember.user_id).in_(ids))
    )
    return [{**row._mapping} for row in await session.execute(query)]


async def _reads(session: AsyncSession, ids: Sequence[uuid.UUID]) -> list[Row]:
    """Who of the house has looked: the role, the group of facts and the moment."""
    about: sa.CompoundSelect[Any] = sa.union_all(
        sa.select(sa.func.unnest(sa.cast(list(ids), sa.ARRAY(sa.Uuid)))),
        sa.select(col(Booking.id)).where(col(Booking.patient_id).in_(ids)),
        sa.select(col(Document.id)).where(col(Document.user_id).in_(ids)),
        sa.select(col(DoctorApplication.id)).where(
            col(DoctorApplication.user_id).in_(ids)
        ),
    )
    shown: list[Any] = [
        col(AuditEvent.acting_as).label("role"),
        col(AuditEvent.action).label("what"),
        col(AuditEvent.created_at).label("at"),
    ]
    query = (
        sa.select(*shown)
        .where(
            col(AuditEvent.object_id).in_(about),
            col(AuditEvent.actor_id).not_in(ids),
            col(AuditEvent.action).startswith("read.", autoescape=True),
        )
        .order_by(col(AuditEvent.id))
    )
    return [{**row._mapping} for row in await session.execute(query)]
