"""A call with everybody who may talk in it, and short ways to say something."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Message, User
from models.booking import Status
from services import chat, chat_reads
from services.actor import Actor
from services.chat_reads import Line
from tests import factories
from tests.factories import as_doctor, as_patient, as_staff


@dataclass
class Talk:
    """One call: its patient, its doctor, another doctor and a dispatcher."""

    booking: Booking
    patient_user: User
    doctor_user: User
    second_user: User
    dispatcher_user: User

    @property
    def id(self) -> uuid.UUID:
        return self.booking.id

    @property
    def patient(self) -> Actor:
        return as_patient(self.patient_user)

    @property
    def doctor(self) -> Actor:
        return as_doctor(self.doctor_user)

    @property
    def second(self) -> Actor:
        return as_doctor(self.second_user)

    @property
    def desk(self) -> Actor:
        return as_staff(self.dispatcher_user)


async def talk(session: AsyncSession, status: Status = Status.ACCEPTED) -> Talk:
    """Make a call in this status with its people."""
    doctor = await factories.doctor(session)
    second = await factories.doctor(session, last_name="Кузнецов")
    dispatcher = await factories.dispatcher(session)
    user = await factories.patient(session)
    people = {"doctor": doctor, "dispatcher": dispatcher}
    made = await factories.booking_in(session, status, by=user, **people)
    return Talk(made, user, doctor, second, dispatcher)


async def say(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID, text: str
) -> Message:
    """Say something in a call."""
    return await chat.send(session, actor, booking_id, text)


async def seen(
    session: AsyncSession, actor: Actor, booking_id: uuid.UUID
) -> Sequence[Line]:
    """Read a conversation from the beginning."""
    return await chat_reads.history(session, actor, booking_id)


def said(lines: Sequence[Line]) -> list[str]:
    """The texts that people wrote, without what the conversation says itself."""
    return [line.text for line in lines if line.kind != "system"]
