"""What of the talk a person gets as a copy, and what an erasure leaves of it."""

import json
import os
import uuid
from datetime import time, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import AsyncClient
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import (
    Booking,
    ChatTicket,
    Message,
    NotificationPreference,
    QuietHours,
    TalkLink,
    TelegramDialog,
    TelegramLink,
    User,
)
from models.booking import Status
from models.role_grant import Role
from models.telegram import LinkState
from services import chat, clock, erasure, file_sweep, files, invariants, talk_links
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import signed_in
from tests.api.test_rights import erase, lived, whole
from tests.factories import as_doctor, as_patient, as_staff
from tests.talking import Talk, say, talk

OF_A_PERSON = (
    ChatTicket,
    NotificationPreference,
    QuietHours,
    TalkLink,
    TelegramDialog,
    TelegramLink,
)


async def rows_of(session: AsyncSession, user: User, call: uuid.UUID) -> None:
    """Give a person one row of everything that talk keeps of them."""
    now = await clock.now(session)
    session.add_all(
        [
            TelegramLink(
                user_id=user.id,
                state=LinkState.LINKED,
                code_hash=uuid.uuid4().hex,
                expires_at=now,
                chat_id=77_000_123,
                chat_name="Секретный ник",
                linked_at=now,
            ),
            TelegramDialog(
                user_id=user.id,
                kind="chat",
                step="text",
                booking_id=call,
                data={"text": "Секретный черновик"},
            ),
            ChatTicket(
                token_hash=uuid.uuid4().hex,
                booking_id=call,
                user_id=user.id,
                role=Role.PATIENT,
                family_id=uuid.uuid4(),
                expires_at=now + timedelta(days=1),
            ),
            NotificationPreference(
                user_id=user.id, kind="booking_accepted", channels=["sms"]
            ),
            QuietHours(user_id=user.id, starts_at=time(22), ends_at=time(7)),
        ]
    )
    await talk_links.offer(session, user.id, Role.PATIENT, call)


async def talked(sessions: Sessions, life: dict[str, Any]) -> str:
    """Talk in the person's finished call; gives the place of their picture."""
    taken = factories.taken(file_name="секрет.png")
    async with transaction(sessions) as session:
        user = await session.get_one(User, uuid.UUID(life["token"]["user"]["id"]))
        call = uuid.UUID(life["done"])
        staff = await factories.dispatcher(session, last_name="Белова")
        query = sa.text(
            "SELECT doctor_id FROM assignment WHERE booking_id = :id"
            " AND outcome = 'completed'"
        )
        doctor_id = await session.scalar(query, {"id": call})
        doctor = await session.get_one(User, doctor_id)
        own = as_patient(user)
        await chat.send(session, own, call, "Секретное слово", "секрет")
        await chat.send(session, own, call, "Секретная сыпь", None, taken)
        await say(session, as_doctor(doctor), call, "Секретный совет")
        rude = await say(session, as_doctor(doctor), call, "Секретная грубость")
        await chat.hide(session, as_staff(staff), rude.id, "Секретная брань")
        await say(session, as_staff(staff), call, "Секретный вопрос")
        await chat.mark_read(session, own, call, 3)
        await rows_of(session, user, call)
        # A doctor's draft about the person, in the doctor's own chat.
        session.add(
            TelegramDialog(
                user_id=doctor.id,
                kind="complete",
                step="conclusion",
                booking_id=call,
                data={"conclusion": "Секретный диагноз"},
            )
        )
    return taken.storage_name


async def test_the_copy_holds_the_talk_as_one_saw_it(
    client: AsyncClient, sessions: Sessions
) -> None:
    life = await lived(client, sessions)
    await talked(sessions, life)
    headers = life["headers"] | {"accept-language": "ru"}
    found = (await client.get("/v1/me/export", headers=headers)).json()
    said = found["data"]["messages"]
    texts = [each["text"] for each in said if each["role"] != "system"]
    assert texts == [
        "Секретное слово",
        "Секретная сыпь",
        "Секретный совет",
        "Сообщение скрыто.",
        "Секретный вопрос",
    ]
    assert "Секретная грубость" not in json.dumps(found, ensure_ascii=False)
    assert said[-4]["file_name"] == "секрет.png"
    assert said[-1]["name"] == "Диспетчер"
    assert "Белова" not in json.dumps(found, ensure_ascii=False)
    assert {each["number"] for each in said} == {
        each["booking"]["number"] for each in found["bookings"]
    }
    (link,) = found["data"]["telegram_links"]
    assert (link["state"], link["chat_name"]) == ("linked", "Секретный ник")
    (wish,) = found["data"]["notification_preferences"]
    assert wish == {"kind": "booking_accepted", "channels": ["sms"]}
    assert found["data"]["quiet_hours"] == [
        {"starts_at": "22:00:00", "ends_at": "07:00:00"}
    ]


