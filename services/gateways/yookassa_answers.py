"""What we trust of the provider's objects; the raw JSON is kept beside it.

Statuses, reasons and methods that are new to us stay as the provider wrote them;
an object that lacks what money hangs on is not read at all.
"""

import re
from typing import Annotated, Any, TypeVar

from pydantic import (
    AliasPath,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationError,
)

from services.gateways.yookassa_outcomes import Unknown

RUBLES = re.compile(r"([0-9]{1,12})\.([0-9]{2})")


def _kopecks(amount: object) -> object:
    """Turn {"value": "10.50", "currency": "RUB"} into 1050; nothing else passes."""
    if amount is None:
        return None
    if not isinstance(amount, dict) or amount.get("currency") != "RUB":
        raise ValueError("not an amount in rubles")
    value = amount.get("value")
    match = RUBLES.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not an amount in rubles")
    return int(match[1] + match[2])


def _strings(metadata: object) -> object:
    """Metadata that others wrote may be anything; ours is text by text."""
    if not isinstance(metadata, dict):
        return {}
    return {name: each for name, each in metadata.items() if isinstance(each, str)}


Kopecks = Annotated[int, BeforeValidator(_kopecks)]
Word = Annotated[str, StringConstraints(strict=True, max_length=64)]
ObjectId = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f-]{36}$")]
ReceiptId = Annotated[
    str, StringConstraints(strict=True, pattern=r"^rt-[0-9a-f-]{36}$")
]
Metadata = Annotated[dict[str, str], BeforeValidator(_strings)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ProviderPayment(_Answer):
    """A payment as the provider has it; sums in kopecks.

    `status` goes pending, waiting_for_capture, succeeded or canceled.
    `refunded_kopecks` counts refunds that succeeded; `income_kopecks` is what is left
    after the provider's fee.
    """

    id: ObjectId
    status: Word
    amount_kopecks: Kopecks = Field(validation_alias="amount")
    paid: StrictBool
    test: StrictBool
    account_id: Word = Field(validation_alias=AliasPath("recipient", "account_id"))
    created_at: AwareDatetime
    metadata: Metadata = {}
    confirmation_url: str | None = Field(
        None, validation_alias=AliasPath("confirmation", "confirmation_url")
    )
    confirmation_data: str | None = Field(
        None, validation_alias=AliasPath("confirmation", "confirmation_data")
    )
    refunded_kopecks: Kopecks | None = Field(None, validation_alias="refunded_amount")
    income_kopecks: Kopecks | None = Field(None, validation_alias="income_amount")
    captured_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    cancellation_party: Word | None = Field(
        None, validation_alias=AliasPath("cancellation_details", "party")
    )
    cancellation_reason: Word | None = Field(
        None, validation_alias=AliasPath("cancellation_details", "reason")
    )
    receipt_registration: Word | None = None
    method_type: Word | None = Field(
        None, validation_alias=AliasPath("payment_method", "type")
    )
    method_title: Word | None = Field(
        None, validation_alias=AliasPath("payment_method", "title")
    )


class ProviderRefund(_Answer):
    """A refund as the provider has it: pending, succeeded or canceled."""

    id: ObjectId
    payment_id: ObjectId
    status: Word
    amount_kopecks: Kopecks = Field(validation_alias="amount")
    created_at: AwareDatetime
    metadata: Metadata = {}
    cancellation_party: Word | None = Field(
        None, validation_alias=AliasPath("cancellation_details", "party")
    )
    cancellation_reason: Word | None = Field(
        None, validation_alias=AliasPath("cancellation_details", "reason")
    )
    receipt_registration: Word | None = None


class ProviderReceipt(_Answer):
    """A fiscal receipt as the provider has it: pending, succeeded or canceled."""

    id: ReceiptId
    type: Word
    status: Word
    payment_id: ObjectId | None = None
    refund_id: ObjectId | None = None
    registered_at: AwareDatetime | None = None
    fiscal_document_number: Word | None = None
    fiscal_attribute: Word | None = None


Answer = TypeVar("Answer", bound=_Answer)


def read(kind: type[Answer], raw: dict[str, Any]) -> Answer | Unknown:
    """Read an object; Unknown names the fields that make no sense, not their values."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        places = {".".join(map(str, each["loc"])) for each in error.errors()}
        return Unknown("unreadable: " + ", ".join(sorted(places)))
