"""Today in figures, for the first page."""

from typing import Any

from starlette.requests import Request

from backoffice.pages import staff_of


async def home_context(request: Request) -> dict[str, Any]:
    """Gather what the role of this request may see."""
    return {"staff": staff_of(request), "tiles": []}
