"""Refunds: of a succeeded payment, whole or in parts, within three years.

https://yookassa.ru/developers/payments/refunds
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.yookassa import receipts
from sandbox.yookassa.asked import RefundAsked, asked
from sandbox.yookassa.clock import SECOND, THREE_YEARS
from sandbox.yookassa.problems import Problem, missing
from sandbox.yookassa.provider import Call, Provider
from sandbox.yookassa.receipt_rules import check_attached
from sandbox.yookassa.records import REFUND, Payment, Refund, new_id
from sandbox.yookassa.webhooks import announce

LEAST = 100
PARTY = {"insufficient_funds": "yoo_money"}


def create(provider: Provider, call: Call) -> Refund:
    wanted = asked(RefundAsked, call.body)
    payment = provider.store.get(Payment, wanted.payment_id)
    if payment is None or payment.shop != call.shop:
        raise Problem("There is no such payment", "payment_id")
    amount = wanted.amount.kopecks
    _check(provider, payment, amount)
    partial = amount < payment.amount
    required = partial and payment.receipt is not None and provider.config.fiscalization
    receipt = check_attached(wanted.receipt, amount, required=required)
    refund = _make(
        provider,
        payment,
        amount,
        description=wanted.description,
        metadata=wanted.metadata or {},
        receipt=receipt or (None if partial else payment.receipt),
        receipt_fails="receipt_canceled" in call.bends,
    )
    return _go(provider, refund, call.bends)


def _check(provider: Provider, payment: Payment, amount: int) -> None:
    if payment.status != "succeeded":
        raise Problem(f"The payment is {payment.status}", "payment_id")
    if provider.clock.now() - (payment.captured_at or 0) > THREE_YEARS:
        raise Problem("The payment is older than three years", "payment_id")
    rest = payment.amount - promised(provider, payment) - amount
    if amount < LEAST or rest < 0:
        raise Problem("The amount is below 1.00 or above what is left", "amount.value")
    if 0 < rest < LEAST:
        raise Problem("Less than 1.00 would be left", "amount.value")


def promised(provider: Provider, payment: Payment) -> int:
    """What was refunded or is being refunded."""
    return sum(
        each.amount
        for each in provider.store.all(Refund)
        if each.payment_id == payment.id and each.status != "canceled"
    )


def _make(provider: Provider, payment: Payment, amount: int, **told: Any) -> Refund:
    now = provider.clock.now()
    return provider.store.put(
        Refund(
            id=new_id(REFUND, now),
            seq=provider.store.next(),
            shop=payment.shop,
            created_at=now,
            payment_id=payment.id,
            amount=amount,
            method=payment.method,
            registration="pending" if told.get("receipt") else None,
            **told,
        )
    )


def _go(
    provider: Provider, refund: Refund, bends: Mapping[str, Mapping[str, Any]]
) -> Refund:
    """A card gets its money at once, an account through SBP later."""
    due = provider.clock.now() + round(provider.config.refund_s * SECOND)
    if "refund_stuck_pending" in bends:
        return refund
    if "refund_cancel" in bends:
        told = bends["refund_cancel"]
        reason = str(told.get("reason", Refund.reason))
        bent = replace(refund, due_at=due, outcome="canceled", reason=reason)
        return (
            finish(provider, bent) if told.get("at_once") else provider.store.put(bent)
        )
    if refund.method == "sbp":
        return provider.store.put(replace(refund, due_at=due))
    return finish(provider, refund)


def by_hand(provider: Provider, payment: Payment, amount: int | None) -> Refund:
    """Refund as somebody in the merchant's cabinet does, with no request of the shop."""
    left = payment.amount - promised(provider, payment)
    wanted = left if amount is None else amount
    _check(provider, payment, wanted)
    receipt = payment.receipt if wanted == payment.amount else None
    return _go(provider, _make(provider, payment, wanted, receipt=receipt), {})


def find(provider: Provider, call: Call) -> Refund:
    refund = provider.store.get(Refund, call.ids[0])
    if refund is None or refund.shop != call.shop:
        raise missing("Refund")
    return refund


def finish(provider: Provider, refund: Refund) -> Refund:
    """Let its outcome come. There is no event for a refund that was cancelled."""
    if refund.status != "pending":
        return refund
    if refund.outcome == "canceled":
        party = PARTY.get(refund.reason, "refund_network")
        return provider.store.put(
            replace(
                refund,
                status="canceled",
                due_at=None,
                registration="canceled" if refund.registration else None,
                cancellation={"party": party, "reason": refund.reason},
            )
        )
    done = provider.store.put(replace(refund, status="succeeded", due_at=None))
    payment = provider.store.get(Payment, refund.payment_id)
    if payment is not None:
        refunded = payment.refunded + refund.amount
        provider.store.put(replace(payment, refunded=refunded))
    announce(provider, "refund.succeeded", done)
    receipts.attach(provider, "refund", done)
    return done


def settle(provider: Provider, now: int) -> None:
    for refund in provider.store.open(Refund):
        if refund.due_at is not None and refund.due_at <= now:
            finish(provider, refund)
