"""SMS through a provider with the HTTP interface of SMS.RU.

Source: the provider's description of `/sms/send` and `/sms/status` with `json=1`:
status codes 100 to 103 mean accepted or delivered, 2xx are refusals, 500 and above
are faults of theirs. Of a message that was taken, 103 says that it has arrived; 104 to
108 and 150 say that it never will.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import httpx

from services.config import Settings
from services.gateways import NotConfigured, Undelivered

SECONDS = 10.0
ACCEPTED = range(100, 104)
# No right number, no sender by that name, the number is in the stop list: the same
# message will never be taken.
REFUSALS = frozenset({202, 204, 205, 207, 209, 210})


ARRIVED = frozenset({103})
LOST = frozenset({104, 105, 106, 107, 108, 150})
KNOWN = frozenset(ACCEPTED) | LOST
ASKED_AT_ONCE = 100


class SmsState(StrEnum):
    """How far the provider got with a message."""

    UNDER_WAY = "under_way"
    ARRIVED = "arrived"
    LOST = "lost"


async def send(settings: Settings, to: str, text: str) -> str | None:
    """Hand one message to the provider and give its name there; `to` is in E.164.

    Raises NotConfigured without a provider, Undelivered when it did not take it.
    """
    fields = {"to": to.removeprefix("+"), "msg": text}
    if settings.sms_sender:
        fields["from"] = settings.sms_sender
    body = await _ask(settings, settings.sms_url, fields)
    return _judge(body, fields["to"])


async def states(
    settings: Settings, provider_ids: Sequence[str]
) -> Mapping[str, SmsState]:
    """Ask how far these messages got, a hundred at most; what is unknown is left out.

    Raises NotConfigured without a provider, Undelivered when it did not answer.
    """
    url = settings.sms_url.removesuffix("/send") + "/status"
    body = await _ask(settings, url, {"sms_id": ",".join(provider_ids)})
    found = body.get("sms")
    messages = found if isinstance(found, dict) else {}
    codes = {name: _code(messages.get(name)) for name in provider_ids}
    return {name: _state(code) for name, code in codes.items() if code in KNOWN}


async def _ask(
    settings: Settings, url: str, fields: Mapping[str, str]
) -> dict[str, Any]:
    if not settings.sms_url:
        raise NotConfigured
    sent = {"api_id": settings.sms_api_id, **fields, "json": "1"}
    try:
        async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
            answer = await client.post(url, data=sent)
        body = answer.json() if answer.is_success else None
    except (httpx.HTTPError, ValueError) as error:
        raise Undelivered(f"SMS provider: {type(error).__name__}") from error
    if not isinstance(body, dict):
        raise Undelivered(f"SMS provider: HTTP {answer.status_code}")
    return body


def _judge(body: dict[str, Any], number: str) -> str | None:
    """Read the code of the message, else the code of the whole request."""
    messages = body.get("sms")
    one = messages.get(number) if isinstance(messages, dict) else None
    answer = one if isinstance(one, dict) else body
    code = _code(answer)
    if code is None:
        raise Undelivered("SMS provider: an answer without a code")
    if code not in ACCEPTED:
        raise Undelivered(f"SMS provider: {code}", refused=code in REFUSALS)
    name = answer.get("sms_id")
    return name if isinstance(name, str) else None


def _code(answer: Any) -> int | None:
    code = answer.get("status_code") if isinstance(answer, dict) else None
    return code if isinstance(code, int) else None


def _state(code: int | None) -> SmsState:
    if code in ARRIVED:
        return SmsState.ARRIVED
    return SmsState.LOST if code in LOST else SmsState.UNDER_WAY
