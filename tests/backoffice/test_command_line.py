"""The commands inside this process: exit codes, one clear line, nothing more."""

import asyncio
import http.server
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import structlog
import uvicorn
from click.testing import Result
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from backoffice import cli, demo, running
from services.config import Settings
from services.database import Sessions
from tests.paying import paid_through
from tests.yookassa_server import YooKassa

ADMIN = ("create-admin", "--email=boss@example.org", "--first-name=Анна")


@pytest.fixture(autouse=True)
def _here(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TOT_PROFILE", "test")
    monkeypatch.setenv("TOT_PORT", "8000")
    monkeypatch.setenv("TOT_ADMIN_PASSWORD", "a pass phrase that nobody guesses")
    monkeypatch.setattr(cli, "end_in_order", lambda: None)
    monkeypatch.setattr(cli, "demand_free_port", lambda settings: None)
    monkeypatch.setattr(cli, "get_settings", lambda: settings)


async def run(*words: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, cli.commands, list(words))


def stop(*_: Any, **__: Any) -> NoReturn:
    raise KeyboardInterrupt


async def test_a_migrated_database_stays_as_it_is() -> None:
    told = await run("migrate")
    assert (told.exit_code, told.stdout) == (0, "The database is up to date.\n")


async def test_the_first_administrator_is_made_once(sessions: Sessions) -> None:
    first = await run(*ADMIN, "--last-name=Орлова")
    assert first.exit_code == 0, first.output
    second = await run(*ADMIN, "--last-name=Орлова")
    assert second.exit_code == 1
    assert second.stderr.startswith("An account with this e-mail")


async def test_streets_are_loaded(sessions: Sessions, tmp_path: Path) -> None:
    good, foreign = tmp_path / "good.csv", tmp_path / "foreign.csv"
    good.write_text("name,district,latitude,longitude\nАрбат,Арбат,55.75,37.59\n")
    foreign.write_bytes("name,Арбат\n".encode("cp1251"))
    told = await run("load-streets", str(good))
    assert told.stdout == "1 streets loaded.\n"
    refused = await run("load-streets", str(foreign))
    assert refused.exit_code == 1
    assert "UTF-8" in refused.stderr


async def test_invariants_have_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two(session: object) -> list[str]:
        return ["one", "two"]

    monkeypatch.setattr(cli.invariants, "check", two)
    told = await run("check-invariants")
    assert (told.exit_code, told.stderr) == (1, "one\ntwo\n")


async def test_the_checks_of_the_house_have_exit_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "check_migrations", lambda: None)
    monkeypatch.setattr(cli, "check_catalogs", lambda: ["page.py: Word"])
    assert (await run("check-migrations")).exit_code == 0
    assert (await run("check-catalogs")).exit_code == 1
    monkeypatch.setattr(cli, "check_catalogs", list)
    assert (await run("check-catalogs")).exit_code == 0


async def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> NoReturn:
        Settings(port=0)
        raise AssertionError

    with pytest.raises(ValidationError):
        wrong()
    monkeypatch.setattr(cli, "get_settings", wrong)
    told = await run("migrate")
    assert told.exit_code == 2
    assert told.stderr.startswith("Wrong settings: ")


async def test_a_lost_database_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def gone(settings: Settings) -> Iterator[str]:
        raise OperationalError("SELECT secret", {}, Exception("connection refused"))
        yield

    monkeypatch.setattr(cli, "ready_database", gone)
    for command in ("migrate", "worker", "serve", "check-invariants"):
        told = await run(command)
        assert told.exit_code == 1
        assert told.stderr == "The database is out of reach: connection refused\n"


async def test_serve_gives_the_code_of_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []

    def served(settings: Settings, *, worker: bool) -> int:
        asked.append(worker)
        return 3

    monkeypatch.setattr(cli, "serve", served)
    assert (await run("serve")).exit_code == 3
    monkeypatch.setenv("WORKER", "0")
    assert (await run("serve", "--port", "8321")).exit_code == 3
    assert asked == [True, False]
    assert os.environ["TOT_PORT"] == "8321"
    monkeypatch.setattr(cli, "serve", stop)
    told = await run("serve")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (0, "Stopped.")


