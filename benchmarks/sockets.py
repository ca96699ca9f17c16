"""A lean WebSocket client: the load must not cost more than what it measures."""

import asyncio
import base64
import json
import os
import struct
from collections.abc import Callable
from typing import Any

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
Heard = Callable[["Socket", Any], None]


class Socket(asyncio.Protocol):
    """One open socket; each frame of text is handed on as soon as it has come."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.transport: asyncio.Transport | None = None
        self.closed: int | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._left += data
        if not self._opened.done() and not self._open():
            return
        while frame := self._frame():
            self._take(*frame)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._opened.done():
            self._opened.set_exception(exc or ConnectionError("closed"))
        self.closed = self.closed or 1006

    async def open(self, path: str, port: int) -> None:
        """Shake hands."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += ["Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        self._write("\r\n".join([*lines, "", ""]).encode())
        await self._opened

    def send(self, said: Any) -> None:
        """Send one frame of JSON."""
        self._send(TEXT, json.dumps(said).encode())

    def close(self) -> None:
        """Hang up."""
        if self.transport is not None:
            self.transport.close()

    def _open(self) -> bool:
        head, found, left = self._left.partition(b"\r\n\r\n")
        if not found:
            return False
        self._left = left
        if b" 101 " in head.split(b"\r\n")[0]:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(RuntimeError(head.decode()))
        return True

    def _frame(self) -> tuple[int, bytes] | None:
        data = self._left
        if len(data) < 2:
            return None
        length, begin = data[1] & 127, 2
        if length == 126:
            if len(data) < 4:
                return None
            length, begin = struct.unpack_from("!H", data, 2)[0], 4
        if len(data) < begin + length:
            return None
        self._left = data[begin + length :]
        return data[0] & 15, data[begin : begin + length]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == TEXT:
            self.heard(self, json.loads(payload))
        elif kind == PING:
            self._send(PONG, payload)
        elif kind == CLOSE:
            self.closed = struct.unpack_from("!H", payload)[0] if payload else 1005
            self.close()

    def _send(self, kind: int, payload: bytes) -> None:
        # A mask of zeros is a mask, and leaves the text as it is.
        size = len(payload)
        short = size < 126
        head = bytes([128 | kind, 128 | (size if short else 126)])
        self._write(
            head + (b"" if short else struct.pack("!H", size)) + bytes(4) + payload
        )

    def _write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


async def opened(port: int, path: str, heard: Heard) -> Socket:
    """Open a socket on loopback."""
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(lambda: Socket(heard), "127.0.0.1", port)
    await socket.open(path, port)
    return socket
