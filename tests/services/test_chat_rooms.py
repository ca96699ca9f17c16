"""Who stands in a conversation, from when on, and until when."""

import uuid

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking import Status
from models.booking_words import CancelReason
from models.role_grant import Role
from services import assignments, bookings, chat, chat_reads, chat_rooms, clock, visits
from services.actor import Actor, Via
from services.config import Settings
from services.errors import Forbidden, NotFound
from tests import factories
from tests.factories import as_clinic, as_doctor, as_patient, as_staff
from tests.talking import Talk, said, say, seen, talk

HOUR = 3600


async def refused(session: AsyncSession, actor: Actor, booking_id: uuid.UUID) -> None:
    """Every door is closed alike."""
    message_id = uuid.uuid4()
    for attempt in (
        chat_reads.history(session, actor, booking_id),
        chat_reads.unread(session, actor, booking_id),
        chat.send(session, actor, booking_id, "Ау"),
        chat.mark_read(session, actor, booking_id, 1),
        chat.typing(session, actor, booking_id),
        chat.picture(session, actor, booking_id, message_id),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_before_a_doctor_comes_the_patient_talks_with_dispatchers(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.PENDING)
    await say(session, here.patient, here.id, "Когда приедете?")
    await say(session, here.desk, here.id, "Через час")
    another = as_staff(await factories.dispatcher(session))
    for actor in (here.patient, here.desk, another):
        assert said(await seen(session, actor, here.id)) == [
            "Когда приедете?",
            "Через час",
        ]
    await refused(session, here.doctor, here.id)


async def test_nobody_else_stands_in_it(session: AsyncSession) -> None:
    here = await talk(session)
    await refused(session, as_patient(await factories.patient(session)), here.id)
    await refused(session, here.second, here.id)
    await refused(session, here.patient, uuid.uuid4())
    # The right role counts, not the person: the patient is no doctor of the call.
    await refused(session, as_doctor(here.patient_user), here.id)
    await refused(session, as_patient(here.doctor_user), here.id)


@pytest.mark.parametrize(
    "role", [Role.CLINIC, Role.CURATOR, Role.FINANCE, Role.ADMIN, Role.SYSTEM]
)
async def test_other_roles_have_no_part_in_talk(
    session: AsyncSession, role: Role
) -> None:
    here = await talk(session)
    actor = Actor(here.patient_user.id, role, Via.API)
    with pytest.raises(Forbidden):
        await chat_reads.history(session, actor, here.id)
    with pytest.raises(Forbidden):
        await chat.send(session, actor, here.id, "Ау")
    with pytest.raises(Forbidden):
        await chat.hide(session, actor, uuid.uuid4(), "так")


async def test_a_doctor_who_is_asked_sees_what_is_said_since_and_no_name(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.PENDING)
    await say(session, here.patient, here.id, "Дверь слева")
    await assignments.assign(session, here.desk, here.id, here.doctor_user.id, None)
    await say(session, here.patient, here.id, "Жду")
    system, line = await seen(session, here.doctor, here.id)
    assert system.kind == "system"
    assert (line.text, line.name, line.sender_id) == ("Жду", "Пациент", None)
    # They may answer before they accept.
    await say(session, here.doctor, here.id, "Могу через 20 минут")
    await visits.accept(session, here.doctor, here.id)
    lines = await seen(session, here.doctor, here.id)
    assert said(lines) == ["Дверь слева", "Жду", "Могу через 20 минут"]
    assert lines[0].name == here.patient_user.full_name
    assert lines[0].sender_id == here.patient_user.id


async def test_what_was_said_before_the_turn_has_no_picture_for_its_doctor(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.PENDING)
    sent = await chat.send(
        session, here.patient, here.id, None, None, factories.taken()
    )
    await assignments.assign(session, here.desk, here.id, here.doctor_user.id, None)
    with pytest.raises(NotFound):
        await chat.picture(session, here.doctor, here.id, sent.id)
    await visits.accept(session, here.doctor, here.id)
    shown = await chat.picture(session, here.doctor, here.id, sent.id)
    assert shown.content == factories.taken().content


async def test_a_page_of_history_is_not_used_up_by_what_a_doctor_may_not_see(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.PENDING)
    for number in range(3):
        await say(session, here.patient, here.id, f"Раз {number}")
    await assignments.assign(session, here.desk, here.id, here.doctor_user.id, None)
    await say(session, here.patient, here.id, "Жду")
    lines = await chat_reads.history(session, here.doctor, here.id, 0, 2)
    assert [line.seq for line in lines] == [4, 5]


@pytest.mark.parametrize("how", ["unassign", "decline", "cancel"])
async def test_a_doctor_loses_the_conversation_with_the_visit(
    session: AsyncSession, how: str
) -> None:
    here = await talk(session)
    await say(session, here.doctor, here.id, "Еду")
    if how == "unassign":
        await assignments.unassign(session, here.desk, here.id, None)
    elif how == "decline":
        await visits.decline(session, here.doctor, here.id, "Пробки")
    else:
        await bookings.cancel(session, here.desk, here.id, CancelReason.OTHER)
    await refused(session, here.doctor, here.id)
    # The patient keeps it, and what the doctor said.
    assert said(await seen(session, here.patient, here.id)) == ["Еду"]


async def test_another_doctor_takes_over_the_conversation_with_the_visit(
    session: AsyncSession,
) -> None:
    here = await talk(session)
    await say(session, here.patient, here.id, "Домофон 45К")
    await say(session, here.doctor, here.id, "Понял")
    await assignments.reassign(session, here.desk, here.id, here.second_user.id, None)
    await refused(session, here.doctor, here.id)
    assert said(await seen(session, here.second, here.id)) == []
    assert (await chat_reads.unread(session, here.second, here.id)).unread == 0
    await visits.accept(session, here.second, here.id)
    assert said(await seen(session, here.second, here.id)) == ["Домофон 45К", "Понял"]
    # What the first doctor wrote is news to the second.
    assert (await chat_reads.unread(session, here.second, here.id)).unread == 2


async def test_a_doctor_keeps_it_for_a_day_after_the_visit_and_the_patient_longer(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.COMPLETED)
    await clock.shift(session, 24 * HOUR - 60)
    await say(session, here.doctor, here.id, "Пейте больше воды")
    await clock.shift(session, 24 * HOUR + 60)
    await refused(session, here.doctor, here.id)
    assert said(await seen(session, here.patient, here.id)) == ["Пейте больше воды"]


async def test_a_dispatcher_stands_in_no_call_of_their_own(
    session: AsyncSession,
) -> None:
    here = await talk(session)
    own = as_staff(here.patient_user)
    for attempt in (
        chat_reads.history(session, own, here.id),
        chat.send(session, own, here.id, "Ау"),
        chat.mark_read(session, own, here.id, 1),
    ):
        with pytest.raises(Forbidden):
            await attempt
    sent = await say(session, here.doctor, here.id, "Еду")
    with pytest.raises(Forbidden):
        await chat.hide(session, own, sent.id, "Не нравится")


async def test_a_call_made_by_phone_waits_for_the_proof_of_the_number(
    session: AsyncSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await factories.patient(session)
    desk = as_staff(await factories.dispatcher(session))
    draft = factories.phone_draft(patient_id=user.id)
    made = await bookings.create(session, desk, draft)
    await say(session, desk, made.id, "Мы Вам звонили")
    monkeypatch.setattr(settings, "require_verified_phone", True)
    await refused(session, as_patient(user), made.id)
    user.phone_verified_at = await clock.now(session)
    await session.flush()
    assert said(await seen(session, as_patient(user), made.id)) == ["Мы Вам звонили"]


async def test_the_room_knows_its_number_and_when_it_closes(
    session: AsyncSession,
) -> None:
    here = await talk(session, Status.CANCELLED)
    room = await chat_rooms.load(session, here.id)
    assert room.label == f"B-{here.booking.number}"
    assert not room.closed
    await clock.shift(session, 24 * HOUR + 1)
    assert (await chat_rooms.load(session, here.id)).closed
    # One that has not ended never closes.
    running = await talk(session)
    await clock.shift(session, 900 * HOUR)
    assert not (await chat_rooms.load(session, running.id)).closed


async def test_a_participant_acts_as_patient_of_their_call_else_as_its_doctor(
    session: AsyncSession,
) -> None:
    here: Talk = await talk(session)
    both = {Role.PATIENT, Role.DOCTOR}
    patient, doctor = here.patient_user.id, here.doctor_user.id

    async def who(user_id: uuid.UUID, roles: set[Role]) -> Actor:
        return await chat_rooms.participant(session, user_id, roles, here.id, Via.BOT)

    assert await who(patient, both) == Actor(patient, Role.PATIENT, Via.BOT)
    assert await who(doctor, both) == Actor(doctor, Role.DOCTOR, Via.BOT)
    for user_id, roles in (
        (patient, {Role.DOCTOR}),
        (doctor, {Role.PATIENT}),
        (here.second_user.id, both),
        (here.dispatcher_user.id, {Role.DISPATCHER, *both}),
    ):
        with pytest.raises(NotFound):
            await who(user_id, roles)


async def test_a_clinic_has_no_part_in_the_talk_of_its_doctors(
    session: AsyncSession,
) -> None:
    here = await talk(session)
    manager = await factories.clinic_manager(session, await factories.clinic(session))
    with pytest.raises(Forbidden):
        await chat_reads.history(session, as_clinic(manager), here.id)
