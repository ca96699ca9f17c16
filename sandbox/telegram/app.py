"""The stand-in as a web application, to be mounted under /telegram or served alone."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from sandbox.telegram import asked
from sandbox.telegram.asked import Asked
from sandbox.telegram.config import Config
from sandbox.telegram.control import Control
from sandbox.telegram.methods import VERBS, WAITING
from sandbox.telegram.refusals import Refused
from sandbox.telegram.town import Town
from sandbox.yookassa.connections import tear

STATIC = Path(__file__).with_name("static")
PAGES = {
    "": "telegram.html",
    "telegram.css": "telegram.css",
    "telegram.js": "telegram.js",
    "telegram.svg": "telegram.svg",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self';"
    " style-src 'self'; img-src 'self'; connect-src 'self'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
LONGEST_JOURNAL = 2000


class Telegram:
    """All parts of one local Telegram."""

    def __init__(self, config: Config) -> None:
        self.town = Town(config)
        self.journal: deque[dict[str, Any]] = deque(maxlen=LONGEST_JOURNAL)
        self.control = Control(self.town, self.journal)

    def mount(self) -> Mount:
        """Everything under /telegram; whoever mounts it runs `living` too."""
        routes = [
            Route("/bot{token}/{method}", self.answer, methods=["GET", "POST"]),
            Route("/file/bot{token}/{path:path}", self.file),
            *self.control.routes(),
            Route("/{name}", _page),
            Route("/", _page),
        ]
        return Mount("/telegram", routes=routes)

    def close(self) -> None:
        """Answer whoever waits for news, so that the server can end at once."""
        self.town.changes.close()
        self.town.updates.changes.close()

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Deliver to the webhook while the server runs."""
        running = asyncio.create_task(self.town.webhook.live(lambda: self.town.updates))
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def answer(self, request: Request) -> Response:
        """Answer one call as the Bot API does."""
        name = request.path_params["method"]
        entry: dict[str, Any] = {"method": name, "fields": {}}
        if name.lower() != "getupdates":
            self.journal.append(entry)
        try:
            self._demand_own(request)
            call = await asked.read(request)
            entry["fields"] = call.fields
            await self._fail(request)
            told: dict[str, Any] = {"ok": True, "result": await self._work(name, call)}
            status = 200
        except Refused as refused:
            told, status = refused.body(), refused.code
        entry["status"] = status
        retry = told.get("parameters", {}).get("retry_after")
        return JSONResponse(
            told, status, {"Retry-After": str(retry)} if retry else None
        )

    async def _work(self, name: str, call: Asked) -> Any:
        verb = VERBS.get(name.lower())
        if verb is not None:
            return verb(self.town, call)
        waiting = WAITING.get(name.lower())
        if waiting is None:
            raise Refused(404, "Not Found")
        return await waiting(self.town, call)

    def _demand_own(self, request: Request) -> None:
        given, own = request.path_params["token"], self.town.config.token
        if not secrets.compare_digest(given.encode(), own.encode()):
            raise Refused(401, "Unauthorized")

    async def _fail(self, request: Request) -> None:
        faults = self.town.faults
        if faults.slow:
            await asyncio.sleep(faults.slow)
        if not faults.out():
            return
        self.town.changes.note()
        if faults.how == "closed":
            tear(request.scope)
        raise Refused(500, "Internal Server Error")

    async def file(self, request: Request) -> Response:
        try:
            self._demand_own(request)
        except Refused as refused:
            return JSONResponse(refused.body(), refused.code)
        path = request.path_params["path"]
        for picture in self.town.pictures.values():
            if picture.path == path:
                return Response(picture.content, media_type=picture.media_type)
        return JSONResponse(Refused(404, "Not Found").body(), 404)


async def _page(request: Request) -> Response:
    name = PAGES.get(request.path_params.get("name", ""))
    if name is None:
        return Response(status_code=404)
    return FileResponse(STATIC / name, headers=HEADERS)


def application(config: Config) -> Starlette:
    """The stand-in alone."""
    telegram = Telegram(config)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with telegram.living():
            yield

    return Starlette(routes=[telegram.mount()], lifespan=lifespan)
