"""A process that has loaded the application and forks a child for each deed.

A child dies where a failpoint kills it, as a process of the application would, and
costs milliseconds where a cold start costs seconds. Deeds come as lines of JSON.
"""

import asyncio
import json
import os
import subprocess
import sys
import traceback
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy.orm import Session

from services import (
    failpoints,
    payment_watch,
    receipt_sending,
    refund_sending,
    webhook_handling,
)
from services.config import get_settings
from services.database import Sessions
from tests.api.helpers import api_alone

ROOT = Path(__file__).resolve().parents[2]
Body = Callable[[Sessions, uuid.UUID], Awaitable[None]]
# What the worker's jobs do, by the names of the jobs.
BODIES: Mapping[str, Body] = {
    payment_watch.LOOK: payment_watch.look,
    refund_sending.SEND: refund_sending.send,
    receipt_sending.SEND: receipt_sending.send,
    webhook_handling.HANDLE: webhook_handling.handle,
}


class ClockAhead:
    """Sets the database's clock ahead in every transaction of this process."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds

    def __enter__(self) -> "ClockAhead":
        sa.event.listen(Session, "after_begin", self._set)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(Session, "after_begin", self._set)

    def _set(self, _: Session, __: Any, connection: sa.Connection) -> None:
        told = {"offset": f"{self.seconds} seconds"}
        statement = "SELECT set_config('tot.clock_offset', :offset, true)"
        connection.execute(sa.text(statement), told)


@dataclass(frozen=True)
class Deed:
    """A job by its name with an id, or a request: path, body and headers."""

    name: str
    about: str
    body: Any = None
    headers: Mapping[str, str] | None = None


async def do(app: FastAPI, deed: Deed) -> None:
    """Do a deed in this process."""
    if deed.name in BODIES:
        await BODIES[deed.name](app.state.sessions, uuid.UUID(deed.about))
        return
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://testserver"
    ) as client:
        answer = await client.post(deed.about, json=deed.body, headers=deed.headers)
        assert answer.is_success, answer.text


def _live(app: FastAPI, told: Mapping[str, Any]) -> None:
    """Live the whole life of a child; 0 when nothing killed it."""
    code = 1
    try:
        os.environ[failpoints.VARIABLE] = told["failpoint"]
        with ClockAhead(told["seconds"]):
            asyncio.run(do(app, Deed(**told["deed"])))
        code = 0
    except BaseException:  # noqa: BLE001 - a child has nobody to raise to
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Fork for each line and say how the child ended."""
    settings = get_settings()
    app = api_alone(settings, settings.database_url or "")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _live(app, json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


@dataclass
class ForkServer:
    """The handle of the process, for tests."""

    process: subprocess.Popen[str]

    def do(self, deed: Deed, failpoint: str = "", seconds: float = 0) -> int:
        """Let a child do it; gives its exit code, negative for a signal."""
        told = {"deed": vars(deed), "failpoint": failpoint, "seconds": seconds}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, "the fork server died"
        return line


@contextmanager
def fork_server(environment: Mapping[str, str]) -> Iterator[ForkServer]:
    """Give a process that is ready to fork."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.fork_server"],
        cwd=ROOT, env={**os.environ, **environment}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        made = ForkServer(process)
        assert made._line() == "ready"
        yield made
        assert process.stdin is not None
        process.stdin.close()


if __name__ == "__main__":
    main()
