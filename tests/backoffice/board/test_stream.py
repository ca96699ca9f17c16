"""The stream over a real socket: what is committed is on every board."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from backoffice.board import clients, feed, reading, views
from backoffice.guard import cookie_name
from models.booking_words import CancelReason, Flag
from services import assignments, bookings, presence
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.backoffice.board.conftest import City
from tests.backoffice.browser import Browser
from tests.browser.stage import served

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]
Event = tuple[str, Any]


@pytest_asyncio.fixture(loop_scope="session")
async def address(
    app: FastAPI, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    monkeypatch.setattr(feed, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(feed, "SESSIONS_EVERY", 2)
    monkeypatch.setattr(feed, "SWEEP_EVERY", 3)
    async with served(app) as made:
        await asyncio.wait_for(app.state.board_feed.listener.connected.wait(), 5)
        yield made


class Reader:
    """One board's ear: the events as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.lines = response.aiter_lines()

    async def next(self) -> Event:
        kind, data = "", None
        async for line in self.lines:
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif not line and kind:
                return kind, data
        return "end", None

    async def until(
        self, wanted: str, fits: Callable[[Any], bool] = lambda _: True
    ) -> Any:
        async with asyncio.timeout(10):
            while True:
                kind, data = await self.next()
                if kind == wanted and fits(data):
                    return data
                if kind == "end":
                    raise AssertionError(f"the stream ended before {wanted}")


@asynccontextmanager
async def listening(
    address: str, browser: Browser, query: str = ""
) -> AsyncIterator[Reader]:
    cookies = {cookie_name(False): browser.client.cookies[cookie_name(False)]}
    headers = {"accept": "text/event-stream"}
    async with httpx.AsyncClient(
        cookies=cookies, headers=headers, timeout=20
    ) as client:
        path = f"{address}/admin/board/stream{query}"
        async with client.stream("GET", path) as response:
            assert response.status_code == 200, response.status_code
            assert response.headers["content-type"].startswith("text/event-stream")
            assert "content-encoding" not in response.headers
            reader = Reader(response)
            await reader.until("beat")
            yield reader


async def test_a_change_is_on_both_boards_within_200_ms(
    address: str, dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    async with (
        listening(address, dispatcher) as one,
        listening(address, dispatcher, "?lang=en") as two,
    ):
        async with transaction(sessions) as session:
            await assignments.assign(
                session,
                make.as_staff(dispatcher.user),
                city.waiting.id,
                city.orlov.id,
                city.waiting.version,
            )
        committed = time.perf_counter()
        row = await one.until("call")
        spent = time.perf_counter() - committed
        assert (row["id"], row["status"]) == (str(city.waiting.id), "assigned")
        assert len(json.dumps(row, ensure_ascii=False).encode()) < 2048
        assert spent < 0.2
        english = await two.until("call")
        assert "assigned" in english["html"]
        assert "назначен" in row["html"]
        doctor = await one.until("doctor")
        assert str(city.waiting.id) in doctor["calls"]


async def test_a_closed_call_is_told_with_its_last_row(
    address: str, dispatcher: Browser, city: City, sessions: Sessions, app: FastAPI
) -> None:
    async with listening(address, dispatcher) as board:
        before = await app.state.board_feed.snapshot("ru")
        async with transaction(sessions) as session:
            await bookings.cancel(
                session,
                make.as_staff(dispatcher.user),
                city.waiting.id,
                CancelReason.DUPLICATE,
            )
        row = await board.until("call")
        assert row["status"] == "cancelled"
        after = await app.state.board_feed.snapshot("ru")
        assert after["counts"]["cancelled"] == before["counts"]["cancelled"] + 1


async def test_who_watches_is_told(
    address: str, dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    actor = make.as_staff(dispatcher.user)
    async with listening(address, dispatcher) as board:
        async with transaction(sessions) as session:
            await presence.watch(session, actor, city.waiting.id)
        (watcher,) = await board.until("watch")
        assert watcher["call"] == str(city.waiting.id)
        async with transaction(sessions) as session:
            await session.execute(
                sa.text("UPDATE presence SET seen_at = now() - '1 h'::interval")
            )
        assert await board.until("watch") == []


async def test_time_alone_redraws_a_row(
    address: str, dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    async with listening(address, dispatcher) as board:
        await asyncio.sleep(0.5)
        async with transaction(sessions) as session:
            await session.execute(
                sa.text("UPDATE doctor_state SET position_at = now() - '1 h'::interval")
            )
        await asyncio.sleep(feed.KEPT_SECONDS)
        row = await board.until("doctor")
        assert "stalepos" in row["html"]


async def test_the_stream_ends_with_the_session(
    address: str, dispatcher: Browser, sessions: Sessions
) -> None:
    async with listening(address, dispatcher) as board:
        async with transaction(sessions) as session:
            await session.execute(sa.text("UPDATE staff_session SET ended_at = now()"))
        await board.until("bye")
        assert (await board.next())[0] == "end"
    with pytest.raises(AssertionError, match="401"):
        async with listening(address, dispatcher):
            pass


async def test_every_few_minutes_one_signs_in_anew(
    address: str, dispatcher: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "STREAM_SECONDS", 0.5)
    async with listening(address, dispatcher) as board:
        await board.until("bye")
        assert (await board.next())[0] == "end"


async def test_an_outage_is_told_and_survived(
    address: str,
    dispatcher: Browser,
    city: City,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = reading.calls

    async def down(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("gone"))

    async with listening(address, dispatcher) as board:
        monkeypatch.setattr(reading, "calls", down)
        async with transaction(sessions) as session:
            await bookings.flag(
                session,
                make.as_staff(dispatcher.user),
                city.other.id,
                Flag.RESUSCITATION,
            )
        await board.until("down")
        monkeypatch.setattr(reading, "calls", read)
        async with transaction(sessions) as session:
            await bookings.flag(
                session,
                make.as_staff(dispatcher.user),
                city.other.id,
                Flag.HOSPITAL_TRANSFER,
            )
        row = await board.until("call")
        assert row["id"] == str(city.other.id)


async def test_one_drawing_serves_all_until_something_changes(
    address: str, app: FastAPI, dispatcher: Browser, city: City, sessions: Sessions
) -> None:
    board = app.state.board_feed
    await asyncio.sleep(0.3)
    one, two = await asyncio.gather(board.snapshot("ru"), board.snapshot("ru"))
    assert one is two
    async with listening(address, dispatcher) as ear:
        async with transaction(sessions) as session:
            await bookings.flag(
                session,
                make.as_staff(dispatcher.user),
                city.other.id,
                Flag.RESUSCITATION,
            )
        await ear.until("call")
    assert (await board.snapshot("ru")) is not one


async def test_the_window_of_the_axis_moves_for_all(
    address: str, app: FastAPI, dispatcher: Browser, city: City
) -> None:
    async with listening(address, dispatcher) as board:
        app.state.board_feed._origin = 1
        await board.until("reset")


async def test_who_cannot_keep_up_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "QUEUE_LIMIT", 2)
    client = clients.Client("ru", make.nobody(), asyncio.Queue(2))
    for _ in range(3):
        client.send(b"news")
    assert client.queue.get_nowait() == feed.BYE
    assert client.queue.empty()
