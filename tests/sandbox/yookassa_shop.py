"""A shop that speaks to the local YooKassa and checks all that it is answered."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.sandbox.yookassa_schemas import check_answer, check_notification
from tests.yookassa_server import HTTP, YooKassa

BACK = "http://127.0.0.1:1/back"


def rub(value: str) -> dict[str, str]:
    return {"value": value, "currency": "RUB"}


def item(value: str, quantity: Any = "1.0", **other: Any) -> dict[str, Any]:
    known = {"description": "Выезд терапевта", "vat_code": 1}
    return {**known, "amount": rub(value), "quantity": quantity, **other}


def registered(value: str, quantity: float = 1.0, **other: Any) -> dict[str, Any]:
    """The item as it is shown later: its quantity is a number."""
    return item(value, **other) | {"quantity": quantity}


def receipt(*items: dict[str, Any]) -> dict[str, Any]:
    return {"customer": {"email": "patient@clinic.example"}, "items": list(items)}


def payment_body(value: str = "2500.00", **other: Any) -> dict[str, Any]:
    return {
        "amount": rub(value),
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": BACK},
        "description": "Выезд врача, заказ № 1",
        "payment_method_data": {"type": "bank_card"},
        "metadata": {"attempt_id": "a-1"},
    } | other


def sbp_body(value: str = "2500.00", **other: Any) -> dict[str, Any]:
    by_sbp = {
        "payment_method_data": {"type": "sbp"},
        "confirmation": {"type": "qr"},
    }
    return payment_body(value, **(by_sbp | other))


@dataclass
class Shop:
    """One shop; every answer is checked against the schemas unless told otherwise."""

    provider: YooKassa
    checked: bool = True

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = "",
        **options: Any,
    ) -> httpx.Response:
        """Send a request; `key` "" is a new one, None is none."""
        headers = options.pop("headers", {})
        if method == "POST" and key is not None:
            headers = {"Idempotence-Key": key or str(uuid.uuid4())} | headers
        known = {"auth": self.provider.auth, "json": body, "headers": headers}
        answer = HTTP.request(method, self.provider.api_url + path, **known | options)
        if self.checked:
            check_answer(path, answer.status_code, answer.json())
        return answer

    def done(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        answer = self.ask(method, path, body, key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, body: Any) -> tuple[str, str | None]:
        """Post what must be refused; give the code and the parameter."""
        answer = self.ask("POST", path, body)
        assert answer.status_code == 400, answer.text
        return answer.json()["code"], answer.json().get("parameter")

    def pay(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make a payment and let the payer pay it."""
        made = self.done("POST", "/payments", body or payment_body())
        self.provider.pay(made["id"])
        return self.payment(made["id"])

    def payment(self, payment_id: str) -> Any:
        return self.done("GET", f"/payments/{payment_id}")

    def refund(self, payment_id: str, value: str, **other: Any) -> Any:
        body = {"payment_id": payment_id, "amount": rub(value), **other}
        return self.done("POST", "/refunds", body)


@dataclass
class Receiver:
    """The shop's address for webhooks; `answers` are given one by one, then 200."""

    url: str
    got: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int | float] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    checked: bool = True
    inside: int = 0
    most_inside: int = 0

    def events(self) -> list[str]:
        return [each["event"] for each in self.got]

    def take(self, body: bytes, source: str, headers: dict[str, str]) -> int:
        """Keep a notification and give the status to answer; a pause is a float."""
        told = json.loads(body)
        self.got.append(told)
        self.sources.append(source)
        self.headers.append(headers)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, float):
            time.sleep(answer)
            return 200
        return answer

    def wait(self, count: int) -> list[str]:
        """Give the events once so many have come."""
        until(lambda: len(self.got) >= count)
        return self.events()

    def check(self) -> None:
        for each in self.got:
            check_notification(each)


def until(true: Callable[[], Any], seconds: float = 8) -> None:
    """Wait for something that is about to happen."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen on a free port of loopback."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            lower = {name.lower(): value for name, value in self.headers.items()}
            taken.inside += 1
            taken.most_inside = max(taken.most_inside, taken.inside)
            status = taken.take(body, self.client_address[0], lower)
            taken.inside -= 1
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = Server(("127.0.0.1", 0), Handler)
    taken = Receiver(f"http://127.0.0.1:{server.server_address[1]}/webhooks/yookassa/s")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
