"""Keeps the worker beside the application alive, and stops it with it."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
STOP_SECONDS = 15.0
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to end this child when its parent is killed without a chance to."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


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
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """Start the child and the thread that watches it."""
        with self.lock:
            if not self.stopping.is_set():
                self.thread.start()

    def stop(self) -> None:
        """Ask the child to end, insist after a while, and wait for it."""
        with self.lock:
            self.stopping.set()
            child = self.process
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
        if self.thread.is_alive():
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
            with self.lock:
                if self.stopping.is_set():
                    return
                self.process = self._spawn(sink)
            self.process.wait()

    def _spawn(self, sink: IO[bytes] | None) -> subprocess.Popen[bytes]:
        # A group of its own: Ctrl-C reaches the parent, which ends us in order.
        return subprocess.Popen(
            [sys.executable, *self.arguments],
            env=self.environment,
            stdout=sink,
            stderr=sink,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - it only makes a system call
        )

    @contextmanager
    def _sink(self) -> Iterator[IO[bytes] | None]:
        if self.output is None:
            yield None
            return
        with self.output.open("ab") as sink:
            yield sink
