"""Application, worker and provider as processes around one database, to be killed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from services.embedded_postgres import EmbeddedPostgres
from tests.faults.conftest import App
from tests.faults.preloaded import Preloaded, kill, preloaded
from tests.yookassa_server import Process, YooKassa, yookassa_process

STARTS_SECONDS = 90
SECRET = "a-secret-of-tests-long-enough"
WORKERS = "SELECT coalesce(max(id), 0) FROM jobs.procrastinate_workers"


def ask(server: EmbeddedPostgres, query: str) -> list[tuple[Any, ...]]:
    """Ask the database, past everything of ours."""
    url = make_url(server.url()).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as session:
        return session.execute(query.encode()).fetchall()


@dataclass
class Forked:
    """An application that is forked, killed and forked again."""

    app: App
    source: Preloaded
    process_id: int = 0
    name = "app"

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self.app.folder / f"{self.name}.log"
        self.process_id = self.source.start(self.name, self.app.environment, log)
        self.wait()

    def wait(self) -> None:
        """Wait for its first answer."""
        self.app.wait(STARTS_SECONDS)

    def stop(self) -> None:
        """Kill it."""
        kill(self.process_id)


@dataclass
class Worker(Forked):
    """A worker, which is up once it has entered itself in its table."""

    server: EmbeddedPostgres = field(kw_only=True)
    earlier: list[tuple[Any, ...]] = field(default_factory=list)
    name = "worker"

    def start(self) -> None:
        """Start it and wait until it works."""
        self.earlier = ask(self.server, WORKERS)
        super().start()

    def wait(self) -> None:
        """Wait for its entry."""
        deadline = time.monotonic() + STARTS_SECONDS
        while ask(self.server, WORKERS) == self.earlier:
            assert time.monotonic() < deadline, "the worker does not start"
            time.sleep(0.05)


@dataclass
class Provider:
    """The emulator's process, which dies as the others do."""

    process: Process
    handle: YooKassa

    def start(self) -> None:
        """Start it on what it knew."""
        self.handle = start(self.process)

    def stop(self) -> None:
        """Kill it."""
        self.process.kill()


def start(process: Process) -> YooKassa:
    """Start an emulator that is in a hurry."""
    return process.start(TOT_YOOKASSA_SPEED="60", TOT_YOOKASSA_REFUND_S="1")


def broken(app: App) -> str:
    """What `check-invariants` says of an application's database; nothing when sound."""
    checker = App(app.url, app.folder, more=app.more)
    checker.run(["-m", "backoffice", "check-invariants"])
    assert checker.process is not None
    code = checker.process.wait(STARTS_SECONDS)
    log = checker.folder / f"app-{checker.port}.log"
    return "" if code == 0 else log.read_text()


@dataclass
class House:
    """Everything around one database."""

    app: Forked
    worker: Worker
    till: Provider
    server: EmbeddedPostgres

    @property
    def provider(self) -> YooKassa:
        """The emulator as it runs now."""
        return self.till.handle

    @property
    def base(self) -> str:
        """Where the application answers."""
        return self.app.app.base

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return ask(self.server, query)

    def check(self) -> str:
        """What `check-invariants` says; nothing when all holds."""
        return broken(self.app.app)


@contextmanager
def opened(server: EmbeddedPostgres, folder: Path) -> Iterator[House]:
    """Start everything, and end it afterwards."""
    app = App(server.url(), folder)
    door = f"{app.base}/webhooks/yookassa/{SECRET}"
    with (
        yookassa_process(folder / "provider.sqlite", door) as process,
        preloaded() as source,
    ):
        till = Provider(process, start(process))
        app.more = {
            "TOT_YOOKASSA_API_URL": till.handle.api_url,
            "TOT_YOOKASSA_SHOP_ID": till.handle.shop,
            "TOT_YOOKASSA_SECRET_KEY": till.handle.key,
            "TOT_YOOKASSA_WEBHOOK_SECRET": SECRET,
            "TOT_YOOKASSA_WEBHOOK_NETWORKS": '["127.0.0.1/32"]',
            "TOT_MAX_OPEN_BOOKINGS": "1000",
        }
        house = House(
            Forked(app, source), Worker(app, source, server=server), till, server
        )
        house.app.start()
        house.worker.start()
        yield house
        house.worker.stop()
        house.app.stop()
