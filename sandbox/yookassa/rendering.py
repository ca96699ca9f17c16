"""Records as the API shows them: no nulls, sums as strings.

Shapes: the provider's OpenAPI and https://yookassa.ru/developers/api
"""

from typing import Any, assert_never

from sandbox.yookassa.clock import DAY, stamp
from sandbox.yookassa.config import Config
from sandbox.yookassa.money import fee, money
from sandbox.yookassa.records import Payment, Payout, Receipt, Refund

Shown = Payment | Refund | Receipt | Payout
HOLD = 7 * DAY


def shown(config: Config, record: Shown) -> dict[str, Any]:
    """Give the object of the API; what is not known is left out."""
    match record:
        case Payment():
            told = _payment(config, record)
        case Refund():
            told = _refund(record)
        case Receipt():
            told = _receipt(record)
        case Payout():
            told = _payout(record)
        case _:
            assert_never(record)
    return {name: value for name, value in told.items() if value not in (None, {})}


def _payment(config: Config, payment: Payment) -> dict[str, Any]:
    paid = payment.status in {"waiting_for_capture", "succeeded"}
    done = payment.status == "succeeded"
    hundredths = config.fees.get(payment.method, 0)
    income = payment.amount - fee(payment.amount, hundredths)
    return {
        "id": payment.id,
        "status": payment.status,
        "amount": money(payment.amount),
        "income_amount": money(income) if done else None,
        "description": payment.description,
        "recipient": {"account_id": payment.shop, "gateway_id": f"1{payment.shop}"},
        "payment_method": _method(payment),
        "captured_at": payment.captured_at and stamp(payment.captured_at),
        "created_at": stamp(payment.created_at),
        "expires_at": stamp(payment.due_at or 0)
        if payment.status == "waiting_for_capture"
        else None,
        "confirmation": payment.confirmation if payment.status == "pending" else None,
        "test": True,
        "refunded_amount": money(payment.refunded) if done else None,
        "paid": paid,
        "refundable": done and payment.refunded < payment.amount,
        "receipt_registration": payment.registration,
        "metadata": payment.metadata,
        "cancellation_details": payment.cancellation,
        "authorization_details": payment.authorization,
        "merchant_customer_id": payment.customer,
    }


def _method(payment: Payment) -> dict[str, Any] | None:
    if not payment.method_asked and not payment.instrument:
        return None
    return {
        "type": payment.method,
        "id": payment.id,
        "saved": False,
        "status": "inactive",
        **payment.instrument,
    }


def _refund(refund: Refund) -> dict[str, Any]:
    done = refund.status == "succeeded"
    by_sbp = {"type": "sbp", "sbp_operation_id": refund.id.replace("-", "")}
    return {
        "id": refund.id,
        "payment_id": refund.payment_id,
        "status": refund.status,
        "created_at": stamp(refund.created_at),
        "amount": money(refund.amount),
        "description": refund.description,
        "receipt_registration": refund.registration,
        "refund_method": by_sbp if refund.method == "sbp" and done else None,
        "refund_authorization_details": {"rrn": str(int(refund.id[-9:], 16))}
        if refund.method == "bank_card" and done
        else None,
        "metadata": refund.metadata,
        "cancellation_details": refund.cancellation,
    }


def _receipt(receipt: Receipt) -> dict[str, Any]:
    done = receipt.status == "succeeded"
    number = str(int(receipt.id[-8:], 16))
    fiscal = {
        "fiscal_document_number": number,
        "fiscal_storage_number": "9288000100115785",
        "fiscal_attribute": number[::-1],
        "registered_at": stamp(receipt.created_at),
        "fiscal_provider_id": receipt.id[3:],
    }
    return {
        "id": receipt.id,
        "type": receipt.type,
        f"{receipt.type}_id": receipt.of,
        "status": receipt.status,
        "items": receipt.data["items"],
        "settlements": receipt.data.get("settlements"),
        **(fiscal if done else {}),
    }


def _payout(payout: Payout) -> dict[str, Any]:
    return {
        "id": payout.id,
        "amount": money(payout.amount),
        "status": payout.status,
        "payout_destination": payout.destination,
        "description": payout.description,
        "created_at": stamp(payout.created_at),
        "succeeded_at": payout.succeeded_at and stamp(payout.succeeded_at),
        "cancellation_details": payout.cancellation,
        "metadata": payout.metadata,
        "test": True,
    }
