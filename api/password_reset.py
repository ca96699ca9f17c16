"""A forgotten password: ask for a link, use it once."""

from starlette.requests import Request

from api.deps import ClientAddress, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.verifications import ResetBody, ResetConfirmationBody
from services import password_reset, rate_limits
from services.edges import in_transaction

router = make_router("/v1/auth/password-reset", "Accounts")


@router.post("", status_code=202, responses=problems(429))
async def ask_reset(
    body: ResetBody, request: Request, session: SessionDep, address: ClientAddress
) -> None:
    """Send a link to whoever the login names; the answer is the same for nobody."""
    await in_transaction(
        request.app.state.sessions,
        lambda own: rate_limits.reset(own, body.login, address),
    )
    await password_reset.ask(session, body.login)


@router.post("/confirm", status_code=204, responses=problems(429))
async def confirm_reset(
    body: ResetConfirmationBody,
    request: Request,
    session: SessionDep,
    address: ClientAddress,
) -> None:
    """Set a new password with the link's token; all sign-ins of the person end."""
    await in_transaction(
        request.app.state.sessions, lambda own: rate_limits.link(own, address)
    )
    await password_reset.confirm(session, body.token, body.new_password)
