"""What a person may ask of the service about themselves: a copy, and to be forgotten."""

from starlette.requests import Request

from api.deps import ClientAddress, CurrentUser, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.rights import ErasureBody, ExportAnswer
from services import erasure, export, rate_limits
from services.edges import in_transaction

router = make_router("/v1/me", "Accounts")


@router.get("/export", responses=problems(401, 429))
async def export_me(
    request: Request, session: SessionDep, caller: CurrentUser
) -> ExportAnswer:
    """Give everything that is known about the caller."""
    await in_transaction(
        request.app.state.sessions,
        lambda own: rate_limits.export(own, caller.user_id),
    )
    return ExportAnswer.of(await export.collect(session, caller))


@router.delete("", status_code=204, responses=problems(401, 403, 409, 429))
async def erase_me(
    body: ErasureBody,
    request: Request,
    session: SessionDep,
    caller: CurrentUser,
    address: ClientAddress,
) -> None:
    """Erase the account; what accounting needs stays without a name."""
    await in_transaction(
        request.app.state.sessions,
        lambda own: rate_limits.password_check(own, caller.user_id, address),
    )
    await erasure.erase(session, caller, body.current_password)
