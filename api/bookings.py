"""A patient's calls."""

import uuid
from typing import Annotated

from fastapi import Query

from api import pages
from api.deps import PatientActor, SessionDep, SettingsDep
from api.pages import Listing, WantedPage
from api.problems import problems
from api.routing import router as make_router
from api.schemas.bookings import (
    BookingAnswer,
    CancelBody,
    EventAnswer,
    EventList,
    PatientChanges,
    PositionAnswer,
)
from models.booking import Status
from services import booking_reads, bookings
from services.booking_drafts import PatientDraft
from services.booking_reads import BookingView

router = make_router("/v1/bookings", "Bookings")


@router.post("", status_code=201, responses=problems(401, 403, 409, 429))
async def create(
    body: PatientDraft,
    session: SessionDep,
    actor: PatientActor,
    settings: SettingsDep,
) -> BookingAnswer:
    """Call a doctor."""
    booking = await bookings.create(
        session, actor, body, open_limit=settings.max_open_bookings
    )
    return BookingAnswer.of(BookingView(booking))


@router.get("", responses=problems(401, 403))
async def list_bookings(
    session: SessionDep,
    actor: PatientActor,
    wanted: WantedPage,
    status: Annotated[list[Status] | None, Query(max_length=7)] = None,
) -> Listing[BookingAnswer]:
    """List one's own calls, newest first."""
    page = await booking_reads.patient_bookings(session, actor, wanted, status or ())
    return pages.answer(page, BookingAnswer.of)


@router.get("/{booking_id}", responses=problems(401, 403))
async def read(
    booking_id: uuid.UUID, session: SessionDep, actor: PatientActor
) -> BookingAnswer:
    """Show one of one's own calls."""
    view = await booking_reads.patient_booking(session, actor, booking_id)
    return BookingAnswer.of(view)


@router.get("/{booking_id}/events", responses=problems(401, 403))
async def list_events(
    booking_id: uuid.UUID, session: SessionDep, actor: PatientActor
) -> EventList:
    """Give the history of a call, oldest first."""
    events = await booking_reads.patient_events(session, actor, booking_id)
    return EventList(items=[EventAnswer.of(event) for event in events])


@router.patch("/{booking_id}", responses=problems(401, 403, 409))
async def edit(
    booking_id: uuid.UUID,
    body: PatientChanges,
    session: SessionDep,
    actor: PatientActor,
) -> BookingAnswer:
    """Change a call that still waits; absent fields stay."""
    await bookings.edit(session, actor, booking_id, body.changes(), body.version)
    view = await booking_reads.patient_booking(session, actor, booking_id)
    return BookingAnswer.of(view)


@router.post("/{booking_id}/cancel", responses=problems(401, 403, 409))
async def cancel(
    booking_id: uuid.UUID, body: CancelBody, session: SessionDep, actor: PatientActor
) -> BookingAnswer:
    """Call the visit off."""
    await bookings.cancel(session, actor, booking_id, body.reason_code, body.reason)
    view = await booking_reads.patient_booking(session, actor, booking_id)
    return BookingAnswer.of(view)


@router.get("/{booking_id}/doctor-position", responses=problems(401, 403, 409))
async def doctor_position(
    booking_id: uuid.UUID, session: SessionDep, actor: PatientActor
) -> PositionAnswer:
    """Show where the doctor is, while they are on the way."""
    place = await booking_reads.doctor_position(session, actor, booking_id)
    return PositionAnswer.model_validate(place, from_attributes=True)
