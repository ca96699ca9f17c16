"""A process that has everything loaded and forks applications, workers and bots.

To kill dozens of them, a start has to cost less than the seconds of a cold one.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import backoffice.app
from backoffice import bot, running
from services.config import get_settings

ROOT = Path(__file__).resolve().parents[2]
assert backoffice.app.create_app


def _run(told: Mapping[str, Any]) -> None:
    """Be an application, a worker or a bot until killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(told["log"]).open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    os.environ.update(told["environment"])
    get_settings.cache_clear()
    settings = get_settings()
    try:
        if told["name"] == "app":
            running.run_app(settings)
        elif told["name"] == "bot":
            bot.run(settings, settings.database_url or "")
        else:
            running.work(settings, settings.database_url or "")
    finally:
        os._exit(1)


def main() -> None:
    """Fork for each line and say the child's id; nobody outlives this process.

    What only some children need is named by arguments, and loaded as well.
    """
    for module in sys.argv[1:]:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    children = []
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        with suppress(ProcessLookupError):
            children.append(os.pidfd_open(child))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    end(children)


def end(children: list[int]) -> None:
    """Kill what still lives; the number of what is dead may be another's by now."""
    for child in children:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child, signal.SIGKILL)


@dataclass
class Preloaded:
    """The handle of the process, for tests."""

    process: subprocess.Popen[str]

    def start(self, name: str, environment: Mapping[str, str], log: Path) -> int:
        """Start an "app", a "worker" or a "bot"; gives its process id."""
        told = {"name": name, "environment": dict(environment), "log": str(log)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def kill(process_id: int) -> None:
    """End a process as a power cut does, and see it gone."""
    with suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGKILL)
        while True:
            os.kill(process_id, 0)
            time.sleep(0.01)


@contextmanager
def preloaded(*modules: str) -> Iterator[Preloaded]:
    """Give a process that forks what tests kill, with these modules loaded too."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.preloaded", *modules],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        yield Preloaded(process)
        assert process.stdin is not None
        process.stdin.close()


if __name__ == "__main__":
    main()
