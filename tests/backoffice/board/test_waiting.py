"""The number of unread conversations, as one process knows it."""

import asyncio
import uuid
from collections.abc import Collection, Mapping

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from backoffice.board import waiting
from backoffice.board.clients import Client
from services import chat_desk
from services.database import Sessions
from services.listener import Listener
from services.live import Topic

pytestmark = pytest.mark.asyncio(loop_scope="session")
ONE, TWO, PATIENT, ME = (uuid.UUID(int=n) for n in range(1, 5))


class Asked:
    """Stands where the database is asked, and remembers for what."""

    def __init__(self) -> None:
        self.talks = {ONE: PATIENT, TWO: ME}
        self.asked: list[Collection[uuid.UUID] | None] = []
        self.broken = False

    async def __call__(
        self, session: object, ids: Collection[uuid.UUID] | None = None
    ) -> Mapping[uuid.UUID, uuid.UUID]:
        self.asked.append(ids)
        if self.broken:
            raise OSError
        return {k: v for k, v in self.talks.items() if ids is None or k in ids}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    monkeypatch.setattr(chat_desk, "waiting", made)
    return made


@pytest.fixture
def ear() -> Listener:
    made = Listener(create_async_engine("postgresql+psycopg://nobody@localhost/x").url)
    made.connected.set()
    return made


async def test_only_what_moved_is_read_anew(
    sessions: Sessions, asked: Asked, ear: Listener
) -> None:
    watched = waiting.Waiting(sessions, ear, [])
    async with watched.running():
        assert (await watched.count(ME), await watched.count(PATIENT)) == (1, 1)
        assert asked.asked == [None]
        del asked.talks[ONE]
        ear._tell(Topic.DOCTOR, ONE)
        assert await watched.count(ME) == 1
        ear._tell(Topic.CHAT_READ, ONE)
        assert await watched.count(ME) == 0
        assert asked.asked == [None, {ONE}]
        for topic in (None, Topic.CHAT_HIDDEN):
            ear._tell(topic, ONE if topic else None)
            await watched.count(ME)
        assert asked.asked[2:] == [None, None]


async def test_the_deaf_read_it_whole_each_time(
    sessions: Sessions, asked: Asked, ear: Listener
) -> None:
    ear.connected.clear()
    watched = waiting.Waiting(sessions, ear, [])
    for _ in range(2):
        assert await watched.count(ME) == 1
    assert asked.asked == [None, None]


async def test_an_outage_is_survived_and_forgets_nothing(
    sessions: Sessions, asked: Asked, ear: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "GATHER_SECONDS", 0)
    monkeypatch.setattr(waiting, "WHOLE_SECONDS", 0.1)
    client = Client("ru", uuid.uuid4(), ME)
    watched = waiting.Waiting(sessions, ear, [client])
    async with watched.running():
        asked.broken = True
        ear._tell(Topic.CHAT, ONE)
        while not asked.asked:  # noqa: ASYNC110 - nothing tells of a failed reading
            await asyncio.sleep(0.01)
        assert client.queue.empty()
        asked.broken = False
        message = await asyncio.wait_for(client.queue.get(), 5)
        assert message == b"event: talks\ndata: 1\n\n"
        assert asked.asked[-1] is None
