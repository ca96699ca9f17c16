"""For whoever watches the process: is it alive, can it work."""

from typing import Literal

from fastapi import Response
from pydantic import BaseModel
from starlette.requests import Request

from api.problems import problems
from api.routing import router as make_router
from services import health
from services.edges import in_transaction
from services.errors import DomainError

router = make_router("/health", "Health")


class Status(BaseModel):
    """What works, and the names of what does not."""

    status: Literal["ok", "down"]
    down: list[Literal["database", "migration", "worker"]] = []


@router.get("/live", responses=problems(), response_model_exclude_defaults=True)
async def live() -> Status:
    """Tell that the process answers."""
    return Status(status="ok")


@router.get("/ready", responses={**problems(), 503: {"model": Status}})
async def ready(request: Request, response: Response) -> Status:
    """Tell whether the database, the schema and the worker are there."""
    try:
        down = await in_transaction(request.app.state.sessions, health.troubles)
    except DomainError:
        down = ["database"]
    if down:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return Status(status="down" if down else "ok", down=down)
