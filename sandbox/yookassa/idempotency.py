"""The first answer to a key is every later answer to it, for 24 hours.

https://yookassa.ru/developers/using-api/interaction-format#idempotence
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.yookassa.clock import DAY
from sandbox.yookassa.problems import Problem
from sandbox.yookassa.provider import Call, Provider
from sandbox.yookassa.records import Answered

HEADER = "Idempotence-Key"
KEY = re.compile(r"[0-9a-zA-Z+\-_.]{1,64}")


def demand_key(key: str | None) -> str:
    if not key:
        raise Problem("Idempotence key is missing", HEADER)
    if not KEY.fullmatch(key):
        told = "Idempotence key is too long or has characters that are not allowed"
        raise Problem(told, HEADER)
    return key


def _name(call: Call, key: str) -> str:
    return f"{call.shop} {call.method} {call.path} {key}"


def fingerprint(body: Mapping[str, Any]) -> str:
    """Two bodies are the same data whatever the order of their fields."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def earlier(provider: Provider, call: Call, key: str) -> dict[str, Any] | None:
    """Give the answer that this key has had, if it is not older than a day."""
    known = provider.store.get(Answered, _name(call, key))
    if known is None or provider.clock.now() - known.at >= DAY:
        return None
    if known.fingerprint != fingerprint(call.body):
        raise Problem("Idempotence key duplicated", HEADER)
    return dict(known.body)


def keep(provider: Provider, call: Call, key: str, body: dict[str, Any]) -> None:
    provider.store.put(
        Answered(
            id=_name(call, key),
            seq=provider.store.next(),
            at=provider.clock.now(),
            fingerprint=fingerprint(call.body),
            body=body,
        )
    )


def forget(provider: Provider) -> None:
    """Act as if a day had passed for every key."""
    for known in provider.store.all(Answered):
        if known.at:
            provider.store.put(replace(known, at=0))
