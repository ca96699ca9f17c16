"""The floor of the chat: a hand-written server that inserts and tells the room."""

import json
import os
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
import uvicorn
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from backoffice.running import SOCKETS

TABLE = """
CREATE TABLE IF NOT EXISTS floor_message (
  id uuid PRIMARY KEY, room bigint NOT NULL, text text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now());
"""
INSERT = "INSERT INTO floor_message (id, room, text) VALUES (%s, %s, %s)"


def make_app(url: str) -> Starlette:
    """Make the server."""
    pool = AsyncConnectionPool(url, min_size=10, max_size=20, open=False)
    rooms: dict[str, set[WebSocket]] = defaultdict(set)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            await connection.execute(TABLE)
        async with pool:
            yield

    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        room = rooms[websocket.query_params["room"]]
        room.add(websocket)
        with suppress(WebSocketDisconnect):
            async for text in websocket.iter_text():
                await _take(json.loads(text), websocket, room)
        room.discard(websocket)

    async def _take(
        said: dict[str, str], sender: WebSocket, room: set[WebSocket]
    ) -> None:
        message_id = uuid.uuid4()
        async with pool.connection() as connection:
            await connection.execute(INSERT, (message_id, id(room), said["text"]))
        told = {"id": str(message_id), "text": said["text"]}
        frame = json.dumps({"type": "message", "message": told})
        for each in [*room]:
            await each.send_text(frame)
        await sender.send_text(
            json.dumps({"type": "ack", "client_id": said["client_id"]})
        )

    async def live(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    routes = [WebSocketRoute("/chat", chat), Route("/health/live", live)]
    return Starlette(routes=routes, lifespan=life)


if __name__ == "__main__":
    uvicorn.run(
        make_app(os.environ["FLOOR_URL"]),
        host="127.0.0.1",
        port=int(os.environ["TOT_PORT"]),
        log_level="warning",
        access_log=False,
        **SOCKETS,
    )
