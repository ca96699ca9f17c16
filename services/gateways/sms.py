"""SMS through a provider with the HTTP interface of SMS.RU.

Source: the provider's description of `/sms/send` with `json=1`: status codes 100 to
103 mean accepted or delivered, 2xx are refusals, 500 and above are faults of theirs.
"""

from typing import Any

import httpx

from services.config import Settings
from services.gateways import NotConfigured, Undelivered

SECONDS = 10.0
ACCEPTED = range(100, 104)
# No right number, no sender by that name, the number is in the stop list: the same
# message will never be taken.
REFUSALS = frozenset({202, 204, 205, 207, 209, 210})


async def send(settings: Settings, to: str, text: str) -> None:
    """Hand one message to the provider; `to` is in E.164.

    Raises NotConfigured without a provider, Undelivered when it did not take it.
    """
    if not settings.sms_url:
        raise NotConfigured
    fields = {"api_id": settings.sms_api_id, "to": to.removeprefix("+"), "msg": text}
    if settings.sms_sender:
        fields["from"] = settings.sms_sender
    try:
        async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as client:
            answer = await client.post(settings.sms_url, data=fields | {"json": "1"})
        body = answer.json() if answer.is_success else None
    except (httpx.HTTPError, ValueError) as error:
        raise Undelivered(f"SMS provider: {type(error).__name__}") from error
    if not isinstance(body, dict):
        raise Undelivered(f"SMS provider: HTTP {answer.status_code}")
    _judge(body, fields["to"])


def _judge(body: dict[str, Any], number: str) -> None:
    """Read the code of the message, else the code of the whole request."""
    messages = body.get("sms")
    one = messages.get(number) if isinstance(messages, dict) else None
    code = (one if isinstance(one, dict) else body).get("status_code")
    if not isinstance(code, int):
        raise Undelivered("SMS provider: an answer without a code")
    if code not in ACCEPTED:
        raise Undelivered(f"SMS provider: {code}", refused=code in REFUSALS)
