"""A doctor's duty and position."""

from api.deps import DoctorActor, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.visits import DutyBody, PositionBody
from services import duty

router = make_router("/v1/me", "Visits")


@router.put("/duty", responses=problems(401, 403, 409))
async def set_duty(body: DutyBody, session: SessionDep, actor: DoctorActor) -> DutyBody:
    """Begin or end work."""
    await duty.set_duty(session, actor, body.on_duty)
    return body


@router.put("/position", status_code=204, responses=problems(401, 403))
async def set_position(
    body: PositionBody, session: SessionDep, actor: DoctorActor
) -> None:
    """Say where one is; older news never hide fresher ones."""
    await duty.set_position(
        session, actor, body.latitude, body.longitude, body.accuracy_m, body.at
    )
