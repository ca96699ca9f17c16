"""Applying to work as a doctor; open to everybody who has registered."""

from starlette.responses import Response

from api.deps import CurrentUser, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.doctor_application import ApplicationAnswer
from services import application_reads, applications
from services.application_facts import ApplicationFacts

router = make_router("/v1/me/doctor-application", "Onboarding")


@router.get("", responses=problems(401, 404))
async def read_application(
    session: SessionDep, caller: CurrentUser
) -> ApplicationAnswer:
    """Show one's own latest application."""
    return ApplicationAnswer.of(await application_reads.own(session, caller.actor))


@router.post(
    "",
    status_code=201,
    responses={**problems(401, 404, 409), 200: {"model": ApplicationAnswer}},
)
async def save_application(
    body: ApplicationFacts,
    session: SessionDep,
    caller: CurrentUser,
    response: Response,
) -> ApplicationAnswer:
    """Begin an application, or fill in more of the one that is open."""
    _, new = await applications.save(session, caller.actor, body)
    response.status_code = 201 if new else 200
    return ApplicationAnswer.of(await application_reads.own(session, caller.actor))


@router.post("/submit", responses=problems(401, 404, 409))
async def submit_application(
    session: SessionDep, caller: CurrentUser
) -> ApplicationAnswer:
    """Hand the application in; what is missing is listed."""
    await applications.submit(session, caller.actor)
    return ApplicationAnswer.of(await application_reads.own(session, caller.actor))


@router.post("/withdraw", responses=problems(401, 404, 409))
async def withdraw_application(
    session: SessionDep, caller: CurrentUser
) -> ApplicationAnswer:
    """Take the application back."""
    await applications.withdraw(session, caller.actor)
    return ApplicationAnswer.of(await application_reads.own(session, caller.actor))
