"""Keeps the worker beside the application alive, and stops it with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
STOP_SECONDS = 15.0


class Supervised:
    """One child process that is started again, ever more slowly, when it dies."""

    def __init__(
        self, arguments: list[str], environment: Mapping[str, str], output: Path | None
    ) -> None:
        self.arguments = arguments
        self.environment = {**os.environ, **environment}
        self.output = output
        self.process: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """Start the child and the thread that watches it."""
        self.thread.start()

    def stop(self) -> None:
        """Ask the child to end, insist after a while, and wait for it."""
        self.stopping.set()
        child = self.process
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
        self.thread.join(STOP_SECONDS)

    def _keep(self) -> None:
        pause = 1.0
        while not self.stopping.is_set():
            began = time.monotonic()
            self._run_once()
            pause = 1.0 if time.monotonic() - began > STEADY_SECONDS else pause * 2
            self.stopping.wait(min(pause, LONGEST_PAUSE))

    def _run_once(self) -> None:
        with self._sink() as sink:
            # A group of its own: Ctrl-C reaches the parent, which ends us in order.
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                env=self.environment,
                stdout=sink,
                stderr=sink,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            self.process.wait()

    @contextmanager
    def _sink(self) -> Iterator[IO[bytes] | None]:
        if self.output is None:
            yield None
            return
        with self.output.open("ab") as sink:
            yield sink
