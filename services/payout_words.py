"""What the words of payout registers and tariffs are called on screens."""

from collections.abc import Mapping
from enum import StrEnum

from models.payout import PayoutStatus
from services.i18n import Lazy

PAYOUTS: Mapping[type[StrEnum], Mapping[str, Lazy]] = {
    PayoutStatus: {
        PayoutStatus.DRAFT: Lazy("Waits for a second person"),
        PayoutStatus.APPROVED: Lazy("Approved by a second person"),
        PayoutStatus.EXPORTED: Lazy("Goes out"),
        PayoutStatus.PAID: Lazy("Paid out"),
        PayoutStatus.REVERSED: Lazy("Came back"),
        PayoutStatus.DISCARDED: Lazy("Dropped"),
    },
}
