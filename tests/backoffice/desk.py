"""A member of staff at the console: a signed-in client without a socket."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlmodel import col, select

from models import Booking, StaffSession, User
from models.booking import Status
from models.role_grant import Role
from services import staff_sessions
from services.actor import Actor
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests import factories as make


@dataclass
class Desk:
    """One browser of one person."""

    client: AsyncClient
    user: User
    role: Role
    csrf: str

    @property
    def actor(self) -> Actor:
        """The actor that the console makes of this person."""
        return make.as_staff(self.user, self.role)

    async def get(self, path: str, **options: Any) -> Response:
        """Open a page."""
        return await self.client.get(path, **options)

    async def post(self, path: str, *, json: bool = False, **fields: Any) -> Response:
        """Send a form of one of our pages, or the same from a script."""
        accept = {"accept": "application/json"} if json else {}
        return await self.client.post(
            path,
            data={"csrf_token": self.csrf, **{k: str(v) for k, v in fields.items()}},
            headers=accept,
        )


@asynccontextmanager
async def at_desk(
    app: FastAPI, sessions: Sessions, role: Role = Role.DISPATCHER, **facts: Any
) -> AsyncIterator[Desk]:
    """Sign somebody in past the password."""
    async with transaction(sessions) as session:
        named = {"first_name": "Анна", "middle_name": "Петровна"} | facts
        user = await make.person(session, role, **named)
        token = await staff_sessions.begin(
            session, Candidate(user, role), Client(None, None), 12
        )
        query = select(StaffSession.csrf_token).where(
            col(StaffSession.user_id) == user.id
        )
        csrf = (await session.exec(query)).one()
    async with AsyncClient(
        transport=ASGITransport(app),
        base_url="http://testserver",
        cookies={"tot_staff": token, "tot_lang": "en"},
        headers={"sec-fetch-site": "same-origin"},
    ) as client:
        yield Desk(client, user, role, csrf)


def text_of(answer: Response) -> str:
    """What a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


async def call_in(
    sessions: Sessions, desk: Desk, status: Status = Status.PENDING, **facts: Any
) -> tuple[Booking, User]:
    """Make a call in this state and its doctor."""
    async with transaction(sessions) as session:
        doctor = await make.doctor(session)
        booking = await make.booking_in(
            session, status, doctor=doctor, dispatcher=desk.user, **facts
        )
    return booking, doctor


async def again(sessions: Sessions, booking: Booking) -> Booking:
    async with transaction(sessions) as session:
        return await session.get_one(Booking, booking.id)


def card(booking: Booking, verb: str = "") -> str:
    return f"/admin/booking/{booking.id}" + (f"/{verb}" if verb else "")
