"""Talk on the board: what waits unread, what the stream tells, what is shut."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from fastapi import FastAPI

from backoffice.board import feed, paint
from models import Booking, User
from models.booking_words import CancelReason, Flag
from models.notification import NotificationChannel
from services import bookings, chat, notice_reads, presence
from services.database import Sessions
from services.edges import transaction
from services.i18n import use_locale
from services.notice_reads import Outage
from tests import factories as make
from tests.backoffice.board.conftest import City
from tests.backoffice.board.test_stream import listening
from tests.backoffice.browser import Browser
from tests.browser.stage import served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]


@pytest_asyncio.fixture(loop_scope="session")
async def address(
    app: FastAPI, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    monkeypatch.setattr(feed, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(feed, "SESSIONS_EVERY", 2)
    async with served(app) as made:
        await asyncio.wait_for(app.state.board_feed.listener.connected.wait(), 5)
        yield made


async def test_a_message_raises_the_badge_and_reading_takes_it_down(
    address: str, dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    call = city.waiting
    desk = make.as_staff(dispatcher.user)
    async with transaction(sessions) as session:
        patient = make.as_patient(await session.get_one(User, call.patient_id))
    async with listening(address, dispatcher) as board:
        async with transaction(sessions) as session:
            said = await chat.send(session, patient, call.id, "Когда же?")
        row = await board.until("call")
        assert (row["id"], row["unread"]) == (str(call.id), 1)
        assert 'class="talk-n"' in row["html"]
        assert "Когда же?" not in json.dumps(row, ensure_ascii=False)
        news = await board.until("talk")
        wanted = {"call": str(call.id), "number": call.number, "seq": 1, "unread": 1}
        assert news == wanted
        async with transaction(sessions) as session:
            await chat.mark_read(session, desk, call.id, said.seq)
        row = await board.until("call")
        assert row["unread"] == 0
        assert "talk-n" not in row["html"]
        assert (await board.until("talk"))["unread"] == 0
        async with transaction(sessions) as session:
            await chat.hide(session, desk, said.id, "проверка")
        assert (await board.until("talk"))["call"] == str(call.id)


async def test_the_number_of_unread_conversations_comes_by_the_stream(
    address: str, dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    call, desk = city.waiting, make.as_staff(dispatcher.user)
    async with transaction(sessions) as session:
        patient = make.as_patient(await session.get_one(User, call.patient_id))
    async with listening(address, dispatcher) as board:
        async with transaction(sessions) as session:
            said = await chat.send(session, patient, call.id, "Когда же?")
        assert await board.until("talks") == 1
        assert 'data-talks title="Чаты' in await dispatcher.page("/chats")
        # A call that was closed since still waits for an answer.
        async with transaction(sessions) as session:
            await bookings.cancel(session, desk, call.id, CancelReason.DUPLICATE)
            other = city.under_way.id
            patient = await session.get_one(
                User, (await session.get_one(Booking, other)).patient_id
            )
            await chat.send(session, make.as_patient(patient), other, "Спасибо")
        assert await board.until("talks") == 2
        async with transaction(sessions) as session:
            await chat.hide(session, desk, said.id, "проверка")
        assert await board.until("talks") == 1


async def test_typing_is_told_only_where_the_call_is_open(
    address: str, dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    call = city.waiting
    async with transaction(sessions) as session:
        patient = make.as_patient(await session.get_one(User, call.patient_id))
    async with listening(address, dispatcher) as board:
        async with transaction(sessions) as session:
            await chat.typing(session, patient, call.id)
            await presence.watch(session, make.as_staff(dispatcher.user), call.id)
        await board.until("watch")
        async with transaction(sessions) as session:
            await chat.typing(session, patient, call.id)
        told = await board.until("typing")
        assert told == {"call": str(call.id), "role": "patient"}


async def test_talk_in_a_closed_call_brings_no_row_back(
    address: str, dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    call, desk = city.waiting, make.as_staff(dispatcher.user)
    async with transaction(sessions) as session:
        await bookings.cancel(session, desk, call.id, CancelReason.DUPLICATE)
        patient = make.as_patient(await session.get_one(User, call.patient_id))
    async with listening(address, dispatcher) as board:
        async with transaction(sessions) as session:
            await chat.send(session, patient, call.id, "А деньги?")
        rows = []
        async with asyncio.timeout(10):
            while (event := await board.next())[0] != "talk":
                rows.append(event)
        assert event[1]["unread"] == 1
        assert "call" not in {kind for kind, _ in rows}


async def test_a_doctor_in_danger_is_said_in_the_row(
    address: str, dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    async with listening(address, dispatcher) as board:
        async with transaction(sessions) as session:
            desk = make.as_staff(dispatcher.user)
            call, flag = city.under_way.id, Flag.DOCTOR_IN_DANGER
            await bookings.flag(session, desk, call, flag, True, None)
        assert (await board.until("call"))["danger"] is True


async def test_a_shut_channel_is_told_within_beats(
    address: str, dispatcher: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut = [
        Outage(NotificationChannel.SMS, datetime(2026, 11, 23, 9, 4, tzinfo=UTC), 14)
    ]

    async def found(session: object) -> list[Outage]:
        return shut

    async with listening(address, dispatcher) as board:
        monkeypatch.setattr(notice_reads, "outages", found)
        assert await board.until("outages") == ["SMS не уходят с 12:04, ждут 14"]
        page = (await dispatcher.page("/board?lang=en")).split('id="outages"')[1]
        assert "SMS have not left since 12:04, 14 wait" in page.split("</div>")[0]
        shut = []
        assert await board.until("outages") == []


@pytest.mark.parametrize("channel", ["email", "telegram"])
async def test_every_way_out_has_its_sentence(channel: str) -> None:
    shut = Outage(NotificationChannel(channel), datetime(2026, 1, 1, tzinfo=UTC), 2)
    with use_locale("ru"):
        (text,) = paint.outages([shut])
    assert text.endswith("с 03:00, ждут 2")
