"""What patients send and read about getting money back."""

import uuid
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from models import RefundClaim, Withdrawal
from models.refund import ClaimStatus, RefundReason
from models.withdrawal import WithdrawalStatus
from services.inputs import Comment, Input
from services.withdrawals import MOST_KOPECKS

PatientsReason = Literal[
    RefundReason.CANCELLED,
    RefundReason.NOT_RENDERED,
    RefundReason.POOR_SERVICE,
    RefundReason.WRONG_AMOUNT,
    RefundReason.DOUBLE_PAYMENT,
    RefundReason.OTHER,
]


class RefundRequestBody(Input):
    """Why money should go back; how much is for finance to say."""

    reason_code: PatientsReason
    comment: Comment | None = None


class RefundRequestAnswer(BaseModel):
    """One request for money back."""

    id: uuid.UUID
    booking_id: uuid.UUID
    status: ClaimStatus
    reason_code: RefundReason
    created_at: datetime

    @classmethod
    def of(cls, claim: RefundClaim) -> Self:
        return cls.model_validate(claim, from_attributes=True)


class WithdrawalBody(Input):
    """How much is to leave the wallet."""

    amount_kopecks: Annotated[int, Field(strict=True, ge=1, le=MOST_KOPECKS)]


class WithdrawalAnswer(BaseModel):
    """One withdrawal from the wallet."""

    id: uuid.UUID
    amount_kopecks: int
    status: WithdrawalStatus
    created_at: datetime

    @classmethod
    def of(cls, withdrawal: Withdrawal) -> Self:
        return cls.model_validate(withdrawal, from_attributes=True)
