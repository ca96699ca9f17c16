"""A server on loopback that answers, breaks and keeps silent as a test tells it."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Behaviour = Callable[[socket.socket, "Seen"], None]


@dataclass(frozen=True)
class Seen:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RawServer:
    """What was asked, and where."""

    behaviour: Behaviour
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"


def answer(status: int, body: bytes = b"", *headers: str) -> Behaviour:
    """Answer every request alike."""
    head = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}", *headers]
    whole = "\r\n".join([*head, "Connection: close", "", ""]).encode() + body
    return lambda link, seen: link.sendall(whole)


def hang_up(link: socket.socket, seen: Seen) -> None:
    """Close with no word."""


def reset(link: socket.socket, seen: Seen) -> None:
    """Tear the connection down."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(server: RawServer) -> Behaviour:
    """Take the request and say nothing until the test is over."""

    def wait(link: socket.socket, seen: Seen) -> None:
        server.over.wait(10)

    return wait


def drip(head: bytes, drop: bytes, drops: int, server: RawServer) -> Behaviour:
    """Send a little now and then, faster than any pause would be noticed."""

    def slowly(link: socket.socket, seen: Seen) -> None:
        link.sendall(head)
        for _ in range(drops):
            link.sendall(drop)
            if server.over.wait(0.05):
                break

    return slowly


def _read(link: socket.socket) -> Seen | None:
    stream = link.makefile("rb")
    line = stream.readline().decode().strip()
    if not line:
        return None
    headers: dict[str, str] = {}
    while part := stream.readline().decode("latin-1").strip():
        name, _, value = part.partition(": ")
        headers[name.lower()] = value
    return Seen(line, headers, stream.read(int(headers.get("content-length", 0))))


def _serve(server: RawServer, link: socket.socket, tls: ssl.SSLContext | None) -> None:
    # A client that goes away in the middle is part of what is tested.
    with contextlib.suppress(OSError), link:
        link.settimeout(10)
        if tls:
            link = tls.wrap_socket(link, server_side=True)
        with link:
            if seen := _read(link):
                server.seen.append(seen)
                server.behaviour(link, seen)


@contextlib.contextmanager
def raw_server(
    behaviour: Behaviour = hang_up, tls: ssl.SSLContext | None = None
) -> Iterator[RawServer]:
    """Serve on a free port until the test is done with it."""
    server = RawServer(behaviour)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        server.port = listening.getsockname()[1]
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                link, _ = listening.accept()
                if server.over.is_set():
                    link.close()
                    return
                one = threading.Thread(target=_serve, args=(server, link, tls))
                one.start()
                threads.append(one)

        main = threading.Thread(target=accept)
        main.start()
        try:
            yield server
        finally:
            server.over.set()
            socket.create_connection(("127.0.0.1", server.port)).close()
            main.join()
            for one in threads:
                one.join()
