"""The route class of the API: one attempt is one transaction.

A handler that lost against a rival runs anew with fresh dependencies, so that the
session, the caller and everything read before are those of the new attempt.
"""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api import idempotency, problems
from api.deps import ATTEMPT
from services.edges import RETRIES, is_rivalry

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Route(APIRoute):
    """Commit inside the attempt, retry rivals, replay idempotent answers."""

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's handler, which reads the request and calls the endpoint."""
        handler = super().get_route_handler()

        async def serve(request: Request) -> Response:
            try:
                return await _serve(request, handler)
            except Exception as error:  # noqa: BLE001 - every error becomes an answer
                return problems.render(error)

        return serve


async def _serve(request: Request, handler: Handler) -> Response:
    attempt = 0
    while True:
        attempt += 1
        try:
            return await _attempt(request, handler)
        except idempotency.Replayed as earlier:
            return earlier.response
        except Exception as error:
            lost = is_rivalry(error) or isinstance(error, idempotency.Overtaken)
            if not lost or attempt > RETRIES:
                raise


async def _attempt(request: Request, handler: Handler) -> Response:
    idempotency.forget(request)
    async with AsyncExitStack() as stack:
        request.scope[ATTEMPT] = stack
        response = await handler(request)
        await idempotency.keep(request, response)
    return response


def router(prefix: str, *tags: str) -> APIRouter:
    """Make a router whose routes are transactions."""
    return APIRouter(prefix=prefix, tags=list(tags), route_class=Route)
