"""The floor: what a hand-written FastAPI and psycopg server does, two inserts only."""

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import uvicorn
from fastapi import FastAPI, Request
from psycopg_pool import AsyncConnectionPool
from starlette.responses import JSONResponse

TABLES = """
CREATE TABLE IF NOT EXISTS floor_booking (
  id uuid PRIMARY KEY, patient_id uuid NOT NULL, status text NOT NULL,
  symptoms text NOT NULL, address text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS floor_event (
  id uuid PRIMARY KEY, booking_id uuid NOT NULL REFERENCES floor_booking,
  event text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
"""
PATIENT = uuid.uuid4()


def make_app(url: str) -> FastAPI:
    """Make the server."""
    pool = AsyncConnectionPool(url, min_size=10, max_size=20, open=False)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            await connection.execute(TABLES)
        async with pool:
            yield

    app = FastAPI(lifespan=life)

    @app.post("/v1/bookings", status_code=201)
    async def create(request: Request) -> JSONResponse:
        said = json.loads(await request.body())
        booking_id = uuid.uuid4()
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO floor_booking (id, patient_id, status, symptoms, address)"
                " VALUES (%s, %s, 'pending', %s, %s)",
                (booking_id, PATIENT, said["symptoms"], said["address"]["text"]),
            )
            await connection.execute(
                "INSERT INTO floor_event (id, booking_id, event)"
                " VALUES (%s, %s, 'create')",
                (uuid.uuid4(), booking_id),
            )
        return JSONResponse({"id": str(booking_id)}, 201)

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    return app


if __name__ == "__main__":
    uvicorn.run(
        make_app(os.environ["FLOOR_URL"]),
        host="127.0.0.1",
        port=int(os.environ["TOT_PORT"]),
        log_level="warning",
        access_log=False,
    )
