"""Messages on their way: the stand-ins that take them, and their rows as they are."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
import uvicorn
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification, QuietHours, TelegramLink, User
from models.notification import NotificationChannel, NotificationStatus
from models.telegram import LinkState
from sandbox.inbox import Inbox
from sandbox.mail_server import mail_server
from sandbox.outside import Outside
from services import clock, notification_delivery
from services.actor import SYSTEM
from services.config import Settings, get_settings, use_settings
from services.database import Sessions
from services.edges import in_transaction, transaction
from services.notifications import Notice, notify
from tests import factories
from tests.telegram_server import Telegram

EMAIL, SMS = NotificationChannel.EMAIL, NotificationChannel.SMS
TELEGRAM = NotificationChannel.TELEGRAM
QUEUED, SENT = NotificationStatus.QUEUED, NotificationStatus.SENT
DELIVERED, DEAD = NotificationStatus.DELIVERED, NotificationStatus.DEAD
REPLACED, DROPPED = NotificationStatus.REPLACED, NotificationStatus.DROPPED


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@dataclass
class World:
    """The outside: what it has received, and its faults."""

    mail: Inbox
    sms: Inbox
    address: str

    async def order(self, fault: str, **told: Any) -> None:
        """Order a fault of the SMS provider: outage(times=, status=), ends(to=, code=)."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.address}/sms/_ctl/{fault}", json=told)
        assert answer.is_success


@pytest_asyncio.fixture(loop_scope="session")
async def world(settings: Settings) -> AsyncIterator[World]:
    """The stand-ins of mail and SMS, and settings that lead to them."""
    outside, smtp_port, port = Outside(), free_port(), free_port()
    letters = mail_server(outside.mail, smtp_port)
    letters.start()
    config = uvicorn.Config(
        outside.application(), host="127.0.0.1", port=port, log_level="error"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the library has no event for it
        await asyncio.sleep(0.01)
    address = f"http://127.0.0.1:{port}"
    lead_to(settings, smtp_port, f"{address}/sms/send")
    yield World(outside.mail, outside.sms, address)
    use_settings(settings)
    server.should_exit = True
    await running
    letters.stop()


@pytest.fixture
def bot(world: World, telegram: Telegram) -> Telegram:
    """The stand-in of Telegram beside the others."""
    here = {"telegram_bot_token": telegram.token, "telegram_api_url": telegram.api_url}
    use_settings(get_settings().model_copy(update=here))
    return telegram


@pytest.fixture
def dead_ends(settings: Settings) -> Iterator[None]:
    """Servers that nobody answers at."""
    port = free_port()
    lead_to(settings, port, f"http://127.0.0.1:{port}/sms/send")
    yield
    use_settings(settings)


def lead_to(settings: Settings, smtp_port: int, sms_url: str) -> None:
    """Let mail and SMS go to these servers."""
    servers = {
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp_port,
        "smtp_tls": "none",
        "sms_url": sms_url,
        "sms_sender": "TOT",
    }
    use_settings(settings.model_copy(update=servers))


async def told(
    sessions: Sessions, user: User | None = None, **facts: Any
) -> Notification:
    """Tell somebody, or this person, something; by default a code."""

    async def work(session: AsyncSession) -> Any:
        whom = user or await factories.patient(session)
        notice = {"kind": "verification_code", "user_id": whom.id} | facts
        return await notify(session, SYSTEM, Notice(**notice))

    return await read(sessions, await in_transaction(sessions, work))


async def read(sessions: Sessions, notification_id: Any) -> Notification:
    async with transaction(sessions) as session:
        return await session.get_one(Notification, notification_id)


async def at_once(sessions: Sessions, notification_id: Any) -> None:
    """Let the wait before the next try pass."""
    async with transaction(sessions) as session:
        row = await session.get_one(Notification, notification_id)
        row.next_try_at = row.created_at - timedelta(seconds=1)


async def chain(sessions: Sessions, row: Notification) -> list[Notification]:
    """The rows of one message, the first channel first."""
    query = sa.select(Notification).where(col(Notification.chain_id) == row.chain_id)
    async with transaction(sessions) as session:
        found = await session.scalars(query.order_by(col(Notification.id)))
        return list(found.all())


async def tried(sessions: Sessions, row: Notification) -> list[Notification]:
    """Let the newest row of a chain have a try now; gives the chain after it."""
    newest = (await chain(sessions, row))[-1]
    await at_once(sessions, newest.id)
    await notification_delivery.deliver(sessions, newest.id)
    return await chain(sessions, row)


def ways(rows: list[Notification]) -> list[tuple[str, str]]:
    """Channel and state of each row, for comparing."""
    return [(row.channel.value, row.status.value) for row in rows]


async def linked(sessions: Sessions, user: User, chat_id: int) -> None:
    """Give the person a Telegram chat."""
    async with transaction(sessions) as session:
        session.add(await link_of(session, user, chat_id))


async def link_of(session: AsyncSession, user: User, chat_id: int) -> TelegramLink:
    now = await clock.now(session)
    return TelegramLink(
        user_id=user.id,
        state=LinkState.LINKED,
        code_hash=f"{chat_id:064d}",
        expires_at=now,
        chat_id=chat_id,
        claimed_at=now,
        linked_at=now,
    )


async def never_quiet(sessions: Sessions, user: User) -> None:
    """Let messages that can wait go whatever hour the test runs at."""
    async with transaction(sessions) as session:
        session.add(QuietHours(user_id=user.id, starts_at=time(0), ends_at=time(0)))


async def somebody(sessions: Sessions, **facts: Any) -> User:
    """A patient who may be told something at any hour."""
    async with transaction(sessions) as session:
        user = await factories.patient(session, **facts)
    await never_quiet(sessions, user)
    return user
