"""Real processes on a real server of their own, to be killed and cut off."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from services import migrations
from services.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class App:
    """One process of the application, which can be killed and started again."""

    url: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    more: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.url,
            "TOT_PROFILE": "test",
            "TOT_DATA_DIR": str(self.folder),
            "TOT_SECRET_KEY": "a secret of tests that is long enough",
            "TOT_ARGON2_MEMORY_KIB": "8",
            "TOT_ARGON2_TIME": "1",
            "TOT_ADDRESS_LIMIT_FACTOR": "1000",
            "TOT_PORT": str(self.port),
            **self.more,
        }

    def start(self) -> None:
        program = (
            "from services.config import get_settings;"
            "from backoffice.running import run_app; run_app(get_settings())"
        )
        self.run(["-c", program])
        self.wait()

    def run(self, arguments: list[str]) -> None:
        with (self.folder / f"app-{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip

    def wait(self, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if httpx.get(f"{self.base}/health/live", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "the application does not answer"
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A durable PostgreSQL that nobody else uses."""
    made = EmbeddedPostgres(tmp_path / "postgres")
    made.start()
    migrations.upgrade(made.url())
    yield made
    made.stop()


@pytest.fixture
def apps(server: EmbeddedPostgres, tmp_path: Path) -> Iterator[list[App]]:
    """Two processes of the application on one database."""
    made = [App(server.url(), tmp_path) for _ in range(2)]
    for app in made:
        app.start()
    yield made
    for app in made:
        app.stop()


def register(base: str, place: int) -> dict[str, str]:
    """Register a patient; gives the headers that prove who asks."""
    answer = httpx.post(
        f"{base}/v1/auth/register",
        json={
            "email": f"patient{place}@example.org",
            "phone": f"+7916204{place:04d}",
            "password": "a pass phrase that nobody guesses",
            "first_name": "Нина",
            "last_name": "Ковалёва",
            "consents": [{"kind": "personal_data", "version": "1"}],
        },
        timeout=10,
    )
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


CALL = {
    "call_type": "urgent",
    "symptoms": "Температура 39",
    "address": {"text": "Комсомольский проспект, 38"},
}
