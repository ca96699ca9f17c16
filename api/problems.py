"""Errors as the API answers them: RFC 9457, `application/problem+json`."""

import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DataError, StatementError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.field_errors import field_errors
from services import errors
from services.edges import is_outage
from services.i18n import Lazy
from services.request_id import current_request_id

logger = logging.getLogger("tot.api")
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "2"


class MethodNotAllowed(errors.DomainError):
    """The address exists, but not for this method."""

    code, status = "method_not_allowed", 405
    text = "This address does not work that way."


class Failed(errors.DomainError):
    """Something nobody foresaw; the log has the rest under the reference."""

    code, status = "internal_error", 500
    text = "It did not work. Reference: {reference}."

    @property
    def public_facts(self) -> dict[str, Any]:
        """What to quote when asking for help."""
        return {"reference": self.facts["reference"]}


class BadRequest(errors.DomainError):
    """The request is not one that HTTP or this service understands."""

    code, status = "bad_request", 400
    text = "The request makes no sense."


class Problem(BaseModel):
    """An error answer; some codes add fields of their own."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str


TITLES: Mapping[int, Lazy] = {
    400: Lazy("Bad request"),
    401: Lazy("Not signed in"),
    403: Lazy("Not allowed"),
    404: Lazy("Not found"),
    405: Lazy("Method not allowed"),
    409: Lazy("Conflict"),
    413: Lazy("Too large"),
    422: Lazy("Wrong input"),
    429: Lazy("Too many requests"),
    500: Lazy("Internal error"),
    503: Lazy("Not available"),
}
BY_STATUS: Mapping[int, type[errors.DomainError]] = {
    400: errors.ValidationFailed,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: MethodNotAllowed,
    413: errors.TooLarge,
    422: errors.ValidationFailed,
}


def understand(error: BaseException) -> errors.DomainError:
    """Name any exception; one that has no name is logged and gets a reference."""
    if isinstance(error, errors.DomainError):
        return error
    if isinstance(error, RequestValidationError):
        return _malformed(error)
    if isinstance(error, HTTPException):
        return BY_STATUS.get(error.status_code, BadRequest)()
    if is_outage(error):
        return errors.Unavailable()
    if isinstance(error, DataError) or _never_reached_the_database(error):
        return errors.ValidationFailed(errors=[])
    return _unforeseen(error)


def _malformed(error: RequestValidationError) -> errors.DomainError:
    found = error.errors()
    # A malformed id in the address names nothing that exists.
    if any(each["loc"][0] == "path" for each in found):
        return errors.NotFound()
    return errors.ValidationFailed(errors=field_errors(found))


def _never_reached_the_database(error: BaseException) -> bool:
    return type(error) is StatementError and isinstance(error.orig, ValueError)


def _unforeseen(error: BaseException) -> errors.DomainError:
    reference = current_request_id() or "-"
    # The text of an exception may quote a row, so only its kind and place are kept.
    place = "".join(traceback.format_tb(error.__traceback__))
    logger.error("request %s failed: %s\n%s", reference, type(error).__name__, place)
    return Failed(reference=reference)


def headers_of(error: errors.DomainError) -> dict[str, str]:
    """Say when to come back and how to sign in, where that is known."""
    headers: dict[str, str] = {}
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = RETRY_AFTER
    if "retry_after" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after"])
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def render(error: BaseException) -> Response:
    """Answer with the problem that an exception stands for."""
    known = understand(error)
    body: dict[str, Any] = {
        "type": f"about:blank#{known.code}",
        "title": str(TITLES.get(known.status, TITLES[400])),
        "status": known.status,
        "detail": known.message,
        "code": known.code,
        **known.public_facts,
    }
    headers = headers_of(known)
    if isinstance(error, HTTPException) and error.headers:
        headers.update(error.headers)
    return JSONResponse(
        jsonable_encoder(body), known.status, headers, media_type=MEDIA_TYPE
    )


async def handle(_: Request, error: Exception) -> Response:
    """Render errors that arise outside the routes: unknown addresses and methods."""
    return render(error)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare the errors of an endpoint for its OpenAPI document.

    Those that any endpoint may give need no mention.
    """
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
        for status in sorted({*statuses, *ANYWHERE})
    }


ANYWHERE = (404, 413, 422, 500, 503)
