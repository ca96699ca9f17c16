"""Who is told of a message through Telegram, and what they may see of it by then."""

import uuid

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Consent, Notification, RoleGrant, User
from models.booking import Status
from models.role_grant import Role
from services import (
    assignments,
    chat,
    chat_relay,
    clock,
    files,
    proven_phones,
    telegram_content,
    visits,
)
from services.actor import Actor, Via
from services.telegram_people import Person
from tests import factories
from tests.services.test_telegram_cards import scene
from tests.services.test_telegram_content import admin
from tests.telegram_accounts import link


async def linked(
    session: AsyncSession, status: Status = Status.ACCEPTED, *, content: bool = True
) -> tuple[Booking, User, User]:
    booking, doctor, patient = await scene(session, status, content=content)
    await link(session, doctor, 1, Role.DOCTOR)
    await link(session, patient, 2)
    return booking, doctor, patient


async def waiting(session: AsyncSession) -> list[Notification]:
    query = select(Notification).where(col(Notification.kind) == chat_relay.KIND)
    return list((await session.exec(query.order_by(col(Notification.id)))).all())


async def content_for(session: AsyncSession, patient: User) -> None:
    await telegram_content.put(session, await admin(session), True, "Проба")
    session.add(Consent(user_id=patient.id, kind=telegram_content.CONSENT, version="1"))
    await session.flush()


async def say(session: AsyncSession, user: User, role: Role, booking: Booking):  # type: ignore[no-untyped-def]
    actor = Actor(user.id, role, Via.API)
    return await chat.send(session, actor, booking.id, "Слова", uuid.uuid4().hex)


async def test_the_others_are_told_and_the_sender_is_not(session: AsyncSession) -> None:
    booking, doctor, patient = await linked(session)
    await say(session, patient, Role.PATIENT, booking)
    assert [each.user_id for each in await waiting(session)] == [doctor.id]
    desk = await factories.dispatcher(session)
    await say(session, desk, Role.DISPATCHER, booking)
    rows = await waiting(session)
    assert {each.user_id for each in rows[1:]} == {doctor.id, patient.id}
    assert {each.channel.value for each in rows} == {"telegram"}
    assert {each.booking_id for each in rows} == {booking.id}
    # No word of it stands in the table.
    assert all("Слова" not in str(each.model_dump()) for each in rows)


async def test_nobody_is_told_without_a_chat_or_where_content_may_not_go(
    session: AsyncSession,
) -> None:
    booking, _, patient = await scene(session, Status.ACCEPTED)
    await say(session, patient, Role.PATIENT, booking)
    assert await waiting(session) == []
    await telegram_content.put(session, await admin(session), False, "Отозвано")
    other, doctor, _ = await linked(session, content=False)
    await say(session, doctor, Role.DOCTOR, other)
    assert await waiting(session) == []


async def test_a_message_said_twice_is_told_once(session: AsyncSession) -> None:
    booking, _, patient = await linked(session)
    actor = factories.as_patient(patient)
    for _ in range(2):
        await chat.send(session, actor, booking.id, "Раз", "client-1")
    assert len(await waiting(session)) == 1


async def test_the_right_is_asked_for_again_when_it_is_sent(
    session: AsyncSession,
) -> None:
    booking, doctor, patient = await linked(session)
    await say(session, doctor, Role.DOCTOR, booking)
    (row,) = await waiting(session)
    made = await chat_relay.compose(session, row)
    assert made is not None
    assert made.text == f"{booking.label} · {doctor.full_name}:\nСлова"
    doctor_row = Notification(**{**row.model_dump(), "user_id": doctor.id})
    assert await chat_relay.compose(session, doctor_row) is not None
    for changed in (
        {"user_id": None},
        {"user_id": (await factories.patient(session)).id},
        {"facts": {"message_id": str(factories.nobody())}},
    ):
        stranger = Notification(**{**row.model_dump(), **changed})
        assert await chat_relay.compose(session, stranger) is None
    patient.blocked_at = await clock.now(session)
    await session.flush()
    assert await chat_relay.compose(session, row) is None
    patient.blocked_at = None
    await session.flush()
    await telegram_content.put(session, await admin(session), False, "Отозвано")
    assert await chat_relay.compose(session, row) is None


async def test_a_hidden_message_is_not_shown(session: AsyncSession) -> None:
    booking, _, patient = await linked(session)
    message = await say(session, patient, Role.PATIENT, booking)
    (row,) = await waiting(session)
    desk = factories.as_staff(await factories.dispatcher(session))
    await chat.hide(session, desk, message.id, "Брань")
    assert await chat_relay.compose(session, row) is None