async def test_a_doctors_copy_holds_no_talk_of_the_ill(
    client: AsyncClient, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        here = await talk(session)
        await say(session, here.patient, here.id, "У меня сыпь")
        await say(session, here.doctor, here.id, "Это аллергия")
    headers = await signed_in(sessions, here.doctor_user)
    found = await client.get("/v1/me/export", headers=headers)
    assert found.json()["data"]["messages"] == []
    assert "аллергия" not in found.text


async def test_an_erased_patient_leaves_no_word_of_the_talk(
    client: AsyncClient, sessions: Sessions
) -> None:
    life = await lived(client, sessions)
    place = await talked(sessions, life)
    async with transaction(sessions) as session:
        before = (await session.exec(_messages(life["done"]))).all()
    assert (await erase(client, life["headers"])).status_code == 204
    after = await whole(sessions)
    for word in ("Секрет", "секрет", "77000123"):
        lines = [line for line in after.split("\n") if word in line]
        # The last message to the old contact waits to be sent.
        assert all(line.startswith("notification:") for line in lines), lines
    async with transaction(sessions) as session:
        rows = (await session.exec(_messages(life["done"]))).all()
        assert [(row.seq, row.kind, row.sender_id, row.hidden_at) for row in rows] == [
            (row.seq, row.kind, row.sender_id, row.hidden_at) for row in before
        ]
        assert {row.text for row in rows} == {None, "—"}
        assert {row.storage_name for row in rows} == {None}
        for table in OF_A_PERSON:
            assert (await session.exec(select(table))).all() == [], table
        assert await invariants.check(session) == []
        # The file goes with the next sweep of old ones.
        path = files.path_of(place)
        os.utime(path, (0, 0))
        assert await file_sweep.sweep(session) >= 1
        assert not path.exists()


def _messages(call: str) -> Any:
    query = select(Message).where(col(Message.booking_id) == uuid.UUID(call))
    return query.order_by(col(Message.seq)).execution_options(populate_existing=True)


async def test_the_files_of_the_living_talk_are_not_swept(sessions: Sessions) -> None:
    taken = factories.taken()
    async with transaction(sessions) as session:
        here = await talk(session)
        await chat.send(session, here.patient, here.id, None, None, taken)
        path = files.path_of(taken.storage_name)
        os.utime(path, (0, 0))
        await file_sweep.sweep(session)
        assert path.exists()


@pytest.fixture
async def here(session: AsyncSession) -> Talk:
    return await talk(session, Status.COMPLETED)


async def test_an_erased_doctor_takes_their_words_out_of_the_calls_of_others(
    session: AsyncSession, here: Talk
) -> None:
    await say(session, here.patient, here.id, "Спасибо")
    rude = await say(session, here.doctor, here.id, "Не за что, зануда")
    await chat.hide(session, here.desk, rude.id, "Орлов опять грубит")
    other = await say(session, here.patient, here.id, "Ой")
    await chat.hide(session, here.desk, other.id, "Лишнее")
    await rows_of(session, here.doctor_user, here.id)
    call_id = here.id
    ids = await erasure.lock(session, here.doctor_user.id)
    await erasure.forget(session, SYSTEM, ids)
    rows = (await session.exec(_messages(str(call_id)))).all()
    assert [row.text for row in rows if row.kind != "system"] == ["Спасибо", "—", "Ой"]
    query = sa.text(
        "SELECT data ->> 'reason' FROM audit_event WHERE action = 'message.hidden'"
        " ORDER BY data ->> 'seq'"
    )
    assert (await session.scalars(query)).all() == [None, "Лишнее"]
    for table in OF_A_PERSON:
        assert (await session.exec(select(table))).all() == [], table
    query = sa.select(col(Booking.conclusion)).where(col(Booking.id) == call_id)
    assert await session.scalar(query) == "ОРВИ, покой"
    assert await invariants.check(session) == []
