"""A dispatcher before the conversation of a call with its patient and its doctor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from httpx import Response
from sqlmodel import select

from models import Booking, Message, User
from models.booking import Status
from services import chat
from services.actor import Actor
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.backoffice.desk import Desk, at_desk, call_in

JSON = {"accept": "application/json"}


@dataclass
class Talk:
    """A call under way, and who talks in it."""

    desk: Desk
    sessions: Sessions
    booking: Booking
    patient: Actor
    doctor: Actor

    @property
    def path(self) -> str:
        return f"/admin/calls/{self.booking.id}/chat"

    async def say(self, actor: Actor, text: str | None, **more: Any) -> Message:
        """Let somebody say something past the console."""
        async with transaction(self.sessions) as session:
            return await chat.send(session, actor, self.booking.id, text, **more)

    async def read(self, query: str = "") -> Any:
        """Read the conversation as the script does."""
        answer = await self.desk.get(self.path + query, headers=JSON)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, act: str, **fields: Any) -> Response:
        """Do something in it as the script does."""
        return await self.desk.post(f"{self.path}/{act}", json=True, **fields)

    async def all(self, table: Any) -> Any:
        """Read a whole table, oldest first."""
        async with transaction(self.sessions) as session:
            order = table.seq if table is Message else table.id
            return (await session.exec(select(table).order_by(order))).all()


@asynccontextmanager
async def at_talk(
    app: FastAPI, sessions: Sessions, status: Status = Status.ACCEPTED
) -> AsyncIterator[Talk]:
    """Sit down before a call in this state."""
    async with at_desk(app, sessions) as desk:
        booking, doctor = await call_in(sessions, desk, status)
        async with transaction(sessions) as session:
            patient = await session.get_one(User, booking.patient_id)
        yield Talk(
            desk, sessions, booking, make.as_patient(patient), make.as_doctor(doctor)
        )
