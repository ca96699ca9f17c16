"""One line for each request: what was asked, how it ended, how long it took."""

import time

import structlog
from starlette.types import Scope

QUIET = ("/static/", "/admin/statics/", "/health/")

log = structlog.get_logger("tot.requests")


class Stopwatch:
    """Measures one request; the address is told as its template, without values."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.began = time.perf_counter()
        self.status = 500

    def tell(self) -> None:
        """Write the line, unless the request is one of the many small ones."""
        if self.scope["path"].startswith(QUIET):
            return
        log.info(
            "request",
            method=self.scope["method"],
            route=route(self.scope),
            status=self.status,
            duration_ms=round((time.perf_counter() - self.began) * 1000, 1),
        )


def route(scope: Scope) -> str:
    """Name what answered: an address may hold what somebody searched for."""
    template = getattr(scope.get("route"), "path", None)
    endpoint = scope.get("endpoint")
    named = template or getattr(endpoint, "__qualname__", type(endpoint).__name__)
    return str(named) if endpoint else "-"
