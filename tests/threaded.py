"""A stand-in of the outside world, served in a thread on a free port of loopback."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from sandbox.yookassa.connections import Breakable


@contextmanager
def in_a_thread(application: Any) -> Iterator[str]:
    """Serve an application whose connections can be torn; gives its address."""
    # asyncio turns off Nagle's pauses of 40 ms only where TCP is named.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        server = uvicorn.Server(
            uvicorn.Config(
                application,
                log_config=None,
                http=Breakable,
                loop="asyncio",
                timeout_graceful_shutdown=1,
            )
        )
        serve = lambda: asyncio.run(server.serve(sockets=[listener]))  # noqa: E731
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
