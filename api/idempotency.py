"""Idempotency keys at the edge: claim one before the work, keep the answer after it."""

import hashlib
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api import uploads
from services import idempotency
from services.errors import ValidationFailed
from services.i18n import gettext
from services.idempotency import Answer, Attempt
from services.tokens import Claims

HEADER = "idempotency-key"
REPLAYED = "Idempotency-Replayed"
KEY_PATTERN = "^[0-9A-Za-z_.-]{1,64}$"
KEY = re.compile(KEY_PATTERN, re.ASCII)
LONGEST_PATH = 300
_CLAIM = "tot.idempotency"


class Replayed(Exception):
    """The request was answered before; the first answer stands."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.response = Response(
            answer.body or None,
            answer.status_code,
            {REPLAYED: "true"},
            media_type="application/json" if answer.body else None,
        )


class Overtaken(Exception):
    """A twin committed its answer while this attempt ran."""


def forget(request: Request) -> None:
    """Begin an attempt without the claim of the one before."""
    request.scope.pop(_CLAIM, None)


async def attempt_of(request: Request, claims: Claims) -> Attempt | None:
    """Read the key of a POST; None when it carries none."""
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return None
    if not KEY.fullmatch(key) or len(request.url.path) > LONGEST_PATH:
        message = gettext("1 to 64 of 0-9, A-Z, a-z, _, . and - are allowed.")
        raise ValidationFailed(
            errors=[{"field": "Idempotency-Key", "message": message}]
        )
    digest = hashlib.sha256(request.scope.get("query_string", b"") + b"\n")
    if uploads.is_multipart(request):
        # A client that tries again draws a new boundary around the same parts.
        digest.update(await uploads.fingerprint(request))
    else:
        digest.update(await request.body())
    return Attempt(
        claims.user_id, request.method, request.url.path, key, digest.hexdigest()
    )


def claim(
    request: Request, session: Any, attempt: Attempt, mark: str | None = None
) -> None:
    """Remember, until this attempt ends, that its answer has to be kept.

    `mark` is what a request of two transactions left when it died between them.
    """
    request.scope[_CLAIM] = (session, attempt, mark)


def take(request: Request) -> tuple[Attempt | None, str | None]:
    """Take the claim over: the route keeps its answer by itself."""
    _, attempt, mark = request.scope.pop(_CLAIM, (None, None, None))
    return attempt, mark


async def keep(request: Request, response: Response) -> None:
    """Store a successful answer in the transaction that made it."""
    claimed = request.scope.get(_CLAIM)
    if claimed is None or not 200 <= response.status_code < 300:
        return
    session, attempt, _ = claimed
    body = bytes(response.body).decode()
    if not await idempotency.keep(session, attempt, response.status_code, body):
        raise Overtaken
