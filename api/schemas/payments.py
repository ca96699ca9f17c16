"""What patients send and read about paying."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from models import Payment
from models.payment import PaymentMethod, PaymentStatus
from services.inputs import Input
from services.payment_opening import Wish


class PaymentBody(Input):
    """How to pay, and where the provider's page leads back to."""

    method: PaymentMethod
    return_url: (
        Annotated[str, Field(strict=True, min_length=1, max_length=2048)] | None
    ) = None

    def wish(self) -> Wish:
        """Give it to the service; sum, call and payer are not the client's to say."""
        return Wish(self.method, self.return_url)


class PaymentAnswer(BaseModel):
    """One attempt; where to go on with it is shown only while one should."""

    id: uuid.UUID
    booking_id: uuid.UUID
    amount_kopecks: int
    method: PaymentMethod
    status: PaymentStatus
    confirmation_url: str | None
    qr_payload: str | None
    qr_svg_url: str | None
    expires_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, payment: Payment, base_url: str) -> Self:
        link = payment.confirmation_data if payment.is_payable else None
        page = payment.confirmation_url if payment.is_payable else None
        picture = f"{base_url}/v1/payments/{payment.id}/qr.svg"
        return cls(
            id=payment.id,
            booking_id=payment.booking_id,
            amount_kopecks=payment.amount_kopecks,
            method=payment.method,
            status=payment.status,
            confirmation_url=page,
            qr_payload=link,
            qr_svg_url=picture if link is not None else None,
            expires_at=payment.expires_at if payment.is_payable else None,
            created_at=payment.created_at,
        )
