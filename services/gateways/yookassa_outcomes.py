"""What a call to the provider can come to: three outcomes, and how answers are read.

Source: https://yookassa.ru/developers/using-api/response-handling/http-codes and
https://yookassa.ru/developers/using-api/response-handling/recommendations.
"""

import json
from dataclasses import dataclass, field
from typing import Any

# Everything else, 429 and 5xx above all, leaves open what the provider did.
REFUSALS = frozenset({400, 401, 403, 404, 405, 415})
KEY_HEADER = "Idempotence-Key"
LONGEST_CODE, LONGEST_DESCRIPTION = 64, 200


@dataclass(frozen=True)
class Done:
    """200 with the object; `raw` is its JSON, fit to be kept as jsonb."""

    raw: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Definite:
    """This call was not executed: refused by the provider, or never sent.

    `code` is the provider's (`invalid_request`, `not_found`), `http_405` when it
    gave none, or one of ours: `not_sent` (no connection was made), `invalid_id` and
    `invalid_key` (nothing was tried). `description` is for logs, not for people.
    """

    code: str
    parameter: str | None = None
    description: str = ""
    status: int | None = None

    @property
    def conclusive(self) -> bool:
        """The provider refused the request itself, so no earlier call with the same
        key and body was executed either. Where it is false, as after a refused login
        or a connection never made, an earlier unknown outcome stays unknown.
        """
        return self.status == 400 and not self.code.startswith("http_")


@dataclass(frozen=True)
class Unknown:
    """Nobody can say whether it was executed: look it up, or repeat the same call.

    `accepted` says that the provider has taken an earlier request with this key.
    """

    reason: str
    accepted: bool = False


Outcome = Done | Definite | Unknown


def judge(status: int, body: bytes) -> Outcome:
    """Read an answer that arrived whole."""
    if status != 200 and status not in REFUSALS:
        return Unknown(f"http_{status}")
    try:
        raw = _storable(body)
    except (ValueError, RecursionError):
        return Unknown(f"http_{status}: not JSON")
    if not isinstance(raw, dict):
        return Unknown(f"http_{status}: not an object")
    return Done(raw) if status == 200 else _refusal(status, raw)


def _storable(body: bytes) -> Any:
    """Parse JSON that PostgreSQL can keep: no NaN, no NUL, no lone surrogates."""
    raw = json.loads(body.decode())
    again = json.dumps(raw, ensure_ascii=False, allow_nan=False)
    again.encode()
    if "\\u0000" in again:
        raise ValueError("NUL")
    return raw


def _refusal(status: int, raw: dict[str, Any]) -> Definite | Unknown:
    parameter = _text(raw, "parameter", LONGEST_CODE)
    if status == 400 and (parameter or "").lower() == KEY_HEADER.lower():
        return Unknown("key known with another body", accepted=True)
    return Definite(
        _text(raw, "code", LONGEST_CODE) or f"http_{status}",
        parameter,
        _text(raw, "description", LONGEST_DESCRIPTION) or "",
        status,
    )


def _text(raw: dict[str, Any], name: str, longest: int) -> str | None:
    value = raw.get(name)
    return value[:longest] if isinstance(value, str) else None
