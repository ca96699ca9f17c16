"""Application, worker and bot as processes around one database and one Telegram."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Consent, TelegramLink, User
from models.booking import Status
from models.role_grant import Role
from models.telegram import LinkState
from services import clock, telegram_content
from services.config import Settings
from services.database import make_engine, make_sessions
from services.edges import transaction
from services.embedded_postgres import EmbeddedPostgres
from tests import factories
from tests.faults.conftest import App, register
from tests.faults.money_house import STARTS_SECONDS, Forked, Worker, ask
from tests.faults.preloaded import preloaded
from tests.telegram_server import Phone, Telegram

DOCTOR, PATIENT, HER_DOCTOR = 101, 202, 303
# The bot loads its library when it starts, which takes seconds.
BOT = ("api.telegram.polling", "api.telegram.registration")


@dataclass
class TheBot(Forked):
    """The bot's process, which is up once it has introduced itself."""

    telegram: Telegram = field(kw_only=True)
    before: int = 0
    name = "bot"

    def start(self) -> None:
        """Start it and wait until it asks for updates."""
        self.before = self._introduced()
        super().start()

    def wait(self) -> None:
        """Wait for its first words to Telegram."""
        deadline = time.monotonic() + STARTS_SECONDS
        while self._introduced() == self.before:
            assert time.monotonic() < deadline, "the bot does not start"
            time.sleep(0.05)

    def _introduced(self) -> int:
        return len(self.telegram.calls("deleteWebhook"))


@dataclass
class People:
    """A patient on REST whose doctor has Telegram, and two who both have it."""

    proof: dict[str, str]
    call: uuid.UUID
    doctor: Phone
    patient: Phone
    her_doctor: Phone


@dataclass
class House:
    """Everything around one database."""

    app: Forked
    worker: Worker
    bot: TheBot
    telegram: Telegram
    server: EmbeddedPostgres

    @property
    def base(self) -> str:
        """Where the application answers."""
        return self.app.app.base

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return ask(self.server, query)


@contextmanager
def opened(
    server: EmbeddedPostgres, folder: Path, telegram: Telegram
) -> Iterator[House]:
    """Start everything, and end it afterwards."""
    app = App(
        server.url(),
        folder,
        more={
            "TOT_TELEGRAM_BOT_TOKEN": telegram.token,
            "TOT_TELEGRAM_BOT_NAME": telegram.bot_name,
            "TOT_TELEGRAM_API_URL": telegram.api_url,
        },
    )
    with preloaded(*BOT) as source:
        house = House(
            Forked(app, source),
            Worker(app, source, server=server),
            TheBot(app, source, telegram=telegram),
            telegram,
            server,
        )
        parts = (house.app, house.worker, house.bot)
        for each in parts:
            each.start()
        yield house
        for each in parts:
            each.stop()


async def settled(house: House, config: Settings) -> People:
    """Bring the people in, let them agree to Telegram, and open their calls."""
    proof = register(house.base, 1)
    engine = make_engine(house.server.url(), config)
    async with transaction(make_sessions(engine)) as session:
        admin = await factories.person(session, Role.ADMIN)
        actor = factories.as_staff(admin, Role.ADMIN)
        await telegram_content.put(session, actor, True, "Проба")
        writer = await _registered(session)
        hers = await factories.patient(session)
        call = await _call(session, writer, DOCTOR)
        await _call(session, hers, HER_DOCTOR)
        await _link(session, hers, PATIENT)
    await engine.dispose()
    phones = [house.telegram.phone(each) for each in (DOCTOR, PATIENT, HER_DOCTOR)]
    for phone in phones:
        phone.start()
    return People(proof, call.id, *phones)


async def _registered(session: AsyncSession) -> User:
    query = select(User).where(col(User.email) == "patient1@example.org")
    return (await session.exec(query)).one()


async def _call(session: AsyncSession, user: User, chat_id: int) -> Booking:
    doctor = await factories.doctor(session)
    staff = await factories.dispatcher(session)
    await _link(session, doctor, chat_id)
    session.add(Consent(user_id=user.id, kind=telegram_content.CONSENT, version="1"))
    return await factories.booking_in(
        session, Status.ACCEPTED, doctor=doctor, dispatcher=staff, by=user
    )


async def _link(session: AsyncSession, user: User, chat_id: int) -> None:
    now = await clock.now(session)
    session.add(
        TelegramLink(
            user_id=user.id,
            state=LinkState.LINKED,
            code_hash=f"{chat_id}",
            expires_at=now,
            chat_id=chat_id,
            linked_at=now,
        )
    )
    await session.flush()
