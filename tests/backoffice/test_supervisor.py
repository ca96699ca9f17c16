"""A child is kept alive, ends with its parent, and never after being told to stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from backoffice import supervisor
from backoffice.supervisor import Supervised

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = ["-c", "import time; print('up', flush=True); time.sleep(60)"]


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Supervised(SLEEPER, {}, log)
    child.start()
    until(lambda: log.exists() and log.read_text() == "up\n")
    assert child.process is not None
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: log.read_text() == "up\nup\n")
    assert child.process.pid != first
    child.stop()
    assert child.process.returncode == -signal.SIGTERM
    assert not child.thread.is_alive()


def test_a_child_that_ignores_the_request_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.3)
    log = tmp_path / "log"
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    child = Supervised(["-c", deaf + SLEEPER[1]], {}, log)
    child.start()
    until(lambda: log.exists() and log.read_text() == "up\n")
    child.stop()
    assert child.process is not None
    until(lambda: child.process.poll() == -signal.SIGKILL)


def test_one_that_was_stopped_first_never_starts() -> None:
    child = Supervised(SLEEPER, {}, None)
    child.stop()
    child.start()
    child._run_once()
    assert child.process is None


def test_a_killed_parent_takes_its_children_along(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import sys, time; from pathlib import Path;"
        "from backoffice.supervisor import Supervised;"
        f"child = Supervised({SLEEPER!r}, {{}}, Path({str(log)!r}));"
        "child.start(); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    until(lambda: log.exists() and log.read_text() == "up\n")
    (child,) = psutil.Process(parent.pid).children()
    parent.kill()
    parent.wait()
    until(lambda: not child.is_running() or child.status() == "zombie")
