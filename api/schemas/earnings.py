"""What doctors read of what they earn."""

import uuid
from datetime import datetime
from typing import Self

from pydantic import BaseModel

from api.pages import Listing
from services.account_lines import AccountLine


class EarningAnswer(BaseModel):
    """One line of what a doctor earned, gave back or was paid."""

    booking_id: uuid.UUID | None
    number: str | None
    kind: str
    amount_kopecks: int
    at: datetime

    @classmethod
    def of(cls, line: AccountLine) -> Self:
        return cls(
            booking_id=line.booking_id,
            number=line.booking_number,
            kind=line.kind,
            amount_kopecks=line.amount_kopecks,
            at=line.created_at,
        )


class EarningsAnswer(Listing[EarningAnswer]):
    """What is owed to the doctor now, and the lines that made it up, newest first."""

    balance_kopecks: int
