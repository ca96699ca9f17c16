"""The directory of doctors."""

from typing import Annotated

from fastapi import Query

from api import pages
from api.deps import CurrentUser, SessionDep
from api.pages import Listing, WantedPage
from api.problems import problems
from api.routing import router as make_router
from api.schemas.directory import DoctorAnswer
from models.specialization import Specialization
from services import doctor_directory

router = make_router("/v1/doctors", "Bookings")


@router.get("", responses=problems(401))
async def list_doctors(
    session: SessionDep,
    _: CurrentUser,
    wanted: WantedPage,
    specialization: Specialization | None = None,
    district: Annotated[str | None, Query(min_length=1, max_length=80)] = None,
) -> Listing[DoctorAnswer]:
    """List approved doctors."""
    page = await doctor_directory.directory(session, wanted, specialization, district)
    return pages.answer(page, DoctorAnswer.of)
