"""What requests may ask: shapes, lengths and enumerations of the API."""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sandbox.yookassa.problems import Problem

M = TypeVar("M", bound="Asked")


class Asked(BaseModel):
    """Fields that are not known are let through, as the provider does."""

    model_config = ConfigDict(extra="ignore", strict=True)


class Money(Asked):
    value: str = Field(pattern=r"^[0-9]{1,12}\.[0-9]{2}$")
    currency: Literal["RUB"]

    @property
    def kopecks(self) -> int:
        return int(self.value.replace(".", ""))


def _sixteen(value: Any) -> Any:
    if isinstance(value, dict) and len(value) > 16:
        raise ValueError("metadata has more than 16 keys")
    return value


Metadata = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=32)],
        Annotated[str, Field(max_length=512)],
    ],
    BeforeValidator(_sixteen),
]
ReturnUrl = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2048)]


class MethodAsked(Asked):
    type: Literal["bank_card", "sbp"]


class ConfirmationAsked(Asked):
    type: Literal["redirect", "qr"]
    return_url: ReturnUrl | None = None


class PaymentAsked(Asked):
    amount: Money
    confirmation: ConfirmationAsked
    payment_method_data: MethodAsked | None = None
    capture: bool = False
    description: str | None = Field(default=None, max_length=128)
    metadata: Metadata | None = None
    receipt: dict[str, Any] | None = None
    merchant_customer_id: str | None = Field(default=None, max_length=200)


class CaptureAsked(Asked):
    amount: Money | None = None
    receipt: dict[str, Any] | None = None


class RefundAsked(Asked):
    payment_id: str = Field(min_length=36, max_length=36)
    amount: Money
    description: str | None = Field(default=None, max_length=250)
    metadata: Metadata | None = None
    receipt: dict[str, Any] | None = None


class DestinationAsked(Asked):
    type: Literal["sbp", "bank_card"]
    phone: str | None = Field(default=None, pattern=r"^\+?[0-9]{10,15}$")
    bank_id: str | None = Field(default=None, min_length=12, max_length=12)
    card: dict[str, Any] | None = None


class PayoutAsked(Asked):
    amount: Money
    payout_destination_data: DestinationAsked
    description: str | None = Field(default=None, max_length=128)
    metadata: Metadata | None = None


def kopecks_of(amount: Any) -> int | None:
    """Read a sum of the control: kopecks, "12.00", or an amount of the API."""
    if amount is None or isinstance(amount, int):
        return amount
    text = amount if isinstance(amount, dict) else {"value": amount, "currency": "RUB"}
    return asked(Money, text).kopecks


def object_of(raw: bytes) -> dict[str, Any]:
    """Read a body; nothing at all means no fields."""
    if not raw.strip():
        return {}
    try:
        read = json.loads(raw)
    except (ValueError, RecursionError) as wrong:
        raise Problem("Request body is not valid JSON") from wrong
    if not isinstance(read, dict):
        raise Problem("Request body is not a JSON object")
    return read


def asked(model: type[M], body: dict[str, Any]) -> M:
    """Read the body as the model, or name the first parameter that is wrong."""
    try:
        return model.model_validate(body)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_context=False)[0]
        place = [str(each) for each in first["loc"]]
        if place[:1] == ["metadata"]:
            place = place[:1]
        raise Problem(f"Invalid value: {first['msg']}", ".".join(place)) from wrong
