"""A served application in a thread, for tests that need real HTTP."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI


@contextmanager
def served(app: FastAPI, **options: Any) -> Iterator[str]:
    """Give the base address of the application while it is being served."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        settled = {"log_config": None, "lifespan": "off", "loop": "asyncio"}
        config = uvicorn.Config(app, proxy_headers=False, **(settled | options))
        server = uvicorn.Server(config)

        async def serve() -> None:
            await server.serve(sockets=[listener])
            await app.state.engine.dispose()

        # Connections wait in the listening socket until the server takes them.
        listener.listen()
        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(10)
