"""People in a conversation over real sockets, on an application that is served."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient
from sqlmodel.ext.asyncio.session import AsyncSession
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.chat_hub import ChatHub
from backoffice.running import SOCKETS
from models import Booking, User
from models.booking import Status
from services import assignments
from services.config import Settings
from services.database import Sessions
from services.edges import transaction
from services.listener import Listener
from tests import factories
from tests.api.helpers import api_alone, signed_in
from tests.api.server import served

SOON = 5.0
Frame = dict[str, Any]


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[None]:
    """What the whole application does while it lives, of the chat."""
    ear = asyncio.create_task(app.state.listener.run())
    async with app.state.chat_hub.running():
        yield
    ear.cancel()
    await asyncio.gather(ear, return_exceptions=True)


def chat_alone(settings: Settings, database_url: str, **pool: Any) -> FastAPI:
    """Give one process of the API with the chat's hub."""
    app = api_alone(settings, database_url, **pool)
    app.state.listener = Listener(app.state.engine.url)
    app.state.chat_hub = ChatHub(app.state.sessions, app.state.listener)
    app.router.lifespan_context = listening
    return app


@contextmanager
def chat_served(app: FastAPI) -> Iterator[str]:
    """Serve it with the sockets of the real server; give the address."""
    with served(app, lifespan="on", timeout_graceful_shutdown=3, **SOCKETS) as address:
        yield address


@dataclass
class Talker:
    """One person with their header, who talks with the application at an address."""

    user: User
    headers: dict[str, str]
    booking_id: uuid.UUID
    address: str

    @property
    def path(self) -> str:
        return f"/v1/bookings/{self.booking_id}"

    async def post(self, place: str, **body: Any) -> Any:
        async with AsyncClient(base_url=self.address, headers=self.headers) as client:
            return await client.post(f"{self.path}/{place}", json=body or None)

    async def ticket(self) -> str:
        answer = await self.post("chat-ticket")
        assert answer.status_code == 201, answer.text
        ticket: str = answer.json()["ticket"]
        return ticket

    def url(self, ticket: str, after_seq: int = 0) -> str:
        base = self.address.replace("http", "ws", 1)
        return f"{base}{self.path}/chat?ticket={ticket}&after_seq={after_seq}"

    @asynccontextmanager
    async def talking(
        self, after_seq: int = 0, **options: Any
    ) -> AsyncIterator["Phone"]:
        url = self.url(await self.ticket(), after_seq)
        async with connect(url, proxy=None, **options) as connection:
            yield Phone(connection)


@dataclass
class Phone:
    """One open socket, and what has come over it."""

    connection: ClientConnection
    seen: list[Frame] = field(default_factory=list)

    async def send(self, kind: str, **facts: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **facts}))

    async def say(self, text: str, client_id: str) -> Frame:
        await self.send("send", text=text, client_id=client_id)
        return await self.until("ack", "error", client_id=client_id)

    async def next(self, seconds: float = SOON) -> Frame:
        frame: Frame = json.loads(
            await asyncio.wait_for(self.connection.recv(), seconds)
        )
        self.seen.append(frame)
        return frame

    async def until(self, *kinds: str, **facts: Any) -> Frame:
        """Read on until such a frame comes."""
        while True:
            frame = await self.next()
            if frame["type"] in kinds and facts.items() <= frame.items():
                return frame

    async def message(self, text: str) -> Frame:
        """Read on until somebody says this."""
        while True:
            said: Frame = (await self.until("message"))["message"]
            if said["text"] == text:
                return said

    async def quiet(self, seconds: float = 0.3) -> list[Frame]:
        """Read what comes until nothing has come for so long."""
        found = []
        try:
            while True:
                found.append(await self.next(seconds))
        except TimeoutError:
            return found

    async def closed(self, seconds: float = SOON) -> int:
        """Read until the other side hangs up; give its code."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.next()
        except ConnectionClosed:
            code = self.connection.close_code
            assert code is not None
            return code

    @property
    def numbers(self) -> list[int]:
        """The numbers of the messages seen, in their order."""
        return [
            each["message"]["seq"] for each in self.seen if each["type"] == "message"
        ]


@dataclass
class Scene:
    """A call with its patient, its doctor and a dispatcher."""

    booking: Booking
    patient: Talker
    doctor: Talker
    dispatcher: User


async def scene(
    sessions: Sessions, address: str, status: Status = Status.ACCEPTED
) -> Scene:
    """Make a call that has a doctor."""
    async with transaction(sessions) as session:
        patient = await factories.patient(session)
        doctor = await factories.doctor(session)
        dispatcher = await factories.dispatcher(session)
        booking = await factories.booking_in(
            session, status, doctor=doctor, dispatcher=dispatcher, by=patient
        )
    people = [
        Talker(user, await signed_in(sessions, user), booking.id, address)
        for user in (patient, doctor)
    ]
    return Scene(booking, *people, dispatcher)


async def assign(session: AsyncSession, scene: Scene) -> None:
    """Give the waiting call to its doctor."""
    booking = await session.get_one(Booking, scene.booking.id)
    await assignments.assign(
        session,
        factories.as_staff(scene.dispatcher),
        booking.id,
        scene.doctor.user.id,
        booking.version,
    )


async def unassign(session: AsyncSession, scene: Scene) -> None:
    """Take the visit away from its doctor."""
    booking = await session.get_one(Booking, scene.booking.id)
    await assignments.unassign(
        session,
        factories.as_staff(scene.dispatcher),
        booking.id,
        booking.version,
        "Застрял в пробке",
    )


async def eventually(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something has come about, which nobody tells."""
    for _ in range(int(seconds / 0.05)):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come about")
