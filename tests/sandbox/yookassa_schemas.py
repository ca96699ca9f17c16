"""Our own schemas of what YooKassa answers; a field that is not here is a mistake.

Written after the provider's published API, object by object:
https://yookassa.ru/developers/api
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-000f-5000-8000-[0-9a-f]{12}$")]
RefundId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-0015-5000-8000-[0-9a-f]{12}$")]
ReceiptId = Annotated[str, Field(pattern=r"^rt-[0-9a-f-]{36}$")]
PayoutId = Annotated[str, Field(pattern=r"^po-[0-9a-f-]{36}$")]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Text = Annotated[str, Field(min_length=1)]
Link = Annotated[str, Field(pattern=r"^https?://", max_length=2048)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=32)], Annotated[str, Field(max_length=512)]],
    Field(min_length=1, max_length=16),
]
Registration = Literal["pending", "succeeded", "canceled"]


class Shape(BaseModel):
    """Strict: no other fields, no nulls, no strings for booleans."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, data: Any) -> Any:
        assert isinstance(data, dict), "not an object"
        assert None not in data.values(), "null in an answer"
        return data


class Amount(Shape):
    value: Annotated[str, Field(pattern=r"^\d+\.\d{2}$")]
    currency: Literal["RUB"]


class Recipient(Shape):
    account_id: Text
    gateway_id: Text


class Card(Shape):
    first6: Annotated[str, Field(pattern=r"^\d{6}$")]
    last4: Annotated[str, Field(pattern=r"^\d{4}$")]
    card_type: Text
    expiry_year: Annotated[str, Field(pattern=r"^\d{4}$")] | None = None
    expiry_month: Annotated[str, Field(pattern=r"^\d{2}$")] | None = None
    issuer_country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None


class PayerBank(Shape):
    bank_id: Annotated[str, Field(max_length=12)]
    bic: Annotated[str, Field(pattern=r"^\d{9}$")]


class Method(Shape):
    type: Literal["bank_card", "sbp"]
    id: Id
    saved: bool
    status: Literal["inactive", "active", "pending"]
    title: str | None = None
    card: Card | None = None
    sbp_operation_id: Annotated[str, Field(pattern=r"^[0-9A-F]{32}$")] | None = None
    payer_bank_details: PayerBank | None = None


class Redirect(Shape):
    type: Literal["redirect"]
    return_url: Link
    confirmation_url: Link


class Qr(Shape):
    type: Literal["qr"]
    confirmation_data: Link
    return_url: Link | None = None


class Cancellation(Shape):
    party: Literal[
        "merchant", "yoo_money", "payment_network", "refund_network", "payout_network"
    ]
    reason: Text


class ThreeDSecure(Shape):
    applied: bool


class Authorization(Shape):
    rrn: Text
    auth_code: Text
    three_d_secure: ThreeDSecure


