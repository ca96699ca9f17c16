"""Connections that can be torn down without an answer, as a network does."""

import socket
import struct
from asyncio import Transport
from typing import Any, ClassVar

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

AT_ONCE = struct.pack("ii", 1, 0)


class Breakable(HttpToolsProtocol):
    """uvicorn's protocol that keeps its transports by the address of the client."""

    transports: ClassVar[dict[tuple[str, int], Transport]] = {}

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.client:
            self.transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client:
            self.transports.pop(self.client, None)


def tear(scope: Scope) -> None:
    """Reset the connection that this request came through."""
    transport = Breakable.transports[tuple(scope["client"])]
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE
    )
    transport.abort()
