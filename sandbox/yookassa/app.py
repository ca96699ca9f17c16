"""The emulator as a web application, to be mounted under /yookassa or served alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from sandbox.yookassa.admin import Admin
from sandbox.yookassa.config import Config
from sandbox.yookassa.control import Control
from sandbox.yookassa.deliverer import Deliverer
from sandbox.yookassa.gate import Gate
from sandbox.yookassa.journal import Journal
from sandbox.yookassa.pages import Pages
from sandbox.yookassa.problems import missing
from sandbox.yookassa.provider import Provider

VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Emulator:
    """All parts of one local YooKassa."""

    def __init__(self, config: Config) -> None:
        self.provider = Provider(config)
        self.journal = Journal(self.provider.clock)
        self.deliverer = Deliverer(self.provider)
        self.gate = Gate(self.provider, self.journal, self.deliverer)
        self.control = Control(self.provider, self.journal, self.deliverer)
        self.pages = Pages(self.provider, self.journal)
        self.admin = Admin(self.provider, self.deliverer)

    def mount(self) -> Mount:
        """Everything under /yookassa; whoever mounts it runs `living` too."""
        routes = [
            Route("/v3/{rest:path}", self.gate.answer, methods=VERBS),
            *self.control.routes(),
            *self.admin.routes(),
            *self.pages.routes(),
            Route("/{rest:path}", _nothing, methods=VERBS),
        ]
        return Mount("/yookassa", routes=routes)

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Deliver webhooks and let time pass while the server runs."""
        running = asyncio.create_task(self.deliverer.live())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await self.deliverer.stop()


async def _nothing(_: Request) -> Response:
    problem = missing("Page")
    return JSONResponse(problem.body(), problem.status)


def application(config: Config) -> Starlette:
    """The emulator alone."""
    emulator = Emulator(config)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with emulator.living():
            yield

    return Starlette(routes=[emulator.mount()], lifespan=lifespan)
