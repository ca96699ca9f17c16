"""Bodies for the provider, made once by the SDK's request objects and then stored.

A repeated call must carry the very same bytes, so a body is text from here on.
Sources: https://yookassa.ru/developers/api and, for receipts (54-FZ),
https://yookassa.ru/developers/54fz/parameters-values.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from yookassa.domain.common import RequestObject
from yookassa.domain.request import PaymentRequest, ReceiptRequest, RefundRequest

# The least sum that the provider moves; and where the SDK's floats are still exact.
LEAST_KOPECKS, MOST_KOPECKS = 100, 100_000_000_000
MOST_ITEMS, LONGEST_LINE = 80, 128
LONGEST_REFUND_REASON = 250
LONGEST_ADDRESS = {"redirect": 2048, "qr": 1024}

Method = Literal["card", "sbp"]
PaymentMode = Literal["full_prepayment", "full_payment", "advance"]


@dataclass(frozen=True)
class ReceiptItem:
    """One line of a fiscal receipt; the price is that of one piece, in kopecks.

    `vat_code` is the provider's number of a rate: 1 is "without VAT".
    """

    description: str
    amount_kopecks: int
    vat_code: int
    payment_mode: PaymentMode
    quantity: int = 1


@dataclass(frozen=True)
class Receipt:
    """What the fiscal receipt says and where the provider mails it."""

    email: str
    items: tuple[ReceiptItem, ...]

    @property
    def amount_kopecks(self) -> int:
        """The sum of the lines."""
        return sum(each.amount_kopecks * each.quantity for each in self.items)


@dataclass(frozen=True)
class PaymentOrder:
    """A payment to ask for; `number` is the booking's, as people say it.

    `qr` asks for the link of a QR code instead of the provider's page (SBP only).
    """

    attempt_id: UUID
    booking_id: UUID
    number: str
    env: str
    amount_kopecks: int
    method: Method
    return_url: str | None = None
    qr: bool = True
    receipt: Receipt | None = None


@dataclass(frozen=True)
class RefundOrder:
    """A refund to ask for; `payment_id` is the provider's id of the payment.

    A full refund takes no receipt: the provider repeats that of the payment.
    """

    refund_id: UUID
    booking_id: UUID
    payment_id: str
    env: str
    amount_kopecks: int
    description: str
    receipt: Receipt | None = None


@dataclass(frozen=True)
class ReceiptOrder:
    """The closing receipt of a visit that was prepaid by this payment."""

    payment_id: str
    receipt: Receipt


def payment_body(order: PaymentOrder) -> str:
    """The body of a new payment, taken at once (no hold); ValueError if impossible."""
    asked: dict[str, Any] = {
        "amount": _amount(order.amount_kopecks),
        "capture": True,
        "confirmation": _confirmation(order),
        "description": f"Выезд врача, заказ № {order.number}",
        "metadata": {
            "attempt_id": str(order.attempt_id),
            "booking_id": str(order.booking_id),
            "env": order.env,
        },
        "payment_method_data": {
            "type": "sbp" if order.method == "sbp" else "bank_card"
        },
    }
    return _text(PaymentRequest(asked | _receipt(order.receipt, order.amount_kopecks)))


def refund_body(order: RefundOrder) -> str:
    """The body of a full or partial refund; ValueError if impossible."""
    if len(order.description) > LONGEST_REFUND_REASON:
        raise ValueError("the description of a refund is too long")
    asked: dict[str, Any] = {
        "payment_id": order.payment_id,
        "amount": _amount(order.amount_kopecks),
        "description": order.description,
        "metadata": {
            "refund_id": str(order.refund_id),
            "booking_id": str(order.booking_id),
            "env": order.env,
        },
    }
    return _text(RefundRequest(asked | _receipt(order.receipt, order.amount_kopecks)))


def receipt_body(order: ReceiptOrder) -> str:
    """The body of a receipt that sets a prepayment off; ValueError if impossible."""
    amount = order.receipt.amount_kopecks
    asked: dict[str, Any] = {
        "type": "payment",
        "payment_id": order.payment_id,
        "settlements": [{"type": "prepayment", "amount": _amount(amount)}],
        "send": True,
    }
    return _text(ReceiptRequest(asked | _receipt(order.receipt, amount)["receipt"]))


def _confirmation(order: PaymentOrder) -> dict[str, str]:
    kind = "qr" if order.method == "sbp" and order.qr else "redirect"
    if kind == "redirect" and not order.return_url:
        raise ValueError("the provider's page needs an address to return to")
    if len(order.return_url or "") > LONGEST_ADDRESS[kind]:
        raise ValueError("the address to return to is too long")
    back = {"return_url": order.return_url} if order.return_url else {}
    return {"type": kind} | back


def _amount(kopecks: int) -> dict[str, str]:
    if not LEAST_KOPECKS <= kopecks <= MOST_KOPECKS:
        raise ValueError("the provider moves no such sum")
    return _rubles(kopecks)


def _rubles(kopecks: int) -> dict[str, str]:
    return {"value": f"{kopecks // 100:d}.{kopecks % 100:02d}", "currency": "RUB"}


def _receipt(receipt: Receipt | None, amount_kopecks: int) -> dict[str, Any]:
    """The receipt as the API takes it, once its lines make up the sum."""
    if receipt is None:
        return {}
    if not 1 <= len(receipt.items) <= MOST_ITEMS:
        raise ValueError("a receipt has from 1 to 80 lines")
    items = [_item(each) for each in receipt.items]
    if receipt.amount_kopecks != amount_kopecks:
        raise ValueError("the lines of the receipt do not make up the sum")
    return {"receipt": {"customer": {"email": receipt.email}, "items": items}}


def _item(item: ReceiptItem) -> dict[str, Any]:
    if not 1 <= len(item.description) <= LONGEST_LINE:
        raise ValueError("a line of a receipt has from 1 to 128 letters")
    if not 1 <= item.vat_code <= 12:
        raise ValueError("the code of a VAT rate is from 1 to 12")
    if item.quantity < 1 or not 1 <= item.amount_kopecks <= MOST_KOPECKS:
        raise ValueError("a line of a receipt has a price and a quantity")
    return {
        "description": item.description,
        "quantity": item.quantity,
        "amount": _rubles(item.amount_kopecks),
        "vat_code": item.vat_code,
        "payment_mode": item.payment_mode,
        "payment_subject": "service",
        "measure": "piece",
    }


def _text(request: RequestObject) -> str:
    request.validate()
    return json.dumps(dict(request))
