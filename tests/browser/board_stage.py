"""A running board with dispatchers, doctors and calls, before a browser."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from playwright.async_api import Browser, Page, expect

from models import Booking, User
from models.role_grant import Role
from services import assignments, staff_sessions
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests import factories as make
from tests.browser.stage import at_page, served

WIDE: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@dataclass
class Stage:
    """A running console with two dispatchers, three doctors and four calls."""

    app: FastAPI
    address: str
    browser: Browser
    sessions: Sessions
    tokens: dict[str, str]
    people: dict[str, User]
    calls: list[Booking]
    server: AsyncExitStack

    async def stop_serving(self) -> None:
        """Lose the server; whoever listened is cut off."""
        self.app.state.board_feed.close()
        await self.server.aclose()

    async def serve_again(self) -> None:
        """Bring the server back on the same port."""
        port = int(self.address.rsplit(":", 1)[1])
        await self.server.enter_async_context(served(self.app, port))

    @asynccontextmanager
    async def board(self, who: str = "Ирина", **options: Any) -> AsyncIterator[Page]:
        """Open the board and wait until it lives."""
        lang = options.pop("lang", "ru")
        async with at_page(
            self.browser, self.address, self.tokens[who], lang, **(options)
        ) as page:
            await page.goto(f"{self.address}/admin/board")
            await expect(page.locator(".call.is-sel")).to_have_count(1)
            await expect(page.locator(".cand").first).to_be_visible()
            yield page

    async def reread(self, booking: Booking) -> Booking:
        async with transaction(self.sessions) as session:
            return await session.get_one(Booking, booking.id)

    async def assign(self, booking: Booking, doctor: User, who: str = "Анна") -> None:
        """Let a colleague act behind the screen's back."""
        actor = make.as_staff(self.people[who])
        async with transaction(self.sessions) as session:
            await assignments.assign(session, actor, booking.id, doctor.id, None)


@asynccontextmanager
async def staged(
    app: FastAPI, browser: Browser, sessions: Sessions
) -> AsyncIterator[Stage]:
    """Serve the application with people and calls in it."""
    people, tokens = {}, {}
    async with transaction(sessions) as session:
        for name in ("Ирина", "Анна"):
            user = await make.dispatcher(session, first_name=name, last_name="Климова")
            tokens[name] = await staff_sessions.begin(
                session, Candidate(user, Role.DISPATCHER), Client(None, None), 12
            )
            people[name] = user
        for last, point in (
            ("Орлов", (55.76, 37.62)),
            ("Ахмедов", (55.72, 37.60)),
            ("Ким", (55.70, 37.55)),
        ):
            people[last] = await make.doctor(session, last_name=last, point=point)
        calls = [await make.booking(session) for _ in range(4)]
    async with AsyncExitStack() as server:
        address = await server.enter_async_context(served(app))
        yield Stage(app, address, browser, sessions, tokens, people, calls, server)
        app.state.board_feed.close()


def row(page: Page, booking: Booking) -> Any:
    return page.locator(f'.call[data-id="{booking.id}"]')
