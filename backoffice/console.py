"""The console: sqladmin's shell with our door, our pages and its holes closed."""

import hashlib
import types
from functools import cache
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from markupsafe import Markup
from sqladmin import Admin
from sqladmin.authentication import login_required
from sqladmin.i18n import I18nConfig, LocaleMiddleware
from sqlalchemy.exc import StatementError
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backoffice import assets, formats, i18n, problems, provider_sign_in, sign_in
from backoffice.authorization import TableGrants
from backoffice.flush_guard import console_sessions
from backoffice.guard import ForgeryGuard, StaffSessions
from backoffice.home import home_context
from backoffice.menu import VIEWS
from backoffice.talk_count import unread_talks
from services import console_notices
from services import flashes as waiting
from services.config import Profile, Settings
from services.edges import in_transaction
from services.errors import DomainError
from services.i18n import LOCALES, current_locale

HERE = Path(__file__).parent
STATIC = HERE / "static"
# Routes of sqladmin that serve files, write without audit, or are replaced here.
CLOSED_ROUTES = frozenset(
    {"file_download", "file_preview", "import", "export", "ajax_lookup", "logout"}
)


class Console(Admin):
    """sqladmin with everything of facts about its holes answered."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        i18n.merge_catalogs()
        self.secure = settings.secure
        app.state.console = self
        super().__init__(
            app,
            session_maker=console_sessions(app.state.engine),
            title="TOT",
            templates_dir=str(HERE / "templates"),
            authentication_backend=sign_in.StaffAuthentication(),
            authorization_backend=TableGrants(),
            i18n_config=I18nConfig(default_locale="ru", language_switcher=[*LOCALES]),
            middlewares=[
                Middleware(problems.ErrorPages),
                Middleware(StaffSessions, secure=self.secure),
                Middleware(ForgeryGuard),
            ],
        )
        # The language comes from StaffSessions; sqladmin's would overrule it.
        self.admin.user_middleware = [
            each
            for each in self.admin.user_middleware
            if cast(Any, each.cls) is not LocaleMiddleware
        ]
        self.admin.state = app.state
        self._close_holes()
        self._teach_templates(settings)
        for view in VIEWS:
            # sqladmin keeps the application on the view's class, so that a second
            # application in the process would take the views of the first away.
            self.add_view(types.new_class(view.__name__, (view,)))

    def _close_holes(self) -> None:
        routes = self.admin.router.routes
        self.admin.router.routes = [
            each for each in routes if getattr(each, "name", "") not in CLOSED_ROUTES
        ]
        self.admin.router.routes.append(
            Route("/logout", sign_in.sign_out, name="logout", methods=["POST"])
        )
        routes = self.admin.router.routes
        routes.append(Route("/login/provider", provider_sign_in.leave))
        routes.append(Route("/login/provider/back", provider_sign_in.come_back))
        for kind in (HTTPException, DomainError, StatementError):
            self.admin.exception_handlers[kind] = problems.respond

    def _teach_templates(self, settings: Settings) -> None:
        self.templates.env.globals.update(
            static=static_address,
            csrf_field=csrf_field,
            flashes=flashes,
            unread_talks=unread_talks,
            script_folder=assets.folder,
            locale=current_locale,
            demo=settings.profile is Profile.DEMO,
            tile_url=settings.tile_url,
            get_flashed_messages=lambda _: [],
        )
        self.templates.env.filters.update(formats.FILTERS)

    async def login(self, request: Request) -> Response:
        """Sign in with `username` and `password`."""
        if request.method == "POST":
            return await sign_in.sign_in(request)
        return await sign_in.show(request)

    @login_required
    async def index(self, request: Request) -> Response:
        """Draw the first page: today in figures, as far as the role may see them."""
        context = await home_context(request)
        response: Response = await self.templates.TemplateResponse(
            request, "index.html", context
        )
        return response


@cache
def static_address(path: str) -> str:
    """The address of a static file; it changes with the file's content."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:10]
    return f"/static/{path}?v={digest}"


def csrf_field(request: Request) -> Markup:
    """The hidden field that every form of the console carries."""
    token = request.state.staff.csrf_token if request.state.staff else ""
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(token)


async def flashes(request: Request) -> list[dict[str, Any]]:
    """Take the messages that wait for this session's next page."""
    staff = getattr(request.state, "staff", None)
    if staff is None or not (staff.has_flashes or staff.has_notices):
        return []

    async def take(session: AsyncSession) -> list[dict[str, Any]]:
        told = await console_notices.take(session, staff)
        notices = [
            {"kind": "info", "text": each.text.text, "stays": True} for each in told
        ]
        return [*await waiting.take(session, staff.session_id), *notices]

    return await in_transaction(request.app.state.sessions, take)
