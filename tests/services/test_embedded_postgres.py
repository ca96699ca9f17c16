"""The private PostgreSQL: private, patient, shared within a checkout only."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from services.config import Profile, Settings
from services.embedded_postgres import (
    EmbeddedPostgres,
    PostgresFailed,
    running_database,
)

ROOT = Path(__file__).resolve().parents[2]


def plain(url: str) -> str:
    made = make_url(url).set(drivername="postgresql")
    return made.render_as_string(hide_password=False)


def ask(url: str, sql: str) -> object:
    with psycopg.connect(plain(url), autocommit=True) as session:
        found = session.execute(sql)
        row = found.fetchone() if found.description else None
        return row[0] if row else None


def answers(url: str) -> bool:
    try:
        return ask(url, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


def reachable_python() -> str:
    """An interpreter of this version that another user can start."""
    minor = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{minor}", f"/usr/local/bin/{minor}"):
        probe = ["runuser", "-u", "nobody", "--", candidate, "-c", "import models"]
        path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        if subprocess.run(probe, check=False, env=path, cwd=ROOT).returncode == 0:
            return candidate
    pytest.skip("no interpreter and checkout that another user can read")


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def test_data_survives_a_restart_and_stays_private(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    with server:
        ask(server.url(), "CREATE TABLE kept AS SELECT 7 AS seven")
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
        password = server.folder / "postgres-password"
        assert stat.S_IMODE(password.stat().st_mode) == 0o600
        wrong = make_url(server.url()).set(password="wrong", drivername="postgresql")
        with pytest.raises(psycopg.OperationalError, match="password authentication"):
            psycopg.connect(wrong.render_as_string(hide_password=False))
        assert ask(server.url(), "SHOW listen_addresses") == ""
    assert not (server.data / "postmaster.pid").exists()
    with server:
        assert ask(server.url(), "SELECT seven FROM kept") == 7


def test_a_path_longer_than_a_socket_allows_works(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 75) / ("e" * 75) / "postgres"
    with EmbeddedPostgres(folder, durable=False) as server:
        assert ask(server.url(), "SELECT 1") == 1


def test_a_second_process_joins_and_does_not_stop_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    program = (
        "import sys; from pathlib import Path;"
        "from services.embedded_postgres import EmbeddedPostgres;"
        "server = EmbeddedPostgres(Path(sys.argv[1]), durable=False);"
        "server.start(); print(server.owned); server.stop()"
    )
    with EmbeddedPostgres(folder, durable=False) as server:
        told = subprocess.run(
            [sys.executable, "-c", program, str(folder)],
            check=True, capture_output=True, text=True, cwd=ROOT,
        )  # fmt: skip
        assert told.stdout.strip() == "False"
        assert ask(server.url(), "SELECT 1") == 1


def test_a_server_whose_starter_was_killed_is_adopted(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    program = (
        "import os, sys; from pathlib import Path;"
        "from services.embedded_postgres import EmbeddedPostgres;"
        "EmbeddedPostgres(Path(sys.argv[1]), durable=False).start();"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=False, cwd=ROOT)
    server = EmbeddedPostgres(folder, durable=False)
    with server:
        assert server.owned
        pid = postmaster(server)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_a_killed_server_starts_again_with_what_was_committed(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    with server:
        ask(server.url(), "CREATE TABLE kept AS SELECT 7 AS seven")
        os.kill(postmaster(server), signal.SIGKILL)
        server.start()
        assert ask(server.url(), "SELECT seven FROM kept") == 7


def test_a_pid_that_now_belongs_to_somebody_else_is_forgotten(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    with server:
        left = (server.data / "postmaster.pid").read_text().splitlines()
    stale = server.data / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")
    server.home.give(stale)
    with server:
        assert postmaster(server) != os.getpid()


def test_a_server_that_is_still_starting_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refusals = psycopg.connect, ["the database system is starting up"] * 2

    def connect(*words: object, **options: object) -> object:
        if refusals:
            raise psycopg.OperationalError(refusals.pop())
        return real(*words, **options)

    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        pid = postmaster(server)
        monkeypatch.setattr(psycopg, "connect", connect)
        server.start()
        assert postmaster(server) == pid


def test_a_start_that_is_broken_off_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "_ensure_database", interrupted)
    with pytest.raises(KeyboardInterrupt):
        server.start()
    assert not server.owned
    assert not (server.data / "postmaster.pid").exists()


def test_a_cluster_that_cannot_be_made_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    monkeypatch.setattr("services.embedded_postgres.USER", "pg_reserved")
    with pytest.raises(PostgresFailed, match="pg_"):
        server.start()
    assert not server.data.exists()


def test_a_socket_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    with server:
        pass
    (server.folder / "postgres-socket").write_text("/proc")
    with server:
        assert "/proc" not in server.url()


def test_a_lost_password_is_told_at_once(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        password = server.folder / "postgres-password"
        right = password.read_text()
        password.write_text("another")
        with pytest.raises(PostgresFailed, match="authentication"):
            EmbeddedPostgres(server.folder).start()
        password.write_text(right)


def test_a_cluster_in_use_is_not_destroyed(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with EmbeddedPostgres(folder, durable=False) as server:
        ask(server.url(), "CREATE TABLE kept AS SELECT 7 AS seven")
        with pytest.raises(PostgresFailed, match="in use"):
            EmbeddedPostgres(folder).destroy()
        assert ask(server.url(), "SELECT seven FROM kept") == 7
    server.destroy()
    with server:
        assert ask(server.url(), "SELECT to_regclass('kept')") is None


class Ticks(threading.Event):
    """Lets a watcher look a number of times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def wait(self, timeout: float | None = None) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_a_watcher_leaves_a_living_server_alone(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        first = postmaster(server)
        server.watch(Ticks(2))
        assert postmaster(server) == first
    server.watch(Ticks(1))
    assert not (server.data / "postmaster.pid").exists()


def test_two_checkouts_never_meet(tmp_path: Path) -> None:
    with (
        EmbeddedPostgres(tmp_path / "one", durable=False) as one,
        EmbeddedPostgres(tmp_path / "two", durable=False) as two,
    ):
        ask(one.url(), "CREATE TABLE mine AS SELECT 1")
        assert ask(two.url(), "SELECT to_regclass('mine')") is None


def test_a_broken_data_folder_is_told_and_not_hidden(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    server.start()
    server.stop()
    (server.data / "tot.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(PostgresFailed):
        server.start()


def test_an_external_server_is_used_when_one_is_named(database_url: str) -> None:
    named = Settings(
        profile=Profile.TEST, database_url=database_url, secret_key="k" * 40
    )
    with running_database(named) as url:
        assert url == database_url


def test_without_a_server_the_embedded_one_runs(tmp_path: Path) -> None:
    unnamed = Settings(
        profile=Profile.TEST, database_url=None, data_dir=tmp_path, secret_key="k" * 40
    )
    unnamed.database_url = None
    with running_database(unnamed) as url:
        assert ask(url, "SELECT 1") == 1
        server = EmbeddedPostgres(tmp_path / "postgres")
        first = postmaster(server)
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while not answers(url):
            assert time.monotonic() < deadline, "nobody started it again"
            time.sleep(0.1)
        assert postmaster(server) != first


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_can_run_it(tmp_path: Path) -> None:
    folder = Path("/var/tmp") / f"tot-ordinary-{os.getpid()}"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    program = (
        "import sys; from pathlib import Path;"
        "from services.embedded_postgres import EmbeddedPostgres;"
        "server = EmbeddedPostgres(Path(sys.argv[1]) / 'p', durable=False);"
        "server.start(); print('started'); server.stop()"
    )
    try:
        told = subprocess.run(
            [reachable_python(), "-c", program, str(folder)],
            check=False, capture_output=True, text=True, cwd=ROOT,
            env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]},
            user=65534, group=65534, extra_groups=[],
        )  # fmt: skip
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    assert told.stdout.strip() == "started", told.stderr
