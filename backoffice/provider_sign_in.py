"""The way to the provider of identities and back, before the console's door."""

from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice.pages import local_path
from backoffice.sign_in import client_of, give_cookie, show
from services import provider_sign_in, rate_limits, staff_sessions
from services.config import Settings
from services.edges import in_transaction
from services.errors import DomainError, NotFound
from services.provider_sign_in import Attempt, ProviderRefused

COOKIE = "tot_provider"
PLACE = "/admin/login/provider"


async def leave(request: Request) -> Response:
    """Send the browser to the provider, with a sealed note of what we asked."""
    try:
        settings = await _counted(request)
        onward = local_path(request, request.query_params.get("next")) or "/admin/"
        attempt, address = await provider_sign_in.begin(settings, onward)
    except DomainError as error:
        return await show(request, error)
    response = RedirectResponse(address, 303)
    response.set_cookie(
        COOKIE,
        attempt.sealed(),
        max_age=provider_sign_in.SECONDS_TO_RETURN,
        secure=request.app.state.console.secure,
        httponly=True,
        samesite="lax",
        path=PLACE,
    )
    return response


async def come_back(request: Request) -> Response:
    """Let in whom the provider vouches for, if they are ours; the note is used up."""
    try:
        settings = await _counted(request)
        given = request.query_params
        attempt = provider_sign_in.opened(
            request.cookies.get(COOKIE), given.get("state", "")
        )
        if "code" not in given:
            raise ProviderRefused
        token = await _token(request, settings, attempt, given["code"])
        # A page and not a redirect would leave the code in the address bar.
        response: Response = RedirectResponse(attempt.onward, 303)
        give_cookie(request, response, token)
    except ProviderRefused as error:
        await in_transaction(
            request.app.state.sessions, lambda own: staff_sessions.refused(own, None)
        )
        response = await show(request, error)
    except DomainError as error:
        response = await show(request, error)
    response.delete_cookie(COOKIE, path=PLACE)
    return response


async def _counted(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    if not settings.oidc_issuer:
        raise NotFound
    address = client_of(request).address or ""
    await in_transaction(
        request.app.state.sessions, lambda own: rate_limits.provider(own, address)
    )
    return settings


async def _token(
    request: Request, settings: Settings, attempt: Attempt, code: str
) -> str:
    who = await provider_sign_in.identity(settings, attempt, code)
    client, hours = client_of(request), settings.staff_session_hours

    async def work(session: AsyncSession) -> str | None:
        found = await provider_sign_in.candidate(session, who)
        if found is None:
            return None
        return await staff_sessions.begin(
            session, found, client, hours, by_provider=True, fresh=who.fresh
        )

    token = await in_transaction(request.app.state.sessions, work)
    if token is None:
        raise ProviderRefused
    return token
