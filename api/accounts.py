"""One's own account and medical facts."""

from starlette.requests import Request

from api.deps import ClientAddress, CurrentUser, PatientActor, SessionDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.accounts import PasswordBody, ProfileAnswer, UserAnswer
from models import PatientProfile
from services import accounts, profiles, rate_limits
from services.accounts import CardChanges
from services.edges import in_transaction
from services.profiles import ProfileInput

router = make_router("/v1/me", "Accounts")


@router.get("", responses=problems(401))
async def read_me(session: SessionDep, caller: CurrentUser) -> UserAnswer:
    """Give the caller's own card."""
    return UserAnswer.of(await accounts.card(session, caller))


@router.patch("", responses=problems(401))
async def edit_me(
    body: CardChanges, session: SessionDep, caller: CurrentUser
) -> UserAnswer:
    """Change one's name or language; absent fields stay."""
    return UserAnswer.of(await accounts.edit(session, caller, body))


@router.put("/password", status_code=204, responses=problems(401, 429))
async def change_password(
    body: PasswordBody,
    request: Request,
    session: SessionDep,
    caller: CurrentUser,
    address: ClientAddress,
) -> None:
    """Replace the password; all other sessions die."""
    await in_transaction(
        request.app.state.sessions,
        lambda own: rate_limits.password_check(own, caller.user_id, address),
    )
    await accounts.change_password(
        session, caller, body.current_password, body.new_password
    )


@router.get(
    "/patient-profile", response_model=ProfileAnswer, responses=problems(401, 403)
)
async def read_profile(session: SessionDep, actor: PatientActor) -> PatientProfile:
    """Give one's own medical facts."""
    return await profiles.read(session, actor)


@router.put(
    "/patient-profile", response_model=ProfileAnswer, responses=problems(401, 403)
)
async def replace_profile(
    body: ProfileInput, session: SessionDep, actor: PatientActor
) -> PatientProfile:
    """Replace one's own medical facts; what is left out is emptied."""
    return await profiles.replace(session, actor, body)
