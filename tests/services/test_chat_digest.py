"""Who has not read for minutes is told once how many messages wait, and nothing else."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Message, Notification, User
from services import (
    assignments,
    bookings,
    chat,
    chat_digest,
    clock,
    notification_delivery,
)
from services.actor import Actor
from services.config import use_settings
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.factories import as_patient, as_staff
from tests.telling import DELIVERED, DROPPED, SENT, World, read

LATER = chat_digest.MINUTES * 60 + 1.0


@dataclass
class Talk:
    session: AsyncSession
    patient: User
    doctor: User
    dispatcher: User
    booking: Booking

    async def say(self, actor: Actor, text: str = "Здравствуйте") -> Message:
        return await chat.send(self.session, actor, self.booking.id, text)

    async def told(self) -> list[tuple[object, int]]:
        """Who was told, and of how many."""
        query = sa.select(Notification).where(
            col(Notification.kind) == chat_digest.KIND
        )
        rows = await self.session.scalars(query.order_by(col(Notification.id)))
        return [(row.user_id, row.facts["count"]) for row in rows.all()]


@pytest_asyncio.fixture(loop_scope="session")
async def talk(session: AsyncSession) -> Talk:
    doctor, dispatcher = (
        await factories.doctor(session),
        await factories.dispatcher(session),
    )
    patient = await factories.patient(session)
    booking = await factories.booking(session, patient)
    return Talk(session, patient, doctor, dispatcher, booking)


async def assign(talk: Talk) -> None:
    desk = as_staff(talk.dispatcher)
    await assignments.assign(
        talk.session, desk, talk.booking.id, talk.doctor.id, talk.booking.version
    )


async def test_unread_messages_are_told_after_minutes_once_a_run(talk: Talk) -> None:
    session, desk = talk.session, as_staff(talk.dispatcher)
    await talk.say(desk, "Первое")
    last = await talk.say(desk, "Второе")
    assert await chat_digest.tell(session) == 0
    await clock.shift(session, LATER)
    assert await chat_digest.tell(session) == 1
    assert await chat_digest.tell(session) == 0
    assert await talk.told() == [(talk.patient.id, 2)]
    query = sa.select(Notification).where(col(Notification.kind) == chat_digest.KIND)
    row = (await session.scalars(query)).one()
    assert row.booking_id == talk.booking.id
    assert "Первое" not in str(row.facts)
    # Another message of the same run is no news yet.
    await talk.say(desk, "Третье")
    await clock.shift(session, 2 * LATER)
    assert await chat_digest.tell(session) == 0
    # Read so far, and one more: another run.
    await chat.mark_read(session, as_patient(talk.patient), talk.booking.id, last.seq)
    assert await chat_digest.tell(session) == 1
    assert await talk.told() == [(talk.patient.id, 2), (talk.patient.id, 1)]


async def test_who_ignores_a_message_is_told_again_of_later_ones(talk: Talk) -> None:
    session, desk = talk.session, as_staff(talk.dispatcher)
    await talk.say(desk, "Первое")
    await clock.shift(session, LATER)
    assert await chat_digest.tell(session) == 1
    # Nothing new, however long nobody reads.
    await clock.shift(session, LATER + chat_digest.AGAIN_MINUTES * 60)
    assert await chat_digest.tell(session) == 0
    await talk.say(desk, "Второе")
    await clock.shift(session, 2 * LATER + chat_digest.AGAIN_MINUTES * 60)
    assert await chat_digest.tell(session) == 1
    assert await talk.told() == [(talk.patient.id, 1), (talk.patient.id, 2)]


async def test_what_was_read_hidden_or_said_by_oneself_is_not_told(
    talk: Talk,
) -> None:
    session, desk = talk.session, as_staff(talk.dispatcher)
    first = await talk.say(desk)
    await chat.mark_read(session, as_patient(talk.patient), talk.booking.id, first.seq)
    hidden = await talk.say(desk)
    await chat.hide(session, desk, hidden.id, "Не туда")
    await talk.say(as_patient(talk.patient))
    await clock.shift(session, LATER)
    assert await chat_digest.tell(session) == 0


async def test_a_doctor_is_told_of_what_was_said_since_the_call_is_theirs(
    talk: Talk,
) -> None:
    session = talk.session
    patient = as_patient(talk.patient)
    await talk.say(patient, "До врача")
    await clock.shift(session, 60)
    await assign(talk)
    await clock.shift(session, LATER)
    assert await chat_digest.tell(session) == 0
    await talk.say(patient, "При враче")
    await clock.shift(session, 2 * LATER)
    assert await chat_digest.tell(session) == 1
    assert await talk.told() == [(talk.doctor.id, 1)]


async def test_a_doctor_who_lost_the_call_is_not_told(talk: Talk) -> None:
    session, desk = talk.session, as_staff(talk.dispatcher)
    await assign(talk)
    await talk.say(as_patient(talk.patient))
    await clock.shift(session, LATER)
    assert await chat_digest.tell(session) == 1
    ((user_id, _),) = await talk.told()
    assert user_id == talk.doctor.id
    row = (
        await session.scalars(
            sa.select(Notification).where(col(Notification.kind) == chat_digest.KIND)
        )
    ).one()
    assert await chat_digest.holds(session, row)
    await assignments.unassign(session, desk, talk.booking.id, talk.booking.version)
    assert not await chat_digest.holds(session, row)


async def test_a_visit_long_over_is_no_longer_told_to_its_doctor(talk: Talk) -> None:
    session = talk.session
    await assign(talk)
    for walk in factories.PATH[factories.Status.COMPLETED]:
        await walk(session, talk.booking, talk.doctor)
    await clock.shift(session, 23 * 3600)
    await talk.say(as_patient(talk.patient))
    # The message is an hour old and the doctor's day after the visit is over.
    await clock.shift(session, 25 * 3600)
    await chat_digest.tell(session)
    assert await talk.told() == []


async def test_what_arrived_in_the_persons_own_chat_is_not_told_again(
    talk: Talk,
) -> None:
    session, desk = talk.session, as_staff(talk.dispatcher)
    said = [await talk.say(desk, "Раз"), await talk.say(desk, "Два")]
    rows = []
    for message in said:
        facts = {"message_id": str(message.id)}
        row = Notification(
            user_id=talk.patient.id,
            channel="telegram",
            address="1",
            kind="chat_message",
            facts=facts,
            booking_id=talk.booking.id,
        )
        session.add(row)
        rows.append(row)
    rows[0].status = DELIVERED
    await session.flush()
    await clock.shift(session, LATER)
    # One of them waits in an outage, so that one is told.
    assert await chat_digest.tell(session) == 1
    assert await talk.told() == [(talk.patient.id, 1)]
    rows[1].status = DELIVERED
    await session.flush()
    notice = (
        await session.scalars(
            sa.select(Notification).where(col(Notification.kind) == chat_digest.KIND)
        )
    ).one()
    assert not await chat_digest.holds(session, notice)


async def test_whose_number_is_not_proven_learns_nothing_of_a_call_by_phone(
    talk: Talk, settings
) -> None:
    desk, draft = as_staff(talk.dispatcher), factories.phone_draft
    talk.booking = await bookings.create(
        talk.session, desk, draft(patient_id=talk.patient.id)
    )
    await talk.say(as_staff(talk.dispatcher))
    await clock.shift(talk.session, LATER)
    use_settings(settings.model_copy(update={"require_verified_phone": True}))
    try:
        await chat_digest.tell(talk.session)
    finally:
        use_settings(settings)
    assert await talk.told() == []


async def test_a_notice_without_a_call_or_a_person_holds_for_nobody(session) -> None:
    row = Notification(channel="sms", address="+79160000000", kind="chat_unread")
    assert not await chat_digest.holds(session, row)


@pytest.mark.parametrize("reads", [False, True])
async def test_read_meanwhile_is_dropped_whichever_channel_it_waits_for(
    sessions: Sessions, world: World, reads: bool
) -> None:
    async with transaction(sessions) as session:
        booking = await factories.booking(session)
        patient = await session.get_one(User, booking.patient_id)
        desk = as_staff(await factories.dispatcher(session))
        said = await chat.send(session, desk, booking.id, "Здравствуйте")
    async with transaction(sessions) as session:
        await clock.shift(session, LATER)
        await chat_digest.tell(session)
    async with transaction(sessions) as session:
        query = sa.select(Notification).where(
            col(Notification.kind) == chat_digest.KIND
        )
        row = (await session.scalars(query)).one()
        row.next_try_at = None
        if reads:
            actor = as_patient(patient)
            await chat.mark_read(session, actor, booking.id, said.seq)
    await notification_delivery.deliver(sessions, row.id)
    after = await read(sessions, row.id)
    assert after.status is (DROPPED if reads else SENT)
    heard = world.sms.read(patient.phone)
    assert len(heard) == (0 if reads else 1)
    assert all("B-" in each["text"] for each in heard)


async def test_the_job_looks_every_minute(sessions: Sessions) -> None:
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await chat_digest.tell_periodically.func(context, 0)
