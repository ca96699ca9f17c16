"""Errors in the shape of the API.

https://yookassa.ru/developers/using-api/response-handling/http-codes
"""

import uuid
from typing import Any

CODES = {
    400: "invalid_request",
    401: "invalid_credentials",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
    500: "internal_server_error",
}


class Problem(Exception):
    """An answer other than 200. 405 and 415 have no code."""

    def __init__(
        self, description: str, parameter: str | None = None, status: int = 400
    ) -> None:
        super().__init__(description)
        self.description, self.parameter, self.status = description, parameter, status

    def body(self) -> dict[str, Any]:
        told = {
            "type": "error",
            "id": str(uuid.uuid4()),
            "code": CODES.get(self.status),
            "description": self.description,
            "parameter": self.parameter,
        }
        return {name: value for name, value in told.items() if value is not None}


def missing(what: str) -> Problem:
    return Problem(f"{what} doesn't exist or isn't available", status=404)
