"""Fiscal receipts: registered a little later than what they belong to."""

import uuid
from dataclasses import replace
from typing import Any

from sandbox.yookassa.clock import SECOND
from sandbox.yookassa.money import money
from sandbox.yookassa.problems import Problem, missing
from sandbox.yookassa.provider import Call, Provider
from sandbox.yookassa.receipt_rules import check_own, items_of
from sandbox.yookassa.records import Payment, Receipt, Refund


def create(provider: Provider, call: Call) -> Receipt:
    """Register a receipt by itself, such as the closing one after a prepayment."""
    wanted = check_own(call.body)
    kind: type[Payment | Refund] = Payment if wanted.type == "payment" else Refund
    parameter = f"{wanted.type}_id"
    of = str(call.body[parameter])
    record = provider.store.get(kind, of)
    if record is None or record.shop != call.shop or record.status != "succeeded":
        raise Problem("There is no such finished operation", parameter)
    paid = [each.model_dump() for each in wanted.settlements]
    data = {"items": items_of(wanted), "settlements": paid}
    fails = "receipt_canceled" in call.bends
    return _make(provider, record, wanted.type, data, fails=fails, own=False)


def attach(provider: Provider, kind: str, record: Payment | Refund) -> None:
    """Begin to register the receipt that came with a payment or a refund."""
    if record.receipt is None:
        return
    paid = {"type": "cashless", "amount": money(record.amount)}
    data = {"items": record.receipt["items"], "settlements": [paid]}
    _make(provider, record, kind, data, fails=record.receipt_fails, own=True)


def _make(
    provider: Provider,
    record: Payment | Refund,
    kind: str,
    data: dict[str, Any],
    *,
    fails: bool,
    own: bool,
) -> Receipt:
    now = provider.clock.now()
    return provider.store.put(
        Receipt(
            id=f"rt-{uuid.uuid4()}",
            seq=provider.store.next(),
            shop=record.shop,
            created_at=now,
            type=kind,
            of=record.id,
            data=data,
            own=own,
            due_at=now + round(provider.config.receipt_s * SECOND),
            outcome="canceled" if fails else "succeeded",
        )
    )


def find(provider: Provider, call: Call) -> Receipt:
    receipt = provider.store.get(Receipt, call.ids[0])
    if receipt is None or receipt.shop != call.shop:
        raise missing("Receipt")
    return receipt


def settle(provider: Provider, now: int) -> None:
    """Finish receipts whose time has come, and tell what they belong to."""
    for receipt in provider.store.open(Receipt):
        if receipt.due_at is None or receipt.due_at > now:
            continue
        done = replace(receipt, status=receipt.outcome, due_at=None)
        provider.store.put(done)
        if done.own:
            _register(provider, done)


def _register(provider: Provider, receipt: Receipt) -> None:
    store, state = provider.store, receipt.status
    if receipt.type == "payment":
        if payment := store.get(Payment, receipt.of):
            store.put(replace(payment, registration=state))
    elif refund := store.get(Refund, receipt.of):
        store.put(replace(refund, registration=state))
