"""The door of the console: sign in, sign out, and who is let through."""

from sqladmin.authentication import AuthenticationBackend
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backoffice import problems
from backoffice.guard import cookie_name
from backoffice.pages import local_path
from services import passwords, rate_limits, staff_sessions
from services.client_address import client_address
from services.edges import in_transaction
from services.errors import (
    DomainError,
    Forbidden,
    InvalidCredentials,
    SecondFactorNeeded,
    Unauthenticated,
)
from services.staff_sessions import Client, Staff

SECOND_FACTOR_PAGE = "/admin/me/second-factor"
PASSWORD_PAGE = "/admin/me/password"  # noqa: S105 - an address
# Half a sign-in opens its other half and nothing else.
OPEN_TO_HALVES = (
    SECOND_FACTOR_PAGE,
    f"{SECOND_FACTOR_PAGE}/begin",
    f"{SECOND_FACTOR_PAGE}/confirm",
    f"{SECOND_FACTOR_PAGE}/check",
    "/admin/me/theme",
    "/admin/me/language",
)
# Until the one-time password is changed, only these open.
OPEN_TO_NEWCOMERS = (PASSWORD_PAGE, "/admin/me/theme", "/admin/me/language")
LONGEST = 1024


class StaffAuthentication(AuthenticationBackend):
    """sqladmin asks here at every page; the session was found by the middleware."""

    def __init__(self) -> None:
        self.middlewares = []

    async def authenticate(self, request: Request) -> Response | bool:
        """Let in, or lead to the sign-in page, or tell a script 401."""
        staff: Staff | None = request.state.staff
        if staff is None:
            if problems.wants_json(request):
                return problems.as_json(Unauthenticated())
            return RedirectResponse(_login_address(request), 302)
        if staff.step is not None:
            return self._second_half(request)
        if staff.must_change_password and request.url.path not in OPEN_TO_NEWCOMERS:
            if problems.wants_json(request):
                return problems.as_json(Forbidden())
            return RedirectResponse(PASSWORD_PAGE, 302)
        return True

    def _second_half(self, request: Request) -> Response | bool:
        if request.url.path in OPEN_TO_HALVES:
            return True
        if problems.wants_json(request):
            return problems.as_json(SecondFactorNeeded())
        return RedirectResponse(f"{SECOND_FACTOR_PAGE}{_onward(request)}", 302)

    async def get_user_id(self, request: Request) -> object:
        """The person's id, for whoever in sqladmin asks."""
        staff: Staff | None = request.state.staff
        return staff and staff.user_id


def _login_address(request: Request) -> str:
    return f"/admin/login{_onward(request)}"


def _onward(request: Request) -> str:
    """Where to go on once one is in, as a query."""
    path = request.url.path
    plain = request.method != "GET" or path in {"/admin", "/admin/"}
    return "" if plain else f"?next={path}"


async def show(
    request: Request, error: DomainError | None = None, username: str = ""
) -> Response:
    """Draw the sign-in page."""
    console, settings = request.app.state.console, request.app.state.settings
    response: Response = await console.templates.TemplateResponse(
        request,
        "login.html",
        {
            "error": error.message if error else None,
            "username": username,
            "next": local_path(request, request.query_params.get("next")) or "",
            "provider": settings.oidc_issuer and settings.oidc_name,
        },
        status_code=error.status if error else 200,
    )
    if error is not None:
        response.headers.update(problems.headers_of(error))
    return response


async def sign_in(request: Request) -> Response:
    """Check the password and give the browser a session with a new id."""
    form = await request.form(max_files=0, max_fields=10)
    login = str(form.get("username", ""))[:LONGEST].strip()
    password = str(form.get("password", ""))[:LONGEST]
    try:
        token = await _token(request, login, password)
    except DomainError as error:
        return (
            problems.as_json(error)
            if problems.wants_json(request)
            else (await show(request, error, login))
        )
    target = local_path(request, str(form.get("next", ""))) or "/admin/"
    response = RedirectResponse(target, 303)
    give_cookie(request, response, token)
    return response


def give_cookie(request: Request, response: Response, token: str) -> None:
    """Let the browser hold the secret of its session."""
    secure = request.app.state.console.secure
    response.set_cookie(
        cookie_name(secure),
        token,
        secure=secure,
        httponly=True,
        samesite="lax",
        path="/",
    )


async def _token(request: Request, login: str, password: str) -> str:
    sessions = request.app.state.sessions
    client = client_of(request)
    await in_transaction(
        sessions,
        lambda session: rate_limits.sign_in(session, login, client.address),
    )
    found = await in_transaction(
        sessions, lambda session: staff_sessions.candidate(session, login)
    )
    known = found.user.password_hash if found else None
    right = await passwords.verify(password, known)

    async def finish(session: AsyncSession) -> str | None:
        if found is None or not right:
            await staff_sessions.refused(session, found.user.id if found else None)
            return None
        await rate_limits.forgive(session, found.user.id)
        hours = request.app.state.settings.staff_session_hours
        return await staff_sessions.begin(session, found, client, hours)

    token = await in_transaction(sessions, finish)
    if token is None:
        raise InvalidCredentials
    return token


def client_of(request: Request) -> Client:
    """Where the browser is, believing forwarded addresses from our proxies only."""
    address = client_address(
        request.client.host if request.client else None,
        request.headers.get("x-forwarded-for"),
        request.app.state.settings.trusted_proxies,
    )
    return Client(address, request.headers.get("user-agent"))


async def sign_out(request: Request) -> Response:
    """End the session on the server and forget the cookie."""
    staff: Staff | None = request.state.staff
    if staff is not None:
        await in_transaction(
            request.app.state.sessions,
            lambda session: staff_sessions.end(session, staff),
        )
    secure = request.app.state.console.secure
    response = RedirectResponse("/admin/login", 303)
    response.delete_cookie(
        cookie_name(secure), secure=secure, httponly=True, samesite="lax", path="/"
    )
    response.headers["clear-site-data"] = '"cache"'
    return response
