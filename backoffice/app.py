"""The composition root: one application with the API, the console and its files."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from api.app import install_api
from api.chat_hub import ChatHub
from api.telegram import webhook
from backoffice import (
    assets,
    invitation_page,
    payment_return_page,
    reset_page,
    talk_page,
)
from backoffice.board.feed import Feed
from backoffice.board.waiting import Waiting
from backoffice.console import STATIC, Console
from backoffice.headers import SecurityHeaders
from services import clinic_invitations, password_reset
from services.config import Profile, Settings, get_settings
from services.database import make_engine, make_sessions
from services.listener import Listener


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Listen for changes while the application runs; leave no connection behind."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(app.state.engine.dispose)
        stack.push_async_callback(webhook.close, app)
        await stack.enter_async_context(_listening(app.state.listener))
        await stack.enter_async_context(app.state.board_feed.running())
        await stack.enter_async_context(app.state.board_waiting.running())
        await stack.enter_async_context(app.state.chat_hub.running())
        _settle_memory()
        yield


@asynccontextmanager
async def _listening(listener: Listener) -> AsyncIterator[None]:
    """Keep the one ear of this process open."""
    task = asyncio.create_task(listener.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _settle_memory() -> None:
    """Leave what start-up made out of every later collection, and collect less often.

    A request leaves few cycles behind; walking a hundred thousand lasting objects
    for each of them cost more than the requests' own statements.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def create_app(
    settings: Settings | None = None, database_url: str | None = None
) -> FastAPI:
    """Put the parts together. The engine connects on first use, not here."""
    settings = settings or get_settings()
    url = database_url or settings.database_url
    if url is None:
        raise ValueError("create_app needs the address of a database")
    production = settings.profile is Profile.PRODUCTION
    app = FastAPI(
        title="TOT",
        lifespan=lifespan,
        middleware=_middleware(settings),
        docs_url=None,
        redoc_url=None,
        openapi_url=None if production else "/openapi.json",
    )
    app.state.settings = settings
    app.state.engine = make_engine(url, settings)
    app.state.sessions = make_sessions(app.state.engine)
    app.state.listener = Listener(app.state.engine.url)
    app.state.chat_hub = ChatHub(app.state.sessions, app.state.listener)
    app.state.board_feed = Feed(app.state.sessions, app.state.listener)
    app.state.board_waiting = Waiting(
        app.state.sessions, app.state.listener, app.state.board_feed.clients
    )
    files = GZipMiddleware(StaticFiles(directory=STATIC), compresslevel=6)
    app.mount(assets.folder(), files)
    app.mount("/static", files, name="tot_static")
    app.add_route("/", to_console)
    install_api(app, settings)
    Console(app, settings)
    methods = ["GET", "POST"]
    app.add_route(clinic_invitations.PATH, invitation_page.invitation, methods=methods)
    app.add_route(password_reset.PAGE, reset_page.reset, methods=methods)
    app.add_route(payment_return_page.PATH, payment_return_page.show)
    app.router.routes += talk_page.ROUTES
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    return [
        Middleware(SecurityHeaders, secure=settings.secure, tile_url=settings.tile_url),
        Middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts),
    ]


async def to_console(_: Request) -> RedirectResponse:
    """Whoever types the bare address means the console."""
    return RedirectResponse("/admin/")
