"""Headers that every answer carries, and the id that ties a request together."""

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice.assets import VERSIONED
from backoffice.request_log import Stopwatch
from services.request_id import new_request_id

STATIC = ("/static/", "/admin/statics/")
FOREVER = "public, max-age=31536000, immutable"


def console_policy(tile_url: str) -> str:
    """No inline script or style anywhere; pictures may come from the tile host."""
    parts = urlsplit(tile_url)
    tiles = (
        f" {parts.scheme}://{parts.netloc.replace('{s}', '*')}" if parts.netloc else ""
    )
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self';"
        f" img-src 'self' data:{tiles}; connect-src 'self'; worker-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"


class SecurityHeaders:
    """Stamp the headers on every answer, errors included."""

    def __init__(self, app: ASGIApp, secure: bool, tile_url: str) -> None:
        self.app = app
        self.secure = secure
        self.policy = console_policy(tile_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin the request's id and wrap what is sent."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = new_request_id()
        watch = Stopwatch(scope)

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                watch.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                self._stamp(scope["path"], headers)
            await send(message)

        try:
            await self.app(scope, receive, stamped)
        finally:
            watch.tell()

    def _stamp(self, path: str, headers: MutableHeaders) -> None:
        # A worker obeys the policy that came with its own script.
        console = path.startswith(("/admin", "/static/"))
        policy = self.policy if console else API_POLICY
        # People's files bring a stricter policy of their own.
        headers.setdefault("content-security-policy", policy)
        headers["x-content-type-options"] = "nosniff"
        headers["x-frame-options"] = "DENY"
        headers["referrer-policy"] = "same-origin"
        headers["cross-origin-opener-policy"] = "same-origin"
        headers["cross-origin-resource-policy"] = "same-origin"
        if path.startswith(STATIC):
            lasting = path.startswith(VERSIONED)
            headers["cache-control"] = FOREVER if lasting else "public, max-age=3600"
        else:
            headers.setdefault("cache-control", "no-store")
        if self.secure:
            headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"
