"""Payouts to people, from a balance that never ends here.

https://yookassa.ru/developers/payouts/overview
"""

import uuid
from dataclasses import replace
from typing import Any

from sandbox.yookassa.asked import DestinationAsked, PayoutAsked, asked
from sandbox.yookassa.clock import SECOND
from sandbox.yookassa.problems import Problem, missing
from sandbox.yookassa.provider import Call, Provider
from sandbox.yookassa.records import Payout
from sandbox.yookassa.webhooks import announce

LEAST = {"sbp": 100, "bank_card": 500}
MOST = 50_000_000
BANKS = (
    ("100000000111", "Сбербанк", "044525225"),
    ("100000000004", "Т-Банк", "044525974"),
    ("100000000005", "Банк ВТБ", "044525187"),
    ("100000000008", "Альфа-Банк", "044525593"),
    ("100000000007", "Райффайзенбанк", "044525700"),
)


def banks(_provider: Provider, _call: Call) -> dict[str, Any]:
    items = [{"bank_id": key, "name": name, "bic": bic} for key, name, bic in BANKS]
    return {"type": "list", "items": items}


def create(provider: Provider, call: Call) -> Payout:
    wanted = asked(PayoutAsked, call.body)
    destination = _destination(wanted.payout_destination_data)
    amount = wanted.amount.kopecks
    if not LEAST[str(destination["type"])] <= amount <= MOST:
        raise Problem("The amount is outside the limits", "amount.value")
    now = provider.clock.now()
    return provider.store.put(
        Payout(
            id=f"po-{uuid.uuid4()}",
            seq=provider.store.next(),
            shop=call.shop,
            created_at=now,
            amount=amount,
            destination=destination,
            due_at=now + round(provider.config.payout_s * SECOND),
            description=wanted.description,
            metadata=wanted.metadata or {},
        )
    )


def _destination(wanted: DestinationAsked) -> dict[str, Any]:
    if wanted.type == "sbp":
        if not wanted.phone:
            raise Problem("A phone is needed", "payout_destination_data.phone")
        if wanted.bank_id not in {key for key, _, _ in BANKS}:
            raise Problem("There is no such bank", "payout_destination_data.bank_id")
        return {"type": "sbp", "phone": wanted.phone, "bank_id": wanted.bank_id}
    number = str((wanted.card or {}).get("number", ""))
    if not (number.isascii() and number.isdigit() and 16 <= len(number) <= 19):
        raise Problem("A card is needed", "payout_destination_data.card.number")
    card = {"first6": number[:6], "last4": number[-4:], "card_type": "Mir"}
    return {"type": "bank_card", "card": card}


def find(provider: Provider, call: Call) -> Payout:
    payout = provider.store.get(Payout, call.ids[0])
    if payout is None or payout.shop != call.shop:
        raise missing("Payout")
    return payout


def finish(provider: Provider, payout: Payout) -> Payout:
    """Let its outcome come."""
    if payout.status != "pending":
        return payout
    paid = payout.outcome == "succeeded"
    why = {"party": "payout_network", "reason": payout.reason}
    done = replace(
        payout,
        status=payout.outcome,
        due_at=None,
        succeeded_at=provider.clock.now() if paid else None,
        cancellation={} if paid else why,
    )
    provider.store.put(done)
    announce(provider, f"payout.{done.status}", done)
    return done


def settle(provider: Provider, now: int) -> None:
    for payout in provider.store.open(Payout):
        if payout.due_at is not None and payout.due_at <= now:
            finish(provider, payout)
