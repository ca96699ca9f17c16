"""Notifications on paper: what is said, and the delivery that carries it."""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.yookassa.provider import Provider
from sandbox.yookassa.records import PAYMENT, Delivery, new_id

ELSEWHERE = "127.0.0.66"


def notification(event: str, told: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "notification", "event": event, "object": dict(told)}


def make(provider: Provider, body: Any, payment_id: str, **how: Any) -> Delivery:
    """Write a delivery of the body; `how` are its other fields."""
    now = provider.clock.now()
    known = body if isinstance(body, dict) else {}
    told = known.get("object")
    return Delivery(
        id=str(uuid.uuid4()),
        seq=provider.store.next(),
        created_at=now,
        due_at=now,
        event=str(known.get("event", "")),
        object_id=str(told.get("id", "")) if isinstance(told, dict) else "",
        payment_id=payment_id,
        body=body,
        **how,
    )


def forge(provider: Provider, true: dict[str, Any], how: Mapping[str, Any]) -> Delivery:
    """Write a false notification after a true one and put it on its way, once.

    `kind` is unknown_id, other_shop, other_amount, wrong_ip (a true body that comes
    from another address of loopback) or raw (`body` as it is given). `source` and
    `headers` say from where and with what it is sent, `url` to where.
    """
    kind = str(how.get("kind", "unknown_id"))
    body = how.get("body", true) if kind == "raw" else _false(provider, true, kind, how)
    source = how.get("source", ELSEWHERE if kind == "wrong_ip" else None)
    forged = make(
        provider,
        body,
        "",
        once=True,
        forged=True,
        source=source,
        url=how.get("url"),
        headers=dict(how.get("headers", {})),
    )
    return provider.store.put(forged)


def _false(
    provider: Provider, true: dict[str, Any], kind: str, how: Mapping[str, Any]
) -> dict[str, Any]:
    told = dict(true["object"])
    if kind == "unknown_id":
        told["id"] = how.get("id", new_id(PAYMENT, provider.clock.now()))
    if kind == "other_shop":
        shop = str(how.get("shop", secrets.randbelow(10**6)))
        told["recipient"] = {"account_id": shop, "gateway_id": f"1{shop}"}
    if kind == "other_amount":
        told["amount"] = {"value": str(how.get("amount", "1.00")), "currency": "RUB"}
    return true | {"object": told}