class Payment(Shape):
    id: Id
    status: Literal["pending", "waiting_for_capture", "succeeded", "canceled"]
    amount: Amount
    income_amount: Amount | None = None
    description: Annotated[str, Field(max_length=128)] | None = None
    recipient: Recipient
    payment_method: Method | None = None
    captured_at: Moment | None = None
    created_at: Moment
    expires_at: Moment | None = None
    confirmation: Annotated[Redirect | Qr, Field(discriminator="type")] | None = None
    test: Literal[True]
    refunded_amount: Amount | None = None
    paid: bool
    refundable: bool
    receipt_registration: Registration | None = None
    metadata: Metadata | None = None
    cancellation_details: Cancellation | None = None
    authorization_details: Authorization | None = None
    merchant_customer_id: Annotated[str, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Payment":
        done = self.status == "succeeded"
        assert self.paid == (self.status in {"succeeded", "waiting_for_capture"})
        assert (self.captured_at is not None) == done
        assert (self.income_amount is not None) == done
        assert (self.refunded_amount is not None) == done
        assert (self.expires_at is not None) == (self.status == "waiting_for_capture")
        assert (self.cancellation_details is not None) == (self.status == "canceled")
        assert (self.confirmation is not None) == (self.status == "pending")
        assert done or not self.refundable
        return self


class RefundMethod(Shape):
    type: Literal["sbp"]
    sbp_operation_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class RefundAuthorization(Shape):
    rrn: Text


class Refund(Shape):
    id: RefundId
    payment_id: Id
    status: Literal["pending", "succeeded", "canceled"]
    amount: Amount
    created_at: Moment
    description: Annotated[str, Field(max_length=250)] | None = None
    metadata: Metadata | None = None
    receipt_registration: Registration | None = None
    cancellation_details: Cancellation | None = None
    refund_method: RefundMethod | None = None
    refund_authorization_details: RefundAuthorization | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Refund":
        assert (self.cancellation_details is not None) == (self.status == "canceled")
        return self


class Supplier(Shape):
    name: Text | None = None
    phone: Text | None = None
    inn: Text | None = None


class Item(Shape):
    description: Annotated[str, Field(min_length=1, max_length=128)]
    quantity: float
    amount: Amount
    vat_code: Annotated[int, Field(ge=1, le=12)]
    payment_subject: Text | None = None
    payment_mode: Text | None = None
    measure: Text | None = None
    agent_type: Text | None = None
    supplier: Supplier | None = None


class Settlement(Shape):
    type: Literal["cashless", "prepayment", "postpayment", "consideration"]
    amount: Amount


class Receipt(Shape):
    id: ReceiptId
    type: Literal["payment", "refund"]
    payment_id: Id | None = None
    refund_id: RefundId | None = None
    status: Registration
    items: Annotated[list[Item], Field(min_length=1)]
    settlements: Annotated[list[Settlement], Field(min_length=1)]
    fiscal_document_number: Text | None = None
    fiscal_storage_number: Text | None = None
    fiscal_attribute: Text | None = None
    registered_at: Moment | None = None
    fiscal_provider_id: Text | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Receipt":
        assert (self.payment_id is not None) == (self.type == "payment")
        assert (self.refund_id is not None) == (self.type == "refund")
        assert (self.registered_at is not None) == (self.status == "succeeded")
        return self


class ToSbp(Shape):
    type: Literal["sbp"]
    phone: Text
    bank_id: Annotated[str, Field(min_length=12, max_length=12)]


class ToCard(Shape):
    type: Literal["bank_card"]
    card: Card


class Payout(Shape):
    id: PayoutId
    amount: Amount
    status: Literal["pending", "succeeded", "canceled"]
    payout_destination: Annotated[ToSbp | ToCard, Field(discriminator="type")]
    description: Annotated[str, Field(max_length=128)] | None = None
    created_at: Moment
    succeeded_at: Moment | None = None
    cancellation_details: Cancellation | None = None
    metadata: Metadata | None = None
    test: Literal[True]


class Fiscalization(Shape):
    enabled: bool
    provider: Text | None = None


class Me(Shape):
    account_id: Text
    status: Literal["enabled"]
    test: Literal[True]
    fiscalization: Fiscalization
    fiscalization_enabled: bool
    payment_methods: list[Literal["bank_card", "sbp"]]


class Bank(Shape):
    bank_id: Annotated[str, Field(min_length=12, max_length=12)]
    name: Text
    bic: Annotated[str, Field(pattern=r"^\d{9}$")]


class Error(Shape):
    type: Literal["error"]
    id: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    code: (
        Literal[
            "invalid_request",
            "invalid_credentials",
            "forbidden",
            "not_found",
            "too_many_requests",
            "internal_server_error",
        ]
        | None
    ) = None
    description: Text
    parameter: Text | None = None


class Page(Shape):
    type: Literal["list"]
    items: list[Any]
    next_cursor: Text | None = None


class Notification(Shape):
    type: Literal["notification"]
    event: Literal[
        "payment.waiting_for_capture",
        "payment.succeeded",
        "payment.canceled",
        "refund.succeeded",
        "payout.succeeded",
        "payout.canceled",
    ]
    object: dict[str, Any]


OBJECTS: tuple[tuple[str, type[Shape]], ...] = (
    (r"/payments(/[^/]+(/capture|/cancel)?)?", Payment),
    (r"/refunds(/[^/]+)?", Refund),
    (r"/receipts(/[^/]+)?", Receipt),
    (r"/payouts(/[^/]+)?", Payout),
    (r"/sbp_banks", Bank),
    (r"/me", Me),
)
OF_EVENTS: dict[str, type[Shape]] = {
    "payment": Payment,
    "refund": Refund,
    "payout": Payout,
}


def check_answer(path: str, status: int, body: Any) -> None:
    """Fail unless the answer of this path is as the provider would give it."""
    if status != 200:
        error = Error.model_validate(body)
        assert (error.code is None) == (status in {405, 415})
        return
    shape = next(shape for pattern, shape in OBJECTS if re.fullmatch(pattern, path))
    if isinstance(body, dict) and body.get("type") == "list":
        TypeAdapter(list[shape]).validate_python(Page.model_validate(body).items)
    else:
        shape.model_validate(body)


def check_notification(body: Any) -> None:
    """Fail unless it is a notification with the whole object of its kind."""
    told = Notification.model_validate(body)
    kind, state = told.event.split(".")
    shape = OF_EVENTS[kind].model_validate(told.object)
    assert shape.status == state
