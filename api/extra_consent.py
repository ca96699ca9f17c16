"""A patient's consent to extra services well above the quote."""

import uuid

from api.deps import PatientActor, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.bookings import BookingAnswer
from api.schemas.visits import NothingBody
from services import booking_reads, extras

router = make_router("/v1/bookings/{booking_id}/extra-consent", "Money")


@router.post("", responses=problems(401, 403, 404, 409))
async def agree(
    booking_id: uuid.UUID,
    session: SessionDep,
    actor: PatientActor,
    _: NothingBody | None = None,
) -> BookingAnswer:
    """Agree to pay the extra services; nothing of them is charged before."""
    await extras.agree(session, actor, booking_id)
    view = await booking_reads.patient_booking(session, actor, booking_id)
    return BookingAnswer.of(view)
