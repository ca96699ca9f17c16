"""The outside world of the demo as a process of its own."""

import signal
import subprocess
import sys
import threading
import time

import httpx

from tests.telling import free_port

WAITING = "/telegram/_ctl/view?version=999999&wait=20"


def up(address: str) -> bool:
    try:
        return httpx.get(f"{address}/inbox", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_it_ends_at_once_and_quietly_while_somebody_waits_for_news() -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    ports = [f"--port={port}", f"--smtp-port={free_port()}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.outside", *ports],
        stderr=subprocess.PIPE,
        text=True,
    )
    answers: list[int] = []

    def wait() -> None:
        answer = httpx.get(address + WAITING, timeout=30, trust_env=False)
        answers.append(answer.status_code)

    deadline = time.monotonic() + 30
    while not up(address):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(1)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    waiting.join()
    assert answers == [200]
    assert said == ""
    # Cut off, they would hold the end up for the two seconds of grace.
    assert time.monotonic() - begun < 2
