"""A conversation across processes, lost connections, outages and a stop."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from websockets.asyncio.client import connect

from api import chat_hub, chat_telling
from services import chat, chat_news, chat_tickets, chat_watch, listener
from services.config import Settings
from services.database import Sessions
from services.errors import Unavailable
from tests.api import talking
from tests.api.talking import Phone, Scene, chat_alone, chat_served, eventually

KILLS = 50
KILL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
 WHERE datname = current_database() AND query LIKE 'LISTEN%'
"""


@pytest.fixture(scope="module")
def processes(settings: Settings, database_url: str) -> list[FastAPI]:
    return [chat_alone(settings, database_url) for _ in range(2)]


@pytest.fixture(scope="module")
def addresses(processes: list[FastAPI]) -> Iterator[list[str]]:
    with chat_served(processes[0]) as one, chat_served(processes[1]) as two:
        yield [one, two]


@pytest_asyncio.fixture(loop_scope="session")
async def scene(sessions: Sessions, addresses: list[str]) -> Scene:
    """The patient talks to one process, the doctor to the other."""
    return await apart(sessions, addresses)


async def apart(sessions: Sessions, addresses: list[str]) -> Scene:
    made = await talking.scene(sessions, addresses[0])
    made.doctor.address = addresses[1]
    return made


async def test_two_processes_are_one_conversation(scene: Scene) -> None:
    async with scene.patient.talking() as patient, scene.doctor.talking() as doctor:
        for place in range(10):
            await patient.say(f"Вопрос {place}", f"q{place}")
            await doctor.message(f"Вопрос {place}")
            await doctor.say(f"Ответ {place}", f"a{place}")
            await patient.message(f"Ответ {place}")
        await doctor.send("typing")
        assert (await patient.until("typing"))["role"] == "doctor"
        await patient.send("read", up_to_seq=3)
        assert (await doctor.until("read"))["up_to_seq"] == 3
        assert patient.numbers == doctor.numbers == [*range(1, 23)]


async def test_what_is_said_over_rest_reaches_the_sockets(scene: Scene) -> None:
    async with scene.doctor.talking() as doctor:
        await scene.patient.post("messages", text="Через REST")
        await doctor.message("Через REST")


async def test_a_listening_connection_killed_50_times_loses_nothing(
    sessions: Sessions,
    addresses: list[str],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chat, "MOST", 10_000)
    monkeypatch.setattr(listener, "RETRY_SECONDS", 0.02)
    scenes = [await apart(sessions, addresses) for _ in range(3)]
    done = asyncio.Event()
    async with AsyncExitStack() as stack:
        phones = [
            await stack.enter_async_context(person.talking())
            for scene in scenes
            for person in (scene.patient, scene.doctor)
        ]
        hearing = [asyncio.create_task(hear(phone)) for phone in phones]
        killing = asyncio.create_task(kill(database_url, done))
        said = await asyncio.gather(*(talk(phone, done) for phone in phones))
        assert await killing >= KILLS
        # Two of the call itself, and what both have said.
        whole = [
            2 + said[place - place % 2] + said[place - place % 2 + 1]
            for place in range(6)
        ]
        await eventually(
            lambda: [len(each.numbers) for each in phones] == whole, seconds=30
        )
        for task in hearing:
            task.cancel()
    for phone, count in zip(phones, whole, strict=True):
        assert phone.numbers == [*range(1, count + 1)]
    assert min(said) > 10


async def hear(phone: Phone) -> None:
    while True:
        await phone.next(60)


async def talk(phone: Phone, done: asyncio.Event) -> int:
    """Go on until nothing is killed any more; tell how much was said."""
    count = 0
    while not done.is_set():
        count += 1
        await phone.send("send", text=f"Слово {count}", client_id=f"c{count}")
        await asyncio.sleep(0.1)
    names = {f"c{place + 1}": f"Слово {place + 1}" for place in range(count)}
    for _ in range(30):
        acked = {each["client_id"] for each in phone.seen if each["type"] == "ack"}
        if acked == names.keys():
            break
        # What a client does with a word that nobody has confirmed.
        await asyncio.sleep(1)
        for name in names.keys() - acked:
            await phone.send("send", text=names[name], client_id=name)
    return count


