"""Register, sign in, go on with a refresh token, sign out.

Limits and the ends of a sign-in have transactions of their own: what they count
and note has to outlive the refusal, and no connection is held during a hash.
"""

from starlette.requests import Request

from api.deps import ClientAddress, CurrentUser, SessionDep, SettingsDep
from api.problems import problems
from api.routing import router as make_router
from api.schemas.accounts import LoginBody, RefreshBody, TokenAnswer, UserAnswer
from services import accounts, passwords, rate_limits, tokens
from services.accounts import Registration, SignedIn
from services.config import Settings
from services.edges import in_transaction
from services.errors import InvalidCredentials, Unauthenticated

router = make_router("/v1/auth", "Accounts")


@router.post("/register", status_code=201, responses=problems(409, 429))
async def register(
    body: Registration,
    request: Request,
    session: SessionDep,
    settings: SettingsDep,
    address: ClientAddress,
) -> TokenAnswer:
    """Open an account for a patient."""
    await in_transaction(
        request.app.state.sessions, lambda own: rate_limits.registration(own, address)
    )
    return _answer(settings, await accounts.register(session, body, address))


@router.post("/login", responses=problems(401, 429))
async def login(
    body: LoginBody, request: Request, settings: SettingsDep, address: ClientAddress
) -> TokenAnswer:
    """Sign in with an e-mail or phone number and the password."""
    sessions = request.app.state.sessions
    await in_transaction(
        sessions, lambda own: rate_limits.sign_in(own, body.login, address)
    )
    found = await in_transaction(sessions, lambda own: accounts.known(own, body.login))
    right = await passwords.verify(
        body.password, found.password_hash if found else None
    )
    signed_in = await in_transaction(
        sessions, lambda own: accounts.sign_in(own, found, right)
    )
    if signed_in is None:
        raise InvalidCredentials
    return _answer(settings, signed_in)


@router.post("/refresh", responses=problems(401, 429))
async def refresh(
    body: RefreshBody, request: Request, settings: SettingsDep, address: ClientAddress
) -> TokenAnswer:
    """Swap a refresh token for a new pair; a token used twice ends its sign-in."""
    sessions = request.app.state.sessions
    await in_transaction(sessions, lambda own: rate_limits.refresh(own, address))
    signed_in = await in_transaction(
        sessions, lambda own: accounts.go_on(own, body.refresh_token)
    )
    if signed_in is None:
        raise Unauthenticated
    return _answer(settings, signed_in)


@router.post("/logout", status_code=204, responses=problems(401))
async def logout(session: SessionDep, caller: CurrentUser) -> None:
    """End this sign-in: its tokens are worth nothing from now on."""
    await accounts.sign_out(session, caller)


def _answer(settings: Settings, signed_in: SignedIn) -> TokenAnswer:
    card, link = signed_in.card, signed_in.link
    access = tokens.issue(
        settings, card.user.id, link.family_id, card.user.auth_version
    )
    return TokenAnswer(
        user=UserAnswer.of(card),
        access_token=access,
        refresh_token=link.token,
        expires_in=settings.access_token_seconds,
    )