async def test_a_worker_works(monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[str] = []
    monkeypatch.setattr(cli, "work", lambda settings, url: worked.append(url))
    assert (await run("worker")).exit_code == 0
    assert worked == [os.environ["DATABASE_URL"]]


async def test_the_demo_ends_in_order_or_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failed(*_: Any, **__: Any) -> NoReturn:
        raise demo.DemoFailed("no data")

    monkeypatch.setattr(cli.demo_day, "run", failed)
    told = await run("demo", "--port", "8322")
    assert (told.exit_code, told.stderr) == (1, "no data\n")
    assert os.environ["TOT_PROFILE"] == "demo"
    monkeypatch.setattr(cli.demo_day, "run", stop)
    assert (await run("demo")).exit_code == 0


class Day:
    """Stands in for the process of the simulated day."""

    def __init__(self, *_: Any) -> None:
        self.steps: list[str] = []
        days.append(self)

    def start(self) -> None:
        self.steps.append("start")

    def stop(self) -> None:
        self.steps.append("stop")


days: list[Day] = []


@contextmanager
def no_database(settings: Settings) -> Iterator[str]:
    yield "nowhere"


@pytest.fixture
def place(tmp_path: Path, settings: Settings) -> Settings:
    logins = {"admin": {"login": "admin@demo.example", "password": "demo-secret"}}
    (tmp_path / "demo-logins.json").write_text(json.dumps(logins))
    return settings.model_copy(
        update={"data_dir": tmp_path, "base_url": "http://[::1]:1"}
    )


@pytest.mark.parametrize("code", [0, 1])
def test_the_demo_seeds_serves_and_stops_its_day(
    place: Settings, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    days.clear()
    seeded: list[bool] = []
    monkeypatch.setattr(demo, "demand_free_port", lambda settings, port: None)
    monkeypatch.setattr(demo, "os", SimpleNamespace(environ={}))
    monkeypatch.setattr(demo, "ready_database", no_database)
    monkeypatch.setattr(demo, "seed", lambda *, reset: seeded.append(reset))
    monkeypatch.setattr(demo, "Supervised", Day)
    monkeypatch.setattr(demo, "_begin", lambda settings, day: None)
    monkeypatch.setattr(demo, "serve", lambda *_, **__: code)
    if code:
        with pytest.raises(demo.DemoFailed, match=r"demo\.log"):
            demo.run(place, speed=10, reset=True)
    else:
        assert demo.run(place, speed=10, reset=True) == 0
    assert seeded == [True]
    assert [day.steps for day in days] == [["stop"], ["start", "stop"]]


def test_a_reset_of_the_embedded_server_starts_from_nothing(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    destroyed: list[Path] = []
    seeded: list[bool] = []
    stand_in = SimpleNamespace(destroy=lambda: None)
    monkeypatch.setattr(
        demo, "EmbeddedPostgres", lambda folder: destroyed.append(folder) or stand_in
    )
    monkeypatch.setattr(demo, "demand_free_port", lambda settings, port: None)
    monkeypatch.setattr(demo, "os", SimpleNamespace(environ={}))
    monkeypatch.setattr(demo, "ready_database", no_database)
    monkeypatch.setattr(demo, "seed", lambda *, reset: seeded.append(reset))
    monkeypatch.setattr(demo, "Supervised", Day)
    monkeypatch.setattr(demo, "_begin", lambda settings, day: None)
    monkeypatch.setattr(demo, "serve", lambda *_, **__: 0)
    demo.run(place.model_copy(update={"database_url": None}), speed=10, reset=True)
    assert destroyed == [place.data_dir / "postgres"]
    assert seeded == [False]


def test_a_seed_that_fails_ends_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = [0, 1]
    monkeypatch.setattr(
        demo.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=codes.pop())
    )
    with pytest.raises(demo.DemoFailed):
        demo.seed(reset=True)
    demo.seed(reset=False)


class Alive(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_the_day_begins_when_the_application_answers(
    place: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    day = Day()
    with http.server.HTTPServer(("127.0.0.1", 0), Alive) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = place.model_copy(
            update={"base_url": f"http://127.0.0.1:{server.server_port}"}
        )
        demo._begin(here, day)  # type: ignore[arg-type]
        server.shutdown()
    assert day.steps == ["start"]
    assert "demo-secret" in capsys.readouterr().out


def test_a_day_waits_for_a_silent_application_and_gives_up(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "READY_SECONDS", 0.3)
    day = Day()
    demo._begin(place, day)  # type: ignore[arg-type]
    assert day.steps == ["start"]
    assert "--speed=10" in demo.day_arguments(place, 10)


@pytest.mark.parametrize("started", [True, False])
def test_the_application_logs_to_a_file_and_tells_how_it_ended(
    place: Settings, monkeypatch: pytest.MonkeyPatch, started: bool
) -> None:
    def served(self: uvicorn.Server) -> None:
        self.started = started

    monkeypatch.setattr(uvicorn.Server, "run", served)
    monkeypatch.setattr(running, "Supervised", Day)
    days.clear()
    log_file = place.data_dir / f"{uuid.uuid4()}.log"
    before = running.logging.getLogger().handlers[:]
    try:
        code = running.serve(place, worker=started, log_file=log_file)
    finally:
        for handler in running.logging.getLogger().handlers:
            handler.close()
        running.logging.getLogger().handlers[:] = before
        structlog.reset_defaults()
    assert code == (0 if started else 1)
    assert [each.steps for each in days] == [["start", "stop"]] * started
    assert log_file.exists()


def test_an_empty_database_is_migrated_and_a_taken_port_is_told(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    monkeypatch.setattr(running.migrations, "missing", lambda url: 2)
    monkeypatch.setattr(
        running.migrations, "upgrade", lambda url, step: (step(), steps.append(url))
    )
    running.migrate("nowhere")
    assert steps == ["nowhere"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        there = place.model_copy(update={"host": "127.0.0.1", "port": port})
        with pytest.raises(running.PortTaken, match="PORT=8080"):
            running.demand_free_port(there)
    running.demand_free_port(there)


def test_a_worker_runs_until_it_is_done(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []

    async def work(url: str, settings: Settings) -> None:
        worked.append(url)

    monkeypatch.setattr(running, "run_worker", work)
    monkeypatch.setattr(running, "configure_logs", lambda level: None)
    running.work(place, "nowhere")
    assert worked == ["nowhere"]


async def test_the_shop_is_asked_who_we_are(
    sessions: Sessions, provider: YooKassa, settings: Settings
) -> None:
    told = await run("check-shop")
    assert (told.exit_code, told.stdout) == (0, "The shop is ours, and it answers.\n")
    with paid_through(provider, settings, yookassa_secret_key="test_wrong"):
        told = await run("check-shop")
    assert (told.exit_code, told.stderr) == (1, "The shop: login_refused.\n")
