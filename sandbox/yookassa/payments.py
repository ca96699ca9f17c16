"""Payments: pending → waiting_for_capture → succeeded, or canceled. Never back.

https://yookassa.ru/developers/payments/payment-process
"""

import secrets
from dataclasses import replace
from typing import Any

from sandbox.yookassa import receipts
from sandbox.yookassa.asked import CaptureAsked, PaymentAsked, asked
from sandbox.yookassa.clock import HOUR
from sandbox.yookassa.problems import Problem, missing
from sandbox.yookassa.provider import Call, Provider
from sandbox.yookassa.receipt_rules import check_attached
from sandbox.yookassa.records import PAYMENT, Payment, new_id
from sandbox.yookassa.rendering import HOLD
from sandbox.yookassa.webhooks import announce

LEAST = 100
LARGEST = {"bank_card": 35_000_000, "sbp": 70_000_000}
BANK = {"bank_id": "100000000111", "bic": "044525225"}


def create(provider: Provider, call: Call) -> Payment:
    wanted = asked(PaymentAsked, call.body)
    _check(wanted)
    total = wanted.amount.kopecks
    receipt = check_attached(
        wanted.receipt, total, required=provider.config.fiscalization
    )
    now = provider.clock.now()
    payment_id = new_id(PAYMENT, now)
    method = wanted.payment_method_data
    payment = Payment(
        id=payment_id,
        seq=provider.store.next(),
        shop=call.shop,
        created_at=now,
        due_at=now + HOUR,
        amount=total,
        method=method.type if method else "bank_card",
        method_asked=method is not None,
        capture=wanted.capture,
        confirmation=_confirmation(provider, call, wanted, payment_id),
        description=wanted.description,
        customer=wanted.merchant_customer_id,
        metadata=wanted.metadata or {},
        receipt=receipt,
        receipt_fails="receipt_canceled" in call.bends,
        registration="pending" if receipt else None,
    )
    provider.store.put(payment)
    return complete(provider, payment) if "status_skip" in call.bends else payment


def _check(wanted: PaymentAsked) -> None:
    method = wanted.payment_method_data
    kind = method.type if method else "bank_card"
    if not LEAST <= wanted.amount.kopecks <= LARGEST[kind]:
        raise Problem("The amount is outside the limits of the method", "amount.value")
    if wanted.confirmation.type == "redirect" and not wanted.confirmation.return_url:
        raise Problem("return_url is missing", "confirmation.return_url")
    if wanted.confirmation.type == "qr" and kind != "sbp":
        raise Problem("This method has no QR code", "confirmation.type")
    if kind == "sbp" and not wanted.capture:
        raise Problem("Money cannot be held through SBP", "capture")


def _confirmation(
    provider: Provider, call: Call, wanted: PaymentAsked, payment_id: str
) -> dict[str, str]:
    back = wanted.confirmation.return_url
    told = {"type": wanted.confirmation.type} | ({"return_url": back} if back else {})
    if wanted.confirmation.type == "redirect":
        return told | {"confirmation_url": f"{call.base}/pay/{payment_id}"}
    if not provider.config.strict_qr:
        return told | {"confirmation_data": f"{call.base}/qr/{payment_id}"}
    # As NSPK writes its links: a code of 32 signs, the bank, kopecks and a check sum.
    code = "AD" + payment_id.replace("-", "").upper()[2:]
    link = (
        f"https://qr.nspk.ru/{code}?type=02&bank={BANK['bank_id']}"
        f"&sum={wanted.amount.kopecks}&cur=RUB&crc={secrets.token_hex(2).upper()}"
    )
    return told | {"confirmation_data": link}


def find(provider: Provider, call: Call) -> Payment:
    payment = provider.store.get(Payment, call.ids[0])
    if payment is None or payment.shop != call.shop:
        raise missing("Payment")
    return payment


def pay(provider: Provider, payment: Payment) -> Payment:
    """Let the payer confirm; a payment that is no longer pending stays as it is."""
    if payment.status != "pending":
        return payment
    if payment.capture:
        return complete(provider, payment)
    held = replace(
        payment,
        status="waiting_for_capture",
        due_at=provider.clock.now() + HOLD,
        **_instrument(payment),
    )
    provider.store.put(held)
    announce(provider, "payment.waiting_for_capture", held)
    return held


def complete(
    provider: Provider, payment: Payment, amount: int | None = None
) -> Payment:
    """Take the money, or a part of what was held."""
    now = provider.clock.now()
    details = {} if payment.instrument else _instrument(payment)
    done = replace(
        payment,
        status="succeeded",
        amount=amount or payment.amount,
        captured_at=now,
        due_at=None,
        **details,
    )
    provider.store.put(done)
    announce(provider, "payment.succeeded", done)
    receipts.attach(provider, "payment", done)
    return done


def _instrument(payment: Payment) -> dict[str, Any]:
    """How the payer paid: a card of the test kind, or an account in a bank."""
    if payment.method == "sbp":
        details = {
            "sbp_operation_id": secrets.token_hex(16).upper(),
            "payer_bank_details": BANK,
        }
        return {"instrument": details}
    card = {
        "first6": "555555",
        "last4": "4444",
        "expiry_year": "2030",
        "expiry_month": "12",
        "card_type": "MasterCard",
        "issuer_country": "RU",
    }
    secure = {"applied": True}
    return {
        "instrument": {"title": "Bank card *4444", "card": card},
        "authorization": {
            "rrn": f"{secrets.randbelow(10**12):012d}",
            "auth_code": f"{secrets.randbelow(10**6):06d}",
            "three_d_secure": secure,
        },
    }


def stop(provider: Provider, payment: Payment, party: str, reason: str) -> Payment:
    """Cancel what is not final."""
    if payment.status not in {"pending", "waiting_for_capture"}:
        return payment
    stopped = replace(
        payment,
        status="canceled",
        due_at=None,
        registration="canceled" if payment.registration else None,
        cancellation={"party": party, "reason": reason},
    )
    provider.store.put(stopped)
    announce(provider, "payment.canceled", stopped)
    return stopped


def capture(provider: Provider, call: Call) -> Payment:
    payment = find(provider, call)
    wanted = asked(CaptureAsked, call.body)
    _demand_held(payment)
    amount = wanted.amount.kopecks if wanted.amount else payment.amount
    if not LEAST <= amount <= payment.amount:
        raise Problem("More than was held", "amount.value")
    known = payment.receipt is not None and provider.config.fiscalization
    required = known and amount < payment.amount
    receipt = check_attached(wanted.receipt, amount, required=required)
    payment = replace(payment, receipt=receipt or payment.receipt)
    return complete(provider, payment, amount)


def cancel(provider: Provider, call: Call) -> Payment:
    payment = find(provider, call)
    _demand_held(payment)
    return stop(provider, payment, "merchant", "canceled_by_merchant")


def _demand_held(payment: Payment) -> None:
    if payment.status != "waiting_for_capture":
        raise Problem(f"The payment is {payment.status}", "payment_id")


def expire(provider: Provider, now: int) -> None:
    """Cancel payments that nobody confirmed within the hour, or captured in a week."""
    for payment in provider.store.open(Payment):
        if payment.due_at is None or payment.due_at > now:
            continue
        confirmed = payment.status == "waiting_for_capture"
        reason = "expired_on_capture" if confirmed else "expired_on_confirmation"
        stop(provider, payment, "yoo_money", reason)
