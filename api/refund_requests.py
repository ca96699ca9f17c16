"""A patient asks for money back; finance decides."""

import uuid

from api.deps import PatientActor, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.refunds import RefundRequestAnswer, RefundRequestBody
from services import refund_claims

router = make_router("/v1/bookings", "Money")


@router.post(
    "/{booking_id}/refund-requests", status_code=201, responses=problems(401, 403, 409)
)
async def ask(
    booking_id: uuid.UUID,
    body: RefundRequestBody,
    session: SessionDep,
    actor: PatientActor,
) -> RefundRequestAnswer:
    """Ask for money back for an own call, from the visit on."""
    claim = await refund_claims.open_claim(
        session, actor, booking_id, body.reason_code, body.comment
    )
    return RefundRequestAnswer.of(claim)
