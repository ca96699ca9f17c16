"""A browser of a member of staff, as far as HTTP shows it."""

from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlmodel import col

from backoffice.guard import cookie_name
from models import Role, StaffSession, User
from services import staff_sessions
from services.database import Sessions
from services.edges import transaction
from services.staff_sessions import Candidate, Client
from tests import factories

OURS = {"sec-fetch-site": "same-origin"}
SCRIPT = {"accept": "application/json"}


class Browser:
    """Signed in, on our own origin, with the token of its session."""

    def __init__(self, client: AsyncClient, user: User, csrf: str) -> None:
        self.client, self.user, self.csrf = client, user, csrf

    async def get(self, path: str, **options: Any) -> Response:
        return await self.client.get("/admin" + path, **options)

    async def post(self, path: str, /, **fields: Any) -> Response:
        """Send a form of one of our pages."""
        headers = OURS | fields.pop("_headers", {})
        data = {"csrf_token": self.csrf} | fields
        return await self.client.post("/admin" + path, data=data, headers=headers)

    async def page(self, path: str) -> str:
        """Read a page that must be there."""
        answer = await self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[-500:])
        return answer.text


def anonymous(app: FastAPI) -> AsyncClient:
    transport = ASGITransport(app, raise_app_exceptions=True)
    return AsyncClient(transport=transport, base_url="http://testserver")


async def signed_in(
    app: FastAPI, sessions: Sessions, role: Role, **facts: Any
) -> Browser:
    """Make a member of staff and sign them in past the password."""
    async with transaction(sessions) as session:
        user = await factories.person(session, role, **facts)
    return await session_of(app, sessions, user, role)


async def session_of(
    app: FastAPI, sessions: Sessions, user: User, role: Role
) -> Browser:
    async with transaction(sessions) as session:
        found = Candidate(user, role)
        token = await staff_sessions.begin(session, found, Client(None, None), 12)
        row = await session.scalar(
            sa.select(StaffSession)
            .where(col(StaffSession.user_id) == user.id)
            .order_by(col(StaffSession.id).desc())
            .limit(1)
        )
        assert row is not None
        csrf = row.csrf_token
    client = anonymous(app)
    client.cookies.set(cookie_name(False), token, domain="testserver.local")
    return Browser(client, user, csrf)
