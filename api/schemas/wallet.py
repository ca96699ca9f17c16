"""What patients read of their wallets."""

import uuid
from datetime import datetime
from typing import Self

from pydantic import BaseModel

from services.account_lines import AccountLine


class WalletAnswer(BaseModel):
    """What is in the wallet."""

    balance_kopecks: int


class WalletEntry(BaseModel):
    """One line of the statement; what left the wallet is negative."""

    id: uuid.UUID
    kind: str
    amount_kopecks: int
    balance_after_kopecks: int | None
    booking_number: str | None
    at: datetime

    @classmethod
    def of(cls, line: AccountLine) -> Self:
        return cls(
            id=line.id,
            kind=line.kind,
            amount_kopecks=line.amount_kopecks,
            balance_after_kopecks=line.balance_after_kopecks,
            booking_number=line.booking_number,
            at=line.created_at,
        )
