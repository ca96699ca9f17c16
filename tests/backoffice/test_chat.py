"""The dispatchers' side of a conversation: read, write, show a picture, hide, mark."""

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import Response
from sqlmodel import col, select

from models import AuditEvent, Booking, Message, MessageRead, User
from models.booking import Status
from models.role_grant import Role
from services import chat
from services.actor import Actor
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests import hostile
from tests.backoffice.desk import Desk, at_desk, call_in, text_of

JSON = {"accept": "application/json"}
XSS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "{{7*7}}</textarea>",
)


@dataclass
class Talk:
    """A call under way with its patient, its doctor and a dispatcher at the desk."""

    desk: Desk
    sessions: Sessions
    booking: Booking
    patient: Actor
    doctor: Actor

    @property
    def path(self) -> str:
        return f"/admin/calls/{self.booking.id}/chat"

    async def say(self, actor: Actor, text: str | None, **more: Any) -> Message:
        async with transaction(self.sessions) as session:
            return await chat.send(session, actor, self.booking.id, text, **more)

    async def read(self, query: str = "") -> Any:
        answer = await self.desk.get(self.path + query, headers=JSON)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, act: str, **fields: Any) -> Response:
        return await self.desk.post(f"{self.path}/{act}", json=True, **fields)

    async def all(self, table: Any) -> Any:
        async with transaction(self.sessions) as session:
            order = table.seq if table is Message else table.id
            return (await session.exec(select(table).order_by(order))).all()


@pytest_asyncio.fixture(loop_scope="session")
async def talk(app: FastAPI, sessions: Sessions) -> AsyncIterator[Talk]:
    async with at_desk(app, sessions) as desk:
        booking, doctor = await call_in(sessions, desk, Status.ACCEPTED)
        async with transaction(sessions) as session:
            patient = await session.get_one(User, booking.patient_id)
        yield Talk(
            desk, sessions, booking, make.as_patient(patient), make.as_doctor(doctor)
        )


async def test_everybody_s_messages_are_drawn_with_names_and_parts(talk: Talk) -> None:
    await talk.say(talk.patient, "Когда приедет врач?")
    await talk.say(talk.doctor, "Буду через 20 минут")
    answer = await talk.post("send", text="  Врач в пути  ", client_id="one")
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    said = await talk.read()
    drawn = "".join(each["html"] for each in said["messages"])
    assert "Когда приедет врач?" in drawn
    assert "m-doctor" in drawn
    assert "is-mine" in drawn
    assert ">Врач в пути<" in drawn
    assert [each["seq"] for each in said["messages"]] == [*range(1, said["last"] + 1)]
    assert said["messages"][-1]["client_id"] == "one"
    assert [each["role"] for each in said["people"]] == ["patient", "doctor"]
    assert said["closed"] is False
    page = text_of(await talk.desk.get(talk.path))
    assert "Когда приедет врач?" in page
    assert "Enter sends" in page
