"""A clinic's own doctors, and the calls handed to it."""

import uuid
from typing import Annotated

from fastapi import Query

from api import pages
from api.deps import ClinicActor, SessionDep
from api.pages import Listing, WantedPage
from api.problems import problems
from api.routing import router as make_router
from api.schemas.directory import (
    ClinicAnswer,
    ClinicAssignBody,
    ClinicCallAnswer,
    ClinicDoctorAnswer,
    ClinicVisitAnswer,
)
from models.booking import Status
from services import assignments, clinic_reads, clinic_visits

router = make_router("/v1/clinic", "Clinic")


@router.get("", responses=problems(401, 403))
async def read(session: SessionDep, actor: ClinicActor) -> ClinicAnswer:
    """Show one's own clinic."""
    return ClinicAnswer.of(await clinic_reads.clinic(session, actor))


@router.get("/doctors", responses=problems(401, 403))
async def list_doctors(
    session: SessionDep, actor: ClinicActor, wanted: WantedPage
) -> Listing[ClinicDoctorAnswer]:
    """List the clinic's own doctors."""
    page = await clinic_reads.doctors(session, actor, wanted)
    return pages.answer(page, ClinicDoctorAnswer.of)


@router.get("/bookings", responses=problems(401, 403))
async def list_bookings(
    session: SessionDep,
    actor: ClinicActor,
    wanted: WantedPage,
    status: Annotated[list[Status] | None, Query(max_length=7)] = None,
) -> Listing[ClinicCallAnswer]:
    """List the calls that are with the clinic."""
    page = await clinic_reads.calls(session, actor, wanted, status or ())
    return pages.answer(page, ClinicCallAnswer.of)


@router.get("/visits", responses=problems(401, 403))
async def list_visits(
    session: SessionDep,
    actor: ClinicActor,
    wanted: WantedPage,
    status: Annotated[list[Status] | None, Query(max_length=7)] = None,
) -> Listing[ClinicVisitAnswer]:
    """List the visits of the clinic's own doctors, without their patients."""
    page = await clinic_visits.visits(session, actor, wanted, status or ())
    return pages.answer(page, ClinicVisitAnswer.of)


@router.post("/bookings/{booking_id}/assign", responses=problems(401, 403, 409))
async def assign(
    booking_id: uuid.UUID,
    body: ClinicAssignBody,
    session: SessionDep,
    actor: ClinicActor,
) -> ClinicCallAnswer:
    """Give the call to one of the clinic's own doctors."""
    await assignments.assign(
        session, actor, booking_id, body.doctor_id, body.version, body.planned_start
    )
    return ClinicCallAnswer.of(await clinic_reads.call(session, actor, booking_id))
