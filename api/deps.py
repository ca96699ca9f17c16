"""What endpoints ask for: a transaction, the caller, and the role they act in."""

from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from api import idempotency
from api.front import LOCALE_ASKED
from models.role_grant import Role
from services import callers, tokens
from services.actor import Actor
from services.callers import Caller
from services.client_address import client_address
from services.config import Settings
from services.edges import transaction
from services.errors import Unauthenticated
from services.i18n import set_locale
from services.idempotency import UNDER_WAY
from services.tokens import Claims

bearer = HTTPBearer(auto_error=False, description="The access token of a sign-in.")


# Where the route class keeps what one attempt opens and its end closes.
ATTEMPT = "tot.attempt"


async def open_transaction(request: Request) -> AsyncSession:
    """Open the attempt's transaction; the route class ends it before the answer.

    A dependency with `yield` would do the same at several times the cost, and of
    the wrong scope it would answer 200 before a commit that fails.
    """
    attempt: AsyncExitStack = request.scope[ATTEMPT]
    opened = transaction(request.app.state.sessions)
    return await attempt.enter_async_context(opened)


SessionDep = Annotated[AsyncSession, Depends(open_transaction)]


async def settings_of(request: Request) -> Settings:
    """Give the settings of the application."""
    settings: Settings = request.app.state.settings
    return settings


async def address_of(request: Request) -> str:
    """Give the client's address."""
    return client_address(
        request.client.host if request.client else None,
        ",".join(request.headers.getlist("x-forwarded-for")),
        request.app.state.settings.trusted_proxies,
    )


SettingsDep = Annotated[Settings, Depends(settings_of)]
ClientAddress = Annotated[str, Depends(address_of)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


async def token_of(request: Request, credentials: Credentials) -> Claims:
    """Check that the token is one of ours; whose it is, the database knows."""
    if credentials is None:
        raise Unauthenticated
    return tokens.verify(request.app.state.settings, credentials.credentials)


async def current_caller(
    request: Request, session: SessionDep, credentials: Credentials
) -> Caller:
    """Find who calls; a repeated key ends here with the first answer."""
    claims = await token_of(request, credentials)
    attempt = await idempotency.attempt_of(request, claims)
    if attempt is None:
        caller = await callers.find(session, claims)
    else:
        caller, answer = await callers.find_attempt(session, claims, attempt)
        if answer is not None and answer.status_code != UNDER_WAY:
            raise idempotency.Replayed(answer)
        mark = None if answer is None else answer.body
        idempotency.claim(request, session, attempt, mark)
    if not request.scope.get(LOCALE_ASKED):
        set_locale(caller.locale)
    return caller


CurrentUser = Annotated[Caller, Depends(current_caller)]


async def patient(caller: CurrentUser) -> Actor:
    """Act as a patient."""
    return caller.acting_as(Role.PATIENT)


async def doctor(caller: CurrentUser) -> Actor:
    """Act as a doctor."""
    return caller.acting_as(Role.DOCTOR)


async def clinic(caller: CurrentUser) -> Actor:
    """Act as a manager of a clinic."""
    return caller.acting_as(Role.CLINIC)


PatientActor = Annotated[Actor, Depends(patient)]
DoctorActor = Annotated[Actor, Depends(doctor)]
ClinicActor = Annotated[Actor, Depends(clinic)]
