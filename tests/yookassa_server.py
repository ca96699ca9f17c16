"""The local YooKassa on a free port of loopback, for tests that need a provider.

    with yookassa() as provider:
        Configuration.configure(provider.shop, provider.key, api_url=provider.api_url)
        provider.pay(payment_id)

In a thread by default; `yookassa_process` runs it in a process of its own, which can
be killed and started anew on the same state.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from sandbox.yookassa.app import application
from sandbox.yookassa.config import Config
from tests.threaded import in_a_thread

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "token-of-tests"
STARTING_SECONDS = 20
# Kept open: making a client costs ten times as much as asking.
HTTP = httpx.Client(trust_env=False, verify=False, timeout=30)


@dataclass(frozen=True)
class YooKassa:
    """Handles of a running emulator. Sums of the control are kopecks."""

    base_url: str
    shop: str = Config.shop
    key: str = Config.key
    token: str = TOKEN

    @property
    def api_url(self) -> str:
        return f"{self.base_url}/v3"

    @property
    def auth(self) -> tuple[str, str]:
        return self.shop, self.key

    def ctl(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the control, such as ("POST", "clock", {"advance_s": 60})."""
        answer = HTTP.request(
            method,
            f"{self.base_url}/_ctl/{path}",
            json=body,
            headers={"X-Sandbox-Token": self.token},
        )
        assert answer.is_success, answer.text
        return answer.json()

    def pay(self, payment_id: str) -> dict[str, Any]:
        return self.ctl("POST", f"payments/{payment_id}/pay")

    def decline(self, payment_id: str, **how: str) -> dict[str, Any]:
        return self.ctl("POST", f"payments/{payment_id}/decline", how)

    def cabinet_refund(self, payment_id: str, amount: int | None = None) -> Any:
        """Refund by hand, past the shop's API; without an amount all that is left."""
        body = {"payment_id": payment_id, "amount": amount}
        return self.ctl("POST", "cabinet-refund", body)

    def finish_refund(self, refund_id: str, **how: str) -> dict[str, Any]:
        """Let a pending refund end: status="canceled", reason=…"""
        return self.ctl("POST", f"refunds/{refund_id}/finish", how)

    def advance(self, seconds: float) -> dict[str, Any]:
        return self.ctl("POST", "clock", {"advance_s": seconds})

    def faults(
        self, action: str, times: int | str = 1, match: Any = None, **params: Any
    ) -> dict[str, Any]:
        """Ask for a fault; `match` is {"method", "path_re", "event", "nth", "metadata"}."""
        rule = {"match": match or {}, "action": action, "times": times, **params}
        return self.ctl("POST", "faults", rule)

    def clear_faults(self) -> None:
        self.ctl("DELETE", "faults")

    def webhook(self, url: str) -> None:
        """Say where to deliver; an empty address: nowhere."""
        self.ctl("POST", "webhook", {"url": url})

    def forge(self, **how: Any) -> dict[str, Any]:
        """Send a false webhook; the answer is in `attempts`."""
        return self.ctl("POST", "forge", how)

    def resend(self, delivery_id: str) -> dict[str, Any]:
        return self.ctl("POST", f"deliveries/{delivery_id}/resend")

    def reset(self) -> None:
        self.ctl("POST", "reset")

    def journal(self, method: str = "", path: str = "") -> list[dict[str, Any]]:
        """Give the requests that came, all or those of a method and part of a path."""
        return [
            each
            for each in self.ctl("GET", "journal")["items"]
            if method in {"", each["method"]} and path in each["path"]
        ]

    def totals(self) -> dict[str, int]:
        return self.ctl("GET", "totals")

    def listing(self, kind: str) -> list[dict[str, Any]]:
        """Give all payments, refunds, receipts, payouts or deliveries, oldest first."""
        return self.ctl("GET", kind)["items"]

    def deliveries(self, **fields: Any) -> list[dict[str, Any]]:
        """Give the deliveries whose fields are these."""
        rows = self.listing("deliveries")
        return [row for row in rows if fields.items() <= row.items()]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def yookassa(**config: Any) -> Iterator[YooKassa]:
    """Serve the emulator in a thread; `config` are fields of its Config.

    Receipts are not demanded unless `fiscalization=True` is given.
    """
    told = Config(**({"token": TOKEN, "fiscalization": False} | config))
    with in_a_thread(application(told)) as address:
        yield YooKassa(f"{address}/yookassa", told.shop, told.key, told.token)


@dataclass
class Process:
    """The emulator in a process of its own, on one port and one state."""

    state: Path
    webhook_url: str = ""
    port: int = 0
    running: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> YooKassa:
        """Start it; the port stays the same when it is started anew."""
        self.port = self.port or free_port()
        arguments = ["--port", str(self.port), "--state", str(self.state)]
        if self.webhook_url:
            arguments += ["--webhook-url", self.webhook_url]
        known = {"TOT_SANDBOX_TOKEN": TOKEN, "TOT_YOOKASSA_FISCALIZATION": "0"}
        self.running = subprocess.Popen(
            [sys.executable, "-m", "sandbox.yookassa", *arguments],
            cwd=ROOT,
            env=os.environ | known | environment,
        )
        handle = YooKassa(f"http://127.0.0.1:{self.port}/yookassa")
        handle = replace(
            handle, key=environment.get("TOT_YOOKASSA_SECRET_KEY", handle.key)
        )
        self._wait(handle)
        return handle

    def _wait(self, handle: YooKassa) -> None:
        deadline = time.monotonic() + STARTING_SECONDS
        while time.monotonic() < deadline:
            try:
                handle.totals()
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the emulator did not start")

    def kill(self) -> None:
        """End it as a power cut does."""
        if self.running is not None:
            self.running.send_signal(signal.SIGKILL)
            self.running.wait(10)
            self.running = None


@contextmanager
def yookassa_process(state: Path, webhook_url: str = "") -> Iterator[Process]:
    """Give a process that is not started yet, and end it afterwards."""
    process = Process(state, webhook_url)
    try:
        yield process
    finally:
        process.kill()
