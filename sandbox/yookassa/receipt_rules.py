"""Receipts of 54-FZ that come with payments, refunds and by themselves.

https://yookassa.ru/developers/54fz/parameters-values
"""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from sandbox.yookassa.asked import Asked, Money, asked
from sandbox.yookassa.money import cost
from sandbox.yookassa.problems import Problem

ILLEGAL = "Receipt is missing or illegal"
Email = Annotated[
    str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", min_length=6, max_length=254)
]
Subject = Literal[
    "commodity", "excise", "job", "service", "gambling_bet", "gambling_prize",
    "lottery", "lottery_prize", "intellectual_activity", "payment",
    "agent_commission", "property_right", "non_operating_gain", "insurance_premium",
    "sales_tax", "resort_fee", "composite", "another", "fine", "tax", "lien", "cost",
    "agent_withdrawals", "pension_insurance_without_payouts",
    "pension_insurance_with_payouts", "health_insurance_without_payouts",
    "health_insurance_with_payouts", "health_insurance", "casino",
    "marked", "non_marked", "marked_excise", "non_marked_excise",
]  # fmt: skip
Mode = Literal[
    "full_prepayment", "partial_prepayment", "advance", "full_payment",
    "partial_payment", "credit", "credit_payment",
]  # fmt: skip
Measure = Literal[
    "piece", "gram", "kilogram", "ton", "centimeter", "decimeter", "meter",
    "square_centimeter", "square_decimeter", "square_meter", "milliliter", "liter",
    "cubic_meter", "kilowatt_hour", "gigacalorie", "day", "hour", "minute", "second",
    "kilobyte", "megabyte", "gigabyte", "terabyte", "another",
]  # fmt: skip

Agent = Literal[
    "banking_payment_agent", "banking_payment_subagent", "payment_agent",
    "payment_subagent", "attorney", "commissioner", "agent",
]  # fmt: skip


def _number(value: Any) -> Any:
    """Take a number or a string that writes one."""
    try:
        return Decimal(str(value)) if not isinstance(value, bool) else value
    except InvalidOperation as wrong:
        raise ValueError("quantity is not a number") from wrong


def _countable(value: Decimal) -> Decimal:
    if not value.is_finite() or not 0 < value < 100_000:
        raise ValueError("quantity must be above zero and below 100000")
    return value


class Supplier(Asked):
    name: str | None = Field(default=None, max_length=256)
    phone: str | None = Field(default=None, pattern=r"^\+?[0-9]{10,15}$")
    inn: str | None = Field(default=None, pattern=r"^([0-9]{10}|[0-9]{12})$")


class Item(Asked):
    description: str = Field(min_length=1, max_length=128)
    quantity: Annotated[Decimal, BeforeValidator(_number), AfterValidator(_countable)]
    amount: Money
    vat_code: int = Field(ge=1, le=12)
    payment_subject: Subject | None = None
    payment_mode: Mode | None = None
    measure: Measure | None = None
    agent_type: Agent | None = None
    supplier: Supplier | None = None

    @property
    def kopecks(self) -> int:
        return cost(self.amount.kopecks, self.quantity)


class Customer(Asked):
    email: Email | None = None
    phone: str | None = Field(default=None, pattern=r"^\+?[0-9]{10,15}$")
    full_name: str | None = Field(default=None, max_length=256)


class ReceiptData(Asked):
    """Both the e-mail of the customer and the old one beside it are taken."""

    customer: Customer = Field(default_factory=Customer)
    email: Email | None = None
    items: list[Item] = Field(min_length=1, max_length=80)


class Settlement(Asked):
    type: Literal["cashless", "prepayment", "postpayment", "consideration"]
    amount: Money


class ReceiptAsked(ReceiptData):
    type: Literal["payment", "refund"]
    payment_id: str | None = None
    refund_id: str | None = None
    settlements: list[Settlement] = Field(min_length=1)
    send: Literal[True]


def check_attached(
    raw: dict[str, Any] | None, total: int, *, required: bool
) -> dict[str, Any] | None:
    """Check a receipt inside a payment or a refund of `total`; give its items."""
    if raw is None:
        if required:
            raise Problem(ILLEGAL, "receipt")
        return None
    try:
        read = asked(ReceiptData, raw)
    except Problem as wrong:
        told = f"{ILLEGAL}: {wrong.parameter}: {wrong.description}"
        raise Problem(told, "receipt") from wrong
    if not (read.customer.email or read.email):
        raise Problem(f"{ILLEGAL}: no e-mail of the customer", "receipt")
    if sum(item.kopecks for item in read.items) != total:
        raise Problem(f"{ILLEGAL}: items do not make up the amount", "receipt")
    return {"items": items_of(read)}


def items_of(read: ReceiptData) -> list[dict[str, Any]]:
    """Give the items as the API shows them: quantities are numbers there."""
    return [
        item.model_dump(exclude_none=True) | {"quantity": float(item.quantity)}
        for item in read.items
    ]


def check_own(body: dict[str, Any]) -> ReceiptAsked:
    """Check a request for a receipt by itself."""
    read = asked(ReceiptAsked, body)
    if not (read.customer.email or read.email):
        raise Problem("The customer has no e-mail", "customer")
    if read.type == "payment" and not read.payment_id:
        raise Problem("The receipt needs a payment", "payment_id")
    if read.type == "refund" and not read.refund_id:
        raise Problem("The receipt needs a refund", "refund_id")
    items = sum(item.kopecks for item in read.items)
    if items != sum(each.amount.kopecks for each in read.settlements):
        raise Problem("Settlements do not make up the items", "settlements")
    return read
