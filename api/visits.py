"""A doctor's visits."""

import uuid
from typing import Annotated

from fastapi import Query
from sqlmodel.ext.asyncio.session import AsyncSession

from api import pages
from api.deps import DoctorActor, SessionDep
from api.pages import Listing, WantedPage
from api.problems import problems
from api.routing import router as make_router
from api.schemas.visits import (
    CompleteBody,
    DeclineBody,
    FlagBody,
    NothingBody,
    VisitAnswer,
    VisitCancelBody,
)
from models.booking import Status
from services import bookings, visit_reads, visits
from services.actor import Actor

router = make_router("/v1/visits", "Visits")
VERB = problems(401, 403, 409)


async def _shown(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> VisitAnswer:
    return VisitAnswer.of(await visit_reads.visit(session, actor, booking_id))


@router.get("", responses=problems(401, 403))
async def list_visits(
    session: SessionDep,
    actor: DoctorActor,
    wanted: WantedPage,
    status: Annotated[list[Status] | None, Query(max_length=7)] = None,
) -> Listing[VisitAnswer]:
    """List one's visits, active or completed within a day, newest first."""
    page = await visit_reads.visits(session, actor, wanted, status or ())
    return pages.answer(page, VisitAnswer.of)


@router.get("/{booking_id}", responses=problems(401, 403))
async def read(
    booking_id: uuid.UUID, session: SessionDep, actor: DoctorActor
) -> VisitAnswer:
    """Show one of one's visits."""
    return await _shown(session, actor, booking_id)


@router.post("/{booking_id}/accept", responses=VERB)
async def accept(
    booking_id: uuid.UUID,
    session: SessionDep,
    actor: DoctorActor,
    _: NothingBody | None = None,
) -> VisitAnswer:
    """Take the visit on."""
    await visits.accept(session, actor, booking_id)
    return await _shown(session, actor, booking_id)


@router.post("/{booking_id}/decline", responses=VERB)
async def decline(
    booking_id: uuid.UUID, body: DeclineBody, session: SessionDep, actor: DoctorActor
) -> VisitAnswer:
    """Give the visit back."""
    booking = await visits.decline(session, actor, booking_id, body.reason)
    return VisitAnswer.lost(booking)


@router.post("/{booking_id}/depart", responses=VERB)
async def depart(
    booking_id: uuid.UUID,
    session: SessionDep,
    actor: DoctorActor,
    _: NothingBody | None = None,
) -> VisitAnswer:
    """Set out."""
    await visits.depart(session, actor, booking_id)
    return await _shown(session, actor, booking_id)


@router.post("/{booking_id}/start", responses=VERB)
async def start(
    booking_id: uuid.UUID,
    session: SessionDep,
    actor: DoctorActor,
    _: NothingBody | None = None,
) -> VisitAnswer:
    """Be on scene."""
    await visits.start(session, actor, booking_id)
    return await _shown(session, actor, booking_id)


@router.post("/{booking_id}/complete", responses=VERB)
async def complete(
    booking_id: uuid.UUID, body: CompleteBody, session: SessionDep, actor: DoctorActor
) -> VisitAnswer:
    """Finish the visit with its conclusion."""
    await visits.complete(
        session, actor, booking_id, body.actual_minutes, body.conclusion, body.items
    )
    return await _shown(session, actor, booking_id)


@router.post("/{booking_id}/cancel", responses=VERB)
async def cancel(
    booking_id: uuid.UUID,
    body: VisitCancelBody,
    session: SessionDep,
    actor: DoctorActor,
) -> VisitAnswer:
    """End the visit without a visit."""
    booking = await bookings.cancel(
        session, actor, booking_id, body.reason_code, body.reason
    )
    return VisitAnswer.lost(booking)


@router.post("/{booking_id}/flag", responses=VERB)
async def flag(
    booking_id: uuid.UUID, body: FlagBody, session: SessionDep, actor: DoctorActor
) -> VisitAnswer:
    """Warn the dispatchers."""
    await bookings.flag(session, actor, booking_id, body.flag, comment=body.comment)
    return await _shown(session, actor, booking_id)
