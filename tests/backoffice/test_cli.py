"""The commands that operators and scripts call."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.config import Settings
from services.embedded_postgres import running_database

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a pass phrase that nobody guesses"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A checkout that has never been started."""
    kept = {
        key: os.environ[key]
        for key in ("PATH", "HOME", "TOT_SHELTER")
        if key in os.environ
    }
    return {**kept, "TOT_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"}


def call(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backoffice", *words],
        check=False, capture_output=True, text=True, cwd=ROOT, env=environment,
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_help_lists_every_command(environment: dict[str, str]) -> None:
    told = call(environment, "--help").stdout
    for name in (
        "serve", "worker", "bot", "demo", "migrate", "create-admin", "load-streets",
        "import-settlement", "check-invariants", "check-shop", "check-migrations", "check-catalogs",
    ):  # fmt: skip
        assert name in told


def test_a_first_administrator_is_made_once(environment: dict[str, str]) -> None:
    words = ("create-admin", "--email=boss@example.org", "--first-name=Анна")
    secret = {**environment, "TOT_ADMIN_PASSWORD": PASSWORD}
    first = call(secret, *words, "--last-name=Орлова")
    assert first.returncode == 0, first.stderr
    second = call(secret, *words, "--last-name=Орлова")
    assert second.returncode == 1
    assert "exists" in second.stderr
    assert PASSWORD not in first.stdout + second.stderr
    assert call(environment, "check-invariants").returncode == 0


def test_streets_are_loaded_or_refused_whole(
    environment: dict[str, str], tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    head = "name,district,latitude,longitude\n"
    good.write_text(head + "Арбат,Арбат,55.75,37.59\n")
    bad.write_text(head + "Арбат,Арбат,north,37.59\n")
    assert "1 streets" in call(environment, "load-streets", str(good)).stdout
    assert call(environment, "load-streets", str(bad)).returncode == 1
    assert call(environment, "load-streets", str(tmp_path / "none")).returncode == 2


def test_a_registry_of_transfers_is_imported_or_waits_for_finance(
    environment: dict[str, str], tmp_path: Path
) -> None:
    empty, strange, bad = (tmp_path / f"{name}.csv" for name in ("e", "s", "b"))
    head = "type;id;amount;fee;date\n"
    empty.write_text(head)
    ident = "2d8bc1f0-000f-5000-8000-000000000001"
    strange.write_text(f"{head}payment;{ident};4500.00;157.50;2026-12-01\n")
    bad.write_bytes(b"\xff\xfe")
    fine = call(environment, "import-settlement", str(empty))
    assert fine.returncode == 0
    assert "0 lines posted; the provider still holds 0" in fine.stdout
    waits = call(environment, "import-settlement", str(strange))
    assert waits.returncode == 1
    assert "1 findings wait for finance." in waits.stderr
    refused = call(environment, "import-settlement", str(bad))
    assert (refused.returncode, "UTF-8" in refused.stderr) == (1, True)


@pytest.mark.parametrize("secret", ["", "short"])
def test_production_refuses_a_missing_or_short_secret(
    environment: dict[str, str], secret: str
) -> None:
    told = call(
        {**environment, "TOT_PROFILE": "production", "TOT_SECRET_KEY": secret}, "serve"
    )
    assert told.returncode == 2
    assert "TOT_SECRET_KEY" in told.stderr


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_in_use_is_told_before_anything_starts(
    environment: dict[str, str], command: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = call(environment, command, "--port", port)
    assert told.returncode == 1
    assert f"127.0.0.1:{port}" in told.stderr
    assert not (Path(environment["TOT_DATA_DIR"]) / "postgres").exists()


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("mysql://a:hidden@b/c", 2, "postgresql://"),
        ("postgresql://tot:hidden@127.0.0.1:1/tot", 1, "out of reach"),
    ],
)
def test_a_wrong_database_is_told_in_one_line(
    environment: dict[str, str], url: str, code: int, words: str
) -> None:
    told = call({**environment, "DATABASE_URL": url}, "migrate")
    assert told.returncode == code
    assert words in told.stderr
    assert "hidden" not in told.stderr
    assert "Traceback" not in told.stderr


def test_a_schema_from_the_future_is_told(environment: dict[str, str]) -> None:
    assert call(environment, "migrate").returncode == 0
    with running_database(
        Settings(data_dir=Path(environment["TOT_DATA_DIR"]), database_url=None)
    ) as url:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE alembic_version SET version_num = '9999'")
            )
        engine.dispose()
        told = call(environment, "migrate")
    assert told.returncode == 1
    assert "9999" in told.stderr
    assert "Traceback" not in told.stderr


def status(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as got:
            return int(got.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def wait_for(port: int, path: str, wanted: int, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while (seen := status(port, path)) != wanted:
        assert time.monotonic() < deadline, f"{path} answers {seen}, not {wanted}"
        time.sleep(0.1)


def workers() -> set[int]:
    told = subprocess.run(
        ["pgrep", "-f", "backoffice worker"],
        check=False,
        capture_output=True,
        text=True,
    )
    return {int(pid) for pid in told.stdout.split()}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_serve_brings_everything_up_and_takes_it_down(
    environment: dict[str, str], how: signal.Signals
) -> None:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "backoffice", "serve", "--port", str(port)],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port, "/health/ready", 200)
        beside = workers() & _family(server.pid)
        assert beside
        os.kill(next(iter(beside)), signal.SIGKILL)
        wait_for(port, "/health/live", 200)
        deadline = time.monotonic() + 20
        while not (workers() & _family(server.pid)) - beside:
            assert time.monotonic() < deadline, "the worker was not started again"
            time.sleep(0.1)
    finally:
        server.send_signal(how)
        assert server.wait(30) == 0
    pid_file = Path(environment["TOT_DATA_DIR"]) / "postgres" / "pg" / "postmaster.pid"
    assert not pid_file.exists()


def _family(pid: int) -> set[int]:
    direct: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        direct |= {int(child) for child in (task / "children").read_text().split()}
    return direct
