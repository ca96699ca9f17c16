"""Errors as the console shows them: a page for people, problem+json for scripts."""

import logging
import traceback
from typing import Any

from fastapi.encoders import jsonable_encoder
from pydantic import ValidationError
from sqlalchemy.exc import DataError, IntegrityError, StatementError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import errors
from services.edges import is_outage
from services.i18n import gettext
from services.request_id import current_request_id

logger = logging.getLogger("tot.console")
JSON_KINDS = ("application/json", "application/problem+json", "text/event-stream")
RETRY_AFTER = "2"


class Failed(errors.DomainError):
    """Something nobody foresaw: the page shows a reference, the log has the rest."""

    code, status = "internal_error", 500
    text = "It did not work. Reference: {reference}."


class Refused(errors.DomainError):
    """The address or the form makes no sense."""

    code, status = "bad_request", 400
    text = "The request makes no sense."


class MethodNotAllowed(errors.DomainError):
    """The page exists, but not for this method."""

    code, status = "method_not_allowed", 405
    text = "This address does not work that way."


BY_STATUS: dict[int, type[errors.DomainError]] = {
    400: Refused,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: MethodNotAllowed,
    413: errors.TooLarge,
}


def wants_json(request: Request) -> bool:
    """Scripts and event streams cannot follow a redirect to a sign-in page."""
    accept = request.headers.get("accept", "")
    return any(kind in accept for kind in JSON_KINDS)


def field_errors(error: ValidationError) -> errors.ValidationFailed:
    """Turn a schema's complaints into ours, one sentence for each field."""
    found = [
        {
            "field": ".".join(str(part) for part in each["loc"]),
            "message": _explain(each),
        }
        for each in error.errors(include_url=False, include_input=False)
    ]
    return errors.ValidationFailed(errors=found)


def _explain(wrong: Any) -> str:
    kind = wrong["type"]
    if kind == "value_error":
        # Our own validators speak the reader's language already.
        return str(wrong["ctx"]["error"])
    if kind == "missing" or "too_short" in kind:
        return gettext("This field is required.")
    if "too_long" in kind:
        return gettext("This value is too long.")
    return gettext("This value does not fit.")


def understand(error: Exception) -> errors.DomainError:
    """Name any exception; one that has no name is logged and gets a reference."""
    if isinstance(error, errors.DomainError):
        return error
    if isinstance(error, ValidationError):
        return field_errors(error)
    if isinstance(error, HTTPException):
        return BY_STATUS.get(error.status_code, Refused)()
    return _of_database(error) or _unforeseen(error)


def _of_database(error: Exception) -> errors.DomainError | None:
    if is_outage(error):
        return errors.Unavailable()
    if isinstance(error, IntegrityError):
        return errors.Conflict()
    if isinstance(error, DataError) or _never_reached_the_database(error):
        return Refused()
    return None


def _never_reached_the_database(error: Exception) -> bool:
    return type(error) is StatementError and isinstance(error.orig, ValueError)


def _unforeseen(error: Exception) -> errors.DomainError:
    reference = current_request_id() or "-"
    # The text of an exception may quote a row, so only its kind and place are kept.
    place = "".join(traceback.format_tb(error.__traceback__))
    logger.error("request %s failed: %s\n%s", reference, type(error).__name__, place)
    return Failed(reference=reference)


def headers_of(error: errors.DomainError) -> dict[str, str]:
    """Say when to come back, where that is known."""
    if error.status == 503:
        return {"Retry-After": RETRY_AFTER}
    if "retry_after" in error.facts:
        return {"Retry-After": str(error.facts["retry_after"])}
    return {}


def as_json(error: errors.DomainError) -> Response:
    """Render RFC 9457."""
    body: dict[str, Any] = {
        "type": f"about:blank#{error.code}",
        "title": error.message,
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        **error.public_facts,
    }
    return JSONResponse(
        jsonable_encoder(body),
        error.status,
        headers_of(error),
        media_type="application/problem+json",
    )


async def respond(request: Request, error: Exception) -> Response:
    """Answer with the page or the JSON of an error."""
    known = understand(error)
    if wants_json(request):
        return as_json(known)
    staff = getattr(request.state, "staff", None)
    inside = staff is not None and staff.step is None
    response: Response = await request.app.state.console.templates.TemplateResponse(
        request,
        "error.html" if inside else "error_at_the_door.html",
        {"status_code": known.status, "message": known.message},
        status_code=known.status,
    )
    response.headers.update(headers_of(known))
    return response


class ErrorPages:
    """Catch what everything inside let through, so that no server ever logs a row."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and answer with an error page if serving fails before it began."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            response = await respond(Request(scope, receive), error)
            await response(scope, receive, send)