async def test_what_was_said_before_the_call_was_given_waits_for_the_acceptance(
    session: AsyncSession,
) -> None:
    doctor, patient = await factories.doctor(session), await factories.patient(session)
    desk = factories.as_staff(await factories.dispatcher(session))
    booking = await factories.booking(session, patient)
    message = await say(session, patient, Role.PATIENT, booking)
    await content_for(session, patient)
    await assignments.assign(session, desk, booking.id, doctor.id, booking.version)
    row = Notification(
        user_id=doctor.id,
        channel="telegram",
        kind=chat_relay.KIND,
        facts={"message_id": str(message.id)},
    )
    assert await chat_relay.compose(session, row) is None
    await visits.accept(session, factories.as_doctor(doctor), booking.id)
    assert await chat_relay.compose(session, row) is not None


async def test_a_call_by_phone_is_shown_to_a_proven_number_only(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, doctor, _ = await linked(session)
    await say(session, doctor, Role.DOCTOR, booking)
    (row,) = await waiting(session)

    async def unseen(*_: object) -> bool:
        return False

    monkeypatch.setattr(proven_phones, "may_see", unseen)
    assert await chat_relay.compose(session, row) is None


async def test_a_picture_goes_along(session: AsyncSession) -> None:
    booking, _, patient = await linked(session)
    taken = factories.taken(media_type="image/jpeg", content=b"picture")
    actor = factories.as_patient(patient)
    await chat.send(session, actor, booking.id, None, "one", taken)
    (row,) = await waiting(session)
    made = await chat_relay.compose(session, row)
    assert made is not None
    assert (made.photo, made.photo_name) == (b"picture", taken.file_name)
    await files.remove(taken.storage_name)


async def test_open_calls_are_those_one_talks_in(session: AsyncSession) -> None:
    booking, doctor, patient = await linked(session)
    await factories.booking(session)
    found = {}
    for user, role in ((doctor, Role.DOCTOR), (patient, Role.PATIENT)):
        person = Person(user.id, "ru", frozenset({role}))
        calls = await chat_relay.open_calls(session, person)
        found[role] = [each.id for each in calls]
    assert found == {Role.DOCTOR: [booking.id], Role.PATIENT: [booking.id]}
    nobody = Person(doctor.id, "ru", frozenset())
    assert await chat_relay.open_calls(session, nobody) == []


async def test_a_reply_is_found_by_telegrams_number_of_ones_own_messages(
    session: AsyncSession,
) -> None:
    booking, doctor, patient = await linked(session)
    await say(session, doctor, Role.DOCTOR, booking)
    (row,) = await waiting(session)
    row.provider_id = "77"
    await session.flush()
    mine = Person(patient.id, "ru", frozenset({Role.PATIENT}))
    other = Person(doctor.id, "ru", frozenset({Role.DOCTOR}))
    assert await chat_relay.call_of_reply(session, mine, 77) == booking.id
    assert await chat_relay.call_of_reply(session, mine, 78) is None
    assert await chat_relay.call_of_reply(session, other, 77) is None


async def take_role(session: AsyncSession, user: User) -> None:
    held = select(RoleGrant).where(col(RoleGrant.user_id) == user.id)
    for grant in await session.exec(held):
        grant.revoked_at, grant.revoked_by = await clock.now(session), user.id
        grant.revoke_reason = "Проба"
    await session.flush()


async def test_a_lost_role_hears_nothing(session: AsyncSession) -> None:
    booking, doctor, patient = await linked(session)
    await say(session, patient, Role.PATIENT, booking)
    await say(session, doctor, Role.DOCTOR, booking)
    rows = await waiting(session)
    assert [each.user_id for each in rows] == [doctor.id, patient.id]
    assert all([await chat_relay.compose(session, each) for each in rows])
    await take_role(session, doctor)
    await take_role(session, patient)
    for each in rows:
        assert await chat_relay.compose(session, each) is None
    desk = await factories.dispatcher(session)
    await say(session, desk, Role.DISPATCHER, booking)
    assert len(await waiting(session)) == len(rows)


async def test_the_number_of_a_message_counts_in_its_own_chat_only(
    session: AsyncSession,
) -> None:
    booking, doctor, patient = await linked(session)
    await say(session, patient, Role.PATIENT, booking)
    row = (await waiting(session))[0]
    row.provider_id = "7"
    await session.flush()
    person = Person(doctor.id, "ru", frozenset({Role.DOCTOR}))
    assert await chat_relay.call_of_reply(session, person, 7) == booking.id
    await link(session, doctor, 222, Role.DOCTOR)
    assert await chat_relay.call_of_reply(session, person, 7) is None
