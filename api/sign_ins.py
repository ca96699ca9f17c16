"""One's own sign-ins: which live, and ending any of them."""

import uuid

from api.deps import CurrentUser, SessionDep
from api.pages import Listing
from api.problems import problems
from api.routing import router as make_router
from api.schemas.accounts import SignInAnswer
from services import sign_ins

router = make_router("/v1/me/sessions", "Accounts")


@router.get("", responses=problems(401))
async def list_sessions(
    session: SessionDep, caller: CurrentUser
) -> Listing[SignInAnswer]:
    """List one's own living sign-ins, the one used last first."""
    found = await sign_ins.own(session, caller)
    return Listing(items=[SignInAnswer.model_validate(each) for each in found])


@router.delete("/{session_id}", status_code=204, responses=problems(401))
async def end_session(
    session_id: uuid.UUID, session: SessionDep, caller: CurrentUser
) -> None:
    """End a sign-in: its tokens are worth nothing from now on."""
    await sign_ins.end(session, caller, session_id)
