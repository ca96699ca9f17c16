"""Who asks, and did they mean to: sessions and forgery checks of the console.

sqladmin has no forgery protection at all, so both stand before every route of it:
a request that changes something must come from our own pages (Fetch Metadata or
Origin) and carry the token of its session.
"""

import re
import secrets
from urllib.parse import parse_qs, urlsplit

import sqladmin.i18n
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice.problems import respond
from services import i18n, staff_sessions
from services.edges import in_transaction
from services.errors import Forbidden, TooLarge
from services.staff_sessions import Staff

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN_FIELD, TOKEN_HEADER = "csrf_token", "x-csrf-token"
BACKGROUND_HEADER = "x-background"
LANGUAGE_COOKIE = "tot_lang"
MAX_BODY = 1024 * 1024
MAX_FIELDS = 300
# The forms that may carry a file, and what the parts around it may take.
WITH_FILE = re.compile(r"/calls/[0-9a-f-]{36}/chat/send$")
AROUND_FILE = 64 * 1024
SIGN_IN = "/login"


def cookie_name(secure: bool) -> str:
    """The __Host- prefix binds the cookie to this host; browsers ask https for it."""
    return "__Host-tot_staff" if secure else "tot_staff"


def same_origin(request: HTTPConnection) -> bool:
    """Tell whether a browser sent this from one of our own pages."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


class StaffSessions:
    """Find the session of a request, and its language, before anything else runs."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self.app = app
        self.cookie = cookie_name(secure)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the member of staff, or None, on `request.state.staff`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        request.state.staff = None
        self._speak(request, None)
        try:
            request.state.staff = await self._find(request)
        except Exception as error:  # noqa: BLE001 - an outage is a page as well
            await (await respond(request, error))(scope, receive, send)
            return
        self._speak(request, request.state.staff)

        async def remembering(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._remember_language(request, MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, remembering)

    def _remember_language(self, request: Request, headers: MutableHeaders) -> None:
        asked = request.query_params.get("lang")
        chosen = getattr(request.state, "language", asked)
        if chosen in i18n.LOCALES:
            headers.append(
                "set-cookie",
                f"{LANGUAGE_COOKIE}={chosen}; Path=/; Max-Age=31536000; SameSite=lax",
            )

    async def _find(self, request: Request) -> Staff | None:
        token = request.cookies.get(self.cookie)
        if not token or "/statics/" in request.url.path:
            return None
        background = BACKGROUND_HEADER in request.headers or (
            "text/event-stream" in request.headers.get("accept", "")
        )

        async def look_up(session: AsyncSession) -> Staff | None:
            idle = request.app.state.settings.staff_idle_minutes
            staff = await staff_sessions.find(session, token, idle)
            if staff is not None and staff.touch_due and not background:
                await staff_sessions.touch(session, staff.session_id)
            return staff

        return await in_transaction(request.app.state.sessions, look_up)

    def _speak(self, request: Request, staff: Staff | None) -> None:
        wanted = (
            request.query_params.get("lang"),
            request.cookies.get(LANGUAGE_COOKIE),
            staff.locale if staff else None,
        )
        locale = next((each for each in wanted if each in i18n.LOCALES), None)
        i18n.set_locale(locale or i18n.DEFAULT_LOCALE)
        sqladmin.i18n.set_locale(i18n.current_locale())


class ForgeryGuard:
    """Refuse changes that did not start on a page of this session."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check unsafe methods; the body is read here once and handed on."""
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            if not same_origin(request):
                raise Forbidden
            staff: Staff | None = request.state.staff
            files = int(staff is not None and with_file(request))
            body = await _read(request, files)
            # Signing in anew in a second tab carries no token of the first session.
            if staff is not None and not request.url.path.endswith(SIGN_IN):
                await self._check_token(request, body, staff, files)
        except Exception as error:  # noqa: BLE001 - every refusal is a page
            await (await respond(request, error))(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    async def _check_token(
        self, request: Request, body: bytes, staff: Staff, files: int
    ) -> None:
        given = request.headers.get(TOKEN_HEADER)
        if given is None:
            given = await _token_in_form(request, body, files)
        if not secrets.compare_digest(given.encode(), staff.csrf_token.encode()):
            raise Forbidden


def with_file(request: HTTPConnection) -> bool:
    """Tell whether this is one of the few addresses that take a file."""
    return WITH_FILE.search(request.url.path) is not None


async def _read(request: Request, files: int) -> bytes:
    largest = request.app.state.settings.max_upload_bytes + AROUND_FILE
    most = largest if files else MAX_BODY
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


async def _token_in_form(request: Request, body: bytes, files: int) -> str:
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        # Two of them, or more fields than any form of ours has, are no form of ours.
        fields = parse_qs(body.decode("latin-1"), max_num_fields=MAX_FIELDS)
        values = fields.get(TOKEN_FIELD, [])
        return values[0] if len(values) == 1 else ""
    if kind.startswith("multipart/form-data"):
        again = Request(request.scope, _replay(body, None))
        async with again.form(max_files=files, max_fields=MAX_FIELDS) as form:
            value = form.get(TOKEN_FIELD, "")
        return value if isinstance(value, str) else ""
    return ""


def _replay(body: bytes, then: Receive | None) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        if then is None:
            return {"type": "http.disconnect"}
        return await then()

    return receive
