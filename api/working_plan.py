"""When a doctor plans to work."""

from datetime import date
from typing import Annotated

from pydantic import BeforeValidator

from api.deps import DoctorActor, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.working_plan import DayAnswer, PlanAnswer, PlanBody
from services import shifts
from services.shift_inputs import ExceptionInput

router = make_router("/v1/me/working-plan", "Visits")
# A bare number would be read as seconds since 1970.
IsoDay = Annotated[date, BeforeValidator(date.fromisoformat)]


@router.get("", responses=problems(401, 403, 404))
async def read_working_plan(session: SessionDep, actor: DoctorActor) -> PlanAnswer:
    """Show the week, the days on which something else holds, and the holidays."""
    return PlanAnswer.of(await shifts.plan(session, actor))


@router.put("", responses=problems(401, 403, 404))
async def replace_working_plan(
    body: PlanBody, session: SessionDep, actor: DoctorActor
) -> PlanAnswer:
    """Replace the week; visits assigned already stay where they are."""
    await shifts.follow(session, actor, body.duty_by_plan)
    return PlanAnswer.of(await shifts.set_plan(session, actor, body.week))


@router.put("/days/{day}", responses=problems(401, 403, 404))
async def set_day(
    day: IsoDay, body: ExceptionInput, session: SessionDep, actor: DoctorActor
) -> DayAnswer:
    """Say what holds on one day instead of the week: hours, or none for a day off."""
    return DayAnswer.of(await shifts.set_exception(session, actor, day, body))


@router.delete("/days/{day}", status_code=204, responses=problems(401, 403, 404))
async def clear_day(day: IsoDay, session: SessionDep, actor: DoctorActor) -> None:
    """Let the week hold on this day again."""
    await shifts.remove_exception(session, actor, day)
