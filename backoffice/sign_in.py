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
from services.errors import DomainError, Forbidden, InvalidCredentials, Unauthenticated
from services.staff_sessions import Client, Staff

PASSWORD_PAGE = "/admin/me/password"  # noqa: S105 - an address
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
        if staff.must_change_password and request.url.path not in OPEN_TO_NEWCOMERS:
            if problems.wants_json(request):
                return problems.as_json(Forbidden())
            return RedirectResponse(PASSWORD_PAGE, 302)
        return True

    async def get_user_id(self, request: Request) -> object:
        """The person's id, for whoever in sqladmin asks."""
        staff: Staff | None = request.state.staff
        return staff and staff.user_id


def _login_address(request: Request) -> str:
    path = request.url.path
    wanted = "" if request.method != "GET" or path in {"/admin", "/admin/"} else path
    return f"/admin/login?next={wanted}" if wanted else "/admin/login"


async def show(
    request: Request, error: DomainError | None = None, username: str = ""
) -> Response:
    """Draw the sign-in page."""
    console = request.app.state.console
    response: Response = await console.templates.TemplateResponse(
        request,
        "login.html",
        {
            "error": error.message if error else None,
            "username": username,
            "next": local_path(request, request.query_params.get("next")) or "",
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
    secure = request.app.state.console.secure
    response.set_cookie(
        cookie_name(secure),
        token,
        secure=secure,
        httponly=True,
        samesite="lax",
        path="/",
    )
    return response


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
