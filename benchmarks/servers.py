"""What is measured: an embedded PostgreSQL, the application, and the floor."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

START_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """One process that answers on a port of loopback."""

    port: int
    process: psutil.Process

    def memory(self) -> float:
        """Its resident memory in MB."""
        resident: int = self.process.memory_info().rss
        return resident / 2**20


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def application(url: str, folder: Path) -> Iterator[Server]:
    """Run one process of the application on this database, without a worker."""
    environment = {
        "DATABASE_URL": url,
        "TOT_PROFILE": "demo",
        "TOT_DATA_DIR": str(folder),
        "TOT_LOG_LEVEL": "WARNING",
        "WORKER": "0",
    }
    arguments = ["-m", "backoffice", "serve"]
    with _running(arguments, environment, folder / "app.log") as server:
        yield server


@contextmanager
def floor(url: str, folder: Path, module: str = "benchmarks.floor") -> Iterator[Server]:
    """Run a hand-written server."""
    plain = url.replace("+psycopg", "")
    environment = {"FLOOR_URL": plain}
    arguments = ["-m", module]
    with _running(arguments, environment, folder / "floor.log") as server:
        yield server


@contextmanager
def _running(
    arguments: list[str], environment: dict[str, str], log: Path
) -> Iterator[Server]:
    port = free_port()
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            env=os.environ | environment | {"TOT_PORT": str(port)},
            stdout=output,
            stderr=output,
        )
    try:
        _wait(port, child, log)
        yield Server(port, psutil.Process(child.pid))
    finally:
        child.terminate()
        child.wait(20)


def _wait(port: int, child: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live"):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"A server did not start; see {log}")
