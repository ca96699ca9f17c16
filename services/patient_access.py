"""Who saw a patient's facts: the journal of sensitive reads, for one patient."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Booking, Document, Role, User
from services.actor import Actor
from services.errors import NotFound
from services.permissions import Permission, demand
from services.sensitive_reads import journal_read

MOST = 5000


@dataclass(frozen=True)
class Reading:
    """One line of the journal: who read which facts, and of which call."""

    at: datetime
    reader: User | None
    role: Role | None
    via: str
    group: str
    number: str | None


async def report(
    session: AsyncSession,
    actor: Actor,
    patient_id: uuid.UUID,
    since: datetime,
    until: datetime,
) -> tuple[User, Sequence[Reading]]:
    """Give the patient and the readings in [since, until), the newest first.

    Calls and accounts that became the patient's own by a claim count too. Whoever
    asks leaves a line as well. At most 5,000 lines.
    """
    demand(actor, Permission.JOURNAL_READ)
    patient = await session.get(User, patient_id)
    if patient is None:
        raise NotFound
    await journal_read(session, actor, "user", patient_id, "access")
    query = (
        sa.select(AuditEvent, User, Booking)
        .outerjoin(User, col(User.id) == col(AuditEvent.actor_id))
        .outerjoin(Booking, col(Booking.id) == col(AuditEvent.object_id))
        .where(
            col(AuditEvent.object_id).in_(_theirs(patient_id)),
            col(AuditEvent.action).startswith("read.", autoescape=True),
            col(AuditEvent.created_at) >= since,
            col(AuditEvent.created_at) < until,
        )
        .order_by(col(AuditEvent.created_at).desc(), col(AuditEvent.id).desc())
        .limit(MOST)
    )
    return patient, [_reading(*row) for row in await session.execute(query)]


def _theirs(patient_id: uuid.UUID) -> sa.CompoundSelect[tuple[uuid.UUID]]:
    """The ids of everything whose opening tells something about the patient."""
    people = sa.or_(col(User.id) == patient_id, col(User.merged_into) == patient_id)
    ids = sa.select(col(User.id)).where(people)
    return sa.union_all(
        ids,
        sa.select(col(Booking.id)).where(col(Booking.patient_id).in_(ids)),
        sa.select(col(Document.id)).where(col(Document.user_id).in_(ids)),
    )


def _reading(event: AuditEvent, reader: User | None, call: Booking | None) -> Reading:
    return Reading(
        at=event.created_at,
        reader=reader,
        role=event.acting_as,
        via=event.via,
        group=event.action.removeprefix("read."),
        number=call.label if call else None,
    )
