"""How the application, its worker and its database run together."""

import asyncio
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from rich.progress import Progress

from backoffice.supervisor import Supervised
from services import migrations
from services.config import Settings, get_settings
from services.embedded_postgres import running_database
from services.logs import configure_logs
from services.worker import run_worker


class PortTaken(RuntimeError):
    """Somebody else listens there; the text says what to do."""


def demand_free_port(settings: Settings, port: int | None = None) -> None:
    """Find out before anything is started, and not in the log afterwards."""
    port = settings.port if port is None else port
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, port), family=family).close()
    except OSError as error:
        raise PortTaken(
            f"Cannot listen on {settings.host}:{port} ({error.strerror})."
            " Choose another: PORT=8080"
        ) from error


def migrate(url: str) -> None:
    """Bring the database to the newest schema, and show how far that is."""
    steps = migrations.missing(url)
    if not steps:
        return
    with Progress(transient=True) as bars:
        bar = bars.add_task("Migrating", total=steps)
        migrations.upgrade(url, lambda: bars.advance(bar))


@contextmanager
def ready_database(settings: Settings) -> Iterator[str]:
    """Give the URL of a running, migrated database for the length of the block."""
    with running_database(settings) as url:
        migrate(url)
        os.environ["DATABASE_URL"] = url
        get_settings.cache_clear()
        yield url


def serve(settings: Settings, *, worker: bool, log_file: Path | None = None) -> int:
    """Serve until a signal; the exit code is 0 after an orderly stop."""
    children = _children(settings, log_file) if worker else []
    for child in children:
        child.start()
    try:
        return run_app(settings, log_file)
    finally:
        for child in children:
            child.stop()


def _children(settings: Settings, log_file: Path | None) -> list[Supervised]:
    """What runs beside the application: the worker, and a bot that asks for updates."""
    names = ["worker"]
    if settings.telegram_bot_token and not settings.telegram_webhook_secret:
        names.append("bot")
    return [Supervised(["-m", "backoffice", name], {}, log_file) for name in names]


# The protocol is named, for one of the others is on its way out of its library. A
# compressed frame would cost memory for each socket and could hide a large one.
SOCKETS: Mapping[str, Any] = {
    "ws": "websockets-sansio",
    "ws_max_size": 16_384,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,
}


class Server(uvicorn.Server):
    """Ends the streams of open boards first, or each stop would wait for them."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send the boards away, then stop as usual."""
        self.config.loaded_app.state.board_feed.close()
        await super().shutdown(sockets)


def run_app(settings: Settings, log_file: Path | None = None) -> int:
    """Run uvicorn in this process."""
    configure_logs(settings.log_level)
    if log_file is not None:
        _log_to(log_file)
    server = Server(
        uvicorn.Config(
            "backoffice.app:create_app",
            factory=True,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=3,
            timeout_keep_alive=30,
            **SOCKETS,
        )
    )
    server.run()
    return 0 if server.started else 1


def work(settings: Settings, url: str) -> None:
    """Run one worker in this process."""
    configure_logs(settings.log_level)
    asyncio.run(run_worker(url, settings))


def _log_to(path: Path) -> None:
    root = logging.getLogger()
    target = logging.FileHandler(path)
    target.setFormatter(root.handlers[0].formatter)
    root.handlers[:] = [target]
