"""Which events are told, and the faults that bend their deliveries.

https://yookassa.ru/developers/using-api/webhooks
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.yookassa import notices
from sandbox.yookassa.clock import SECOND
from sandbox.yookassa.fault_rules import Subject
from sandbox.yookassa.provider import Provider
from sandbox.yookassa.records import Delivery, Payment, Payout, Refund
from sandbox.yookassa.rendering import shown

Told = Mapping[str, Mapping[str, Any]]
LONG = 3600
LATE = {"party": "yoo_money", "reason": "expired_on_confirmation"}


def announce(provider: Provider, event: str, record: Payment | Refund | Payout) -> None:
    """Put a notification on its way, with the object as it is now."""
    if not provider.webhook_url or event not in provider.config.events:
        return
    folder = event.split(".", 1)[0] + "s"
    subject = Subject(f"/v3/{folder}/{record.id}", "POST", event, record.metadata)
    faults = provider.faults.of_event(subject)
    body = notices.notification(event, shown(provider.config, record))
    of = record.payment_id if isinstance(record, Refund) else record.id
    sent = provider.store.put(_bent(notices.make(provider, body, of), faults))
    if faults.get("reorder", {}).get("mode") == "canceled_after":
        _cancel_after(provider, sent)
    if "forged" in faults:
        notices.forge(provider, body, faults["forged"])


def _bent(delivery: Delivery, faults: Told) -> Delivery:
    changes: dict[str, Any] = {}
    if "dup" in faults:
        told = faults["dup"]
        changes["copies"] = int(told.get("n", 2))
        changes["concurrent"] = bool(told.get("concurrent", False))
    if "delay" in faults:
        changes["due_at"] = delivery.due_at + _ms(faults["delay"], 5)
    if faults.get("reorder", {"mode": "none"}).get("mode", "swap") == "swap":
        changes["waits_for"] = "*"
        changes["due_at"] = delivery.due_at + _ms(faults["reorder"], LONG)
    if "lost" in faults:
        lost = faults["lost"].get("n", "all")
        changes |= {"status": "lost"} if lost == "all" else {"lost": int(lost)}
    return replace(delivery, **changes)


def _ms(told: Mapping[str, Any], otherwise: float) -> int:
    return round(float(told.get("s", otherwise)) * SECOND)


def _cancel_after(provider: Provider, sent: Delivery) -> None:
    """Tell, after the success, that the same payment was cancelled: a stale lie."""
    told = {
        name: value
        for name, value in sent.body["object"].items()
        if name not in {"captured_at", "income_amount", "refunded_amount"}
    }
    told |= {"status": "canceled", "paid": False, "refundable": False}
    told["cancellation_details"] = LATE
    body = notices.notification("payment.canceled", told)
    late = provider.clock.now() + LONG * SECOND
    lie = notices.make(provider, body, sent.payment_id, waits_for=sent.id)
    provider.store.put(replace(lie, due_at=late))


def release(provider: Provider, tried: Delivery) -> None:
    """Let go what waited for this delivery, now that it was tried."""
    for held in list(provider.store.open(Delivery)):
        same = held.payment_id == tried.payment_id and held.id != tried.id
        if held.waits_for == tried.id or (held.waits_for == "*" and same):
            now = provider.clock.now()
            provider.store.put(replace(held, waits_for=None, due_at=now))
