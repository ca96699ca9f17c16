"""A provider that lies: it passes requests on, and bends what is answered."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.yookassa_server import YooKassa

# Given the path after /v3 and the answer, gives the answer that is told instead.
Bend = Callable[[str, dict[str, Any]], dict[str, Any]]
PASSED_ON = ("authorization", "content-type", "idempotence-key")


class Liar:
    """What it tells instead of the truth; nothing bent at first."""

    def __init__(self, provider: YooKassa) -> None:
        self.provider = provider
        self.bend: Bend = lambda path, answer: answer

    def answer(
        self, method: str, path: str, headers: Any, body: bytes
    ) -> tuple[int, bytes]:
        answer = httpx.request(
            method,
            self.provider.base_url + path,
            headers={name: headers[name] for name in PASSED_ON if headers[name]},
            content=body,
            trust_env=False,
        )
        told = self.bend(path.removeprefix("/v3"), answer.json())
        status = 404 if told.get("code") == "not_found" else answer.status_code
        return status, json.dumps(told).encode()


@contextmanager
def liar(provider: YooKassa) -> Iterator[tuple[Liar, YooKassa]]:
    """Give the liar, and the provider as it is reached through the liar."""
    between = Liar(provider)

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            status, told = between.answer(
                self.command, self.path, self.headers, self.rfile.read(size)
            )
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = _pass

        def log_message(self, *_: object) -> None:
            """Tests are silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        yield between, replace(provider, base_url=f"http://127.0.0.1:{port}")
        server.shutdown()