async def kill(database_url: str, done: asyncio.Event) -> int:
    """Kill the ears of both processes again and again; tell how many were killed."""
    plain = make_url(database_url).set(drivername="postgresql")
    killed = 0
    async with await psycopg.AsyncConnection.connect(
        plain.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        while killed < KILLS:
            row: Any = await (await connection.execute(KILL)).fetchone()
            killed += row[0]
            await asyncio.sleep(0.1)
    done.set()
    return killed


async def test_an_outage_delays_and_loses_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, broken = chat_news.read, 3

    async def read(*given: Any) -> Any:
        nonlocal broken
        broken -= 1
        if broken >= 0:
            raise OperationalError("", {}, psycopg.OperationalError())
        return await really(*given)

    monkeypatch.setattr(chat_hub, "RETRY_SECONDS", 0.05)
    async with scene.patient.talking() as patient, scene.doctor.talking() as doctor:
        await patient.until("status")
        await doctor.until("status")
        monkeypatch.setattr(chat_news, "read", read)
        await patient.send("typing")
        ack = await patient.say("Слышно?", "a")
        await doctor.message("Слышно?")
        assert broken < 0
        await doctor.send("ping")
        await doctor.until("pong")
        assert ack["seq"] == doctor.numbers[-1]


async def test_rights_that_cannot_be_checked_are_checked_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def standing(*_: Any) -> Any:
        nonlocal asked
        asked += 1
        raise OperationalError("", {}, psycopg.OperationalError())

    async with scene.patient.talking() as patient:
        await patient.until("status")
        monkeypatch.setattr(chat_watch, "standing", standing)
        await eventually(lambda: asked > 1)
        await patient.send("ping")
        await patient.until("pong")


async def test_a_conversation_that_cannot_be_told_ends_its_sockets_alone(
    sessions: Sessions,
    scene: Scene,
    addresses: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = await talking.scene(sessions, addresses[0])
    really = chat_telling.tell

    def tell(outbox: Any, *given: Any) -> None:
        if outbox.seat.booking_id == scene.booking.id:
            raise ValueError("a message of an unknown kind")
        really(outbox, *given)

    async with scene.patient.talking() as patient, other.patient.talking() as lucky:
        await patient.until("status")
        monkeypatch.setattr(chat_telling, "tell", tell)
        await patient.send("send", text="?", client_id="a")
        assert await patient.closed() == 1011
        await lucky.say("Слышно", "a")
        await lucky.message("Слышно")


async def test_a_door_without_a_database_says_come_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def redeem(*_: Any) -> Any:
        raise Unavailable

    url = scene.patient.url(await scene.patient.ticket())
    monkeypatch.setattr(chat_tickets, "redeem", redeem)
    async with connect(url, proxy=None) as connection:
        assert await Phone(connection).closed() == 1013


async def test_a_word_that_could_not_be_kept_is_refused_and_said_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = chat.send

    async def send(*_: Any, **__: Any) -> Any:
        raise OperationalError("", {}, psycopg.OperationalError())

    async with scene.patient.talking() as patient:
        monkeypatch.setattr(chat, "send", send)
        answer = await patient.say("Раз", "n")
        assert (answer["code"], answer["client_id"]) == ("unavailable", "n")
        monkeypatch.setattr(chat, "send", really)
        assert (await patient.say("Раз", "n"))["type"] == "ack"


async def test_a_stop_sends_everybody_to_another_process_at_once(
    settings: Settings, database_url: str, sessions: Sessions
) -> None:
    async with AsyncExitStack() as stack:
        server = chat_served(chat_alone(settings, database_url))
        address = await asyncio.to_thread(server.__enter__)
        scene = await talking.scene(sessions, address)
        phones = [
            await stack.enter_async_context(person.talking())
            for person in (scene.patient, scene.doctor)
        ]
        for phone in phones:
            await phone.until("status")
        began = time.monotonic()
        stopping = asyncio.create_task(
            asyncio.to_thread(server.__exit__, None, None, None)
        )
        assert [await phone.closed() for phone in phones] == [1012, 1012]
        await stopping
        assert time.monotonic() - began < 3
