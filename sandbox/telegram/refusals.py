"""Refusals as the Bot API words them."""

from typing import Any


class Refused(Exception):
    """An answer that is not ok."""

    def __init__(
        self, code: int, description: str, retry_after: int | None = None
    ) -> None:
        super().__init__(description)
        self.code, self.description = code, description
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        told = {"ok": False, "error_code": self.code, "description": self.description}
        if self.retry_after is None:
            return told
        return told | {"parameters": {"retry_after": self.retry_after}}


def bad(what: str) -> Refused:
    return Refused(400, f"Bad Request: {what}")


def flood(seconds: int) -> Refused:
    return Refused(429, f"Too Many Requests: retry after {seconds}", seconds)
