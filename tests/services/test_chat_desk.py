"""What the dispatchers' side reads: the last part first, marks, names, the list."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, User
from models.booking import Status
from models.booking_words import CancelReason
from models.role_grant import Role
from services import assignments, bookings, chat, chat_desk, clock
from services.actor import Actor
from services.errors import Forbidden, NotFound
from tests import factories as make


@dataclass
class Room:
    """A call with everybody who talks in it."""

    booking: Booking
    desk: Actor
    patient: Actor
    doctor: Actor


@pytest.fixture
async def room(session: AsyncSession) -> Room:
    staff, doctor = await make.dispatcher(session), await make.doctor(session)
    booking = await make.booking_in(
        session, Status.ACCEPTED, doctor=doctor, dispatcher=staff
    )
    patient = await session.get_one(User, booking.patient_id)
    return Room(
        booking, make.as_staff(staff), make.as_patient(patient), make.as_doctor(doctor)
    )


async def test_the_last_part_comes_first(
    session: AsyncSession, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_desk, "SHOWN", 3)
    for n in range(5):
        await chat.send(session, room.patient, room.booking.id, str(n))
    talk = await chat_desk.conversation(session, room.desk, room.booking.id)
    assert [line.text for line in talk.lines] == ["2", "3", "4"]
    first = talk.lines[0].seq
    older = await chat_desk.conversation(
        session, room.desk, room.booking.id, before_seq=first
    )
    assert [line.seq for line in older.lines] == [first - 3, first - 2, first - 1]
    later = await chat_desk.conversation(
        session, room.desk, room.booking.id, after_seq=first
    )
    assert [line.text for line in later.lines] == ["3", "4"]


async def test_sides_names_and_hidden_ones_are_told(
    session: AsyncSession, room: Room
) -> None:
    said = await chat.send(session, room.patient, room.booking.id, "Кто вы?")
    await chat.mark_read(session, room.doctor, room.booking.id, said.seq)
    await chat.hide(session, room.desk, said.id, "проверка")
    talk = await chat_desk.conversation(session, room.desk, room.booking.id)
    assert talk.read == {Role.PATIENT: 0, Role.DOCTOR: said.seq}
    assert set(talk.names) == {Role.PATIENT, Role.DOCTOR}
    assert talk.hidden[said.id].seq == said.seq
    assert talk.unread.unread == 0


async def test_before_a_doctor_there_is_one_other_side(session: AsyncSession) -> None:
    booking = await make.booking(session)
    desk = make.as_staff(await make.dispatcher(session))
    talk = await chat_desk.conversation(session, desk, booking.id)
    assert set(talk.read) == set(talk.names) == {Role.PATIENT}
    assert talk.lines == []


async def test_a_doctor_who_lost_the_call_is_no_side(
    session: AsyncSession, room: Room
) -> None:
    await chat.mark_read(session, room.doctor, room.booking.id, 1)
    await assignments.unassign(session, room.desk, room.booking.id, None, None)
    talk = await chat_desk.conversation(session, room.desk, room.booking.id)
    assert set(talk.read) == {Role.PATIENT}


async def test_the_list_is_unread_first_and_the_longest_waiting_on_top(
    session: AsyncSession, room: Room
) -> None:
    others = [await make.booking(session) for _ in range(3)]
    for n, each in enumerate((*others, room.booking)):
        await clock.shift(session, 60 * n)
        patient = await session.get_one(User, each.patient_id)
        await chat.send(session, make.as_patient(patient), each.id, "Здравствуйте")
    await clock.shift(session, 300)
    await chat.send(session, room.desk, others[1].id, "Ответ")
    for each in (others[1], others[2]):
        await chat.mark_read(session, room.desk, each.id, 99)
    found = await chat_desk.listing(session, room.desk)
    ids = [entry.booking_id for entry in found]
    assert ids == [others[0].id, room.booking.id, others[1].id, others[2].id]
    entry = found[2]
    assert (entry.last_role, entry.unread, entry.status) == (
        Role.DISPATCHER,
        0,
        Status.PENDING,
    )


async def test_the_oldest_unread_message_makes_the_mark(
    session: AsyncSession, room: Room
) -> None:
    await chat.send(session, room.patient, room.booking.id, "Когда?")
    (entry,) = await chat_desk.listing(session, room.desk)
    assert entry.urgency == ""
    assert entry.oldest
    for passed, wanted in ((179, ""), (180, "yellow"), (599, "yellow"), (600, "red")):
        made = replace(entry, now=entry.oldest + timedelta(seconds=passed))
        assert made.urgency == wanted
    await clock.shift(session, 600)
    await chat.send(session, room.patient, room.booking.id, "Ау?")
    (later,) = await chat_desk.listing(session, room.desk)
    assert (later.oldest, later.unread) == (entry.oldest, 2)
    assert replace(later, oldest=None).urgency == ""


async def test_every_conversation_counted_is_listed(
    session: AsyncSession, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_desk, "LISTED", 1)
    staff = await session.get_one(User, room.desk.user_id)
    closed = await make.booking(session)
    read, own = await make.booking(session), await make.booking(session, staff)
    everybody = (room.booking, closed, read, own)
    for each in everybody:
        patient = await session.get_one(User, each.patient_id)
        await chat.send(session, make.as_patient(patient), each.id, "Здравствуйте")
    await chat.mark_read(session, room.desk, read.id, 99)
    await bookings.cancel(session, room.desk, closed.id, CancelReason.DUPLICATE)
    ids = [each.id for each in everybody]

    async def both() -> tuple[set[uuid.UUID], set[uuid.UUID]]:
        counted = await chat_desk.waiting(session)
        assert counted == await chat_desk.waiting(session, ids)
        mine = {key for key, who in counted.items() if who != room.desk.user_id}
        entries = await chat_desk.listing(session, room.desk)
        assert {each.booking_id for each in entries if each.unread} == mine
        return mine, {each.booking_id for each in entries}

    mine, listed = await both()
    assert mine == {room.booking.id, closed.id}
    assert listed == mine | {read.id}
    assert await chat_desk.waiting(session, [read.id]) == {}
    # After a week only the open call still waits.
    await clock.shift(session, 8 * 86400)
    assert await both() == ({room.booking.id}, {room.booking.id})


async def test_old_talk_system_lines_and_one_s_own_call_are_not_listed(
    session: AsyncSession, room: Room
) -> None:
    assert await chat_desk.listing(session, room.desk) == []
    own = await make.booking(session, await session.get_one(User, room.desk.user_id))
    person = await session.get_one(User, room.desk.user_id)
    await chat.send(session, make.as_patient(person), own.id, "Это я сам")
    assert await chat_desk.listing(session, room.desk) == []
    with pytest.raises(Forbidden):
        await chat_desk.conversation(session, room.desk, own.id)


async def test_only_dispatchers_have_the_list(
    session: AsyncSession, room: Room
) -> None:
    for actor in (room.patient, room.doctor):
        with pytest.raises(Forbidden):
            await chat_desk.listing(session, actor)
    with pytest.raises(NotFound):
        await chat_desk.conversation(session, room.desk, make.nobody())
