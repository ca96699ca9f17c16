"""The id that ties a request's log lines, journal rows and error page together."""

import secrets
from contextvars import ContextVar

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def new_request_id() -> str:
    """Begin a request: make its id and remember it for this task."""
    value = secrets.token_hex(8)
    _request_id.set(value)
    return value


def current_request_id() -> str | None:
    """The id of the request being served, if any."""
    return _request_id.get()
