"""What the words of refunds, claims and withdrawals are called on screens."""

from collections.abc import Mapping
from enum import StrEnum

from models.refund import (
    ClaimStatus,
    Destination,
    Doubt,
    RefundOrigin,
    RefundReason,
    RefundStatus,
    Refusal,
    Rule,
    Split,
)
from models.withdrawal import WithdrawalStatus
from services.i18n import Lazy

REFUNDS: Mapping[type[StrEnum], Mapping[str, Lazy]] = {
    RefundStatus: {
        RefundStatus.AWAITING_APPROVAL: Lazy("Waits for a second person"),
        RefundStatus.APPROVED: Lazy("Ready to be sent"),
        RefundStatus.SENDING: Lazy("Being sent"),
        RefundStatus.UNKNOWN: Lazy("Sent, the bank has not confirmed it yet"),
        RefundStatus.PENDING_PROVIDER: Lazy("The bank is working on it"),
        RefundStatus.SUCCEEDED: Lazy("Given back"),
        RefundStatus.FAILED: Lazy("Refused by the bank"),
        RefundStatus.REJECTED: Lazy("Not approved"),
    },
    Destination: {
        Destination.ORIGINAL: Lazy("To where it was paid from"),
        Destination.WALLET: Lazy("Into the wallet"),
        Destination.MANUAL: Lazy("By bank transfer"),
    },
    RefundOrigin: {
        RefundOrigin.POLICY: Lazy("By policy"),
        RefundOrigin.CLAIM: Lazy("On request of the patient"),
        RefundOrigin.STAFF: Lazy("By finance"),
        RefundOrigin.DOUBLE: Lazy("Paid twice"),
        RefundOrigin.LATE: Lazy("Paid too late"),
        RefundOrigin.WITHDRAWAL: Lazy("Withdrawal"),
        RefundOrigin.CABINET: Lazy("Made at the provider"),
    },
    RefundReason: {
        RefundReason.CANCELLED: Lazy("The call was cancelled"),
        RefundReason.NOT_RENDERED: Lazy("The service was not rendered"),
        RefundReason.POOR_SERVICE: Lazy("The service was poor"),
        RefundReason.WRONG_AMOUNT: Lazy("The sum was wrong"),
        RefundReason.DOUBLE_PAYMENT: Lazy("It was paid twice"),
        RefundReason.LATE_PAYMENT: Lazy("It was paid too late"),
        RefundReason.GOODWILL: Lazy("Goodwill"),
        RefundReason.WITHDRAWAL: Lazy("Withdrawal from the wallet"),
        RefundReason.OTHER: Lazy("Another reason"),
    },
    Refusal: {
        Refusal.NOT_DUE: Lazy("Nothing is due to the patient"),
        Refusal.WRONG_AMOUNT: Lazy("The sum is not right"),
        Refusal.WRONG_MEANS: Lazy("It should go another way"),
        Refusal.DUPLICATE: Lazy("It has gone back already"),
        Refusal.UNCLEAR: Lazy("It is not clear what it is for"),
        Refusal.OTHER: Lazy("Another reason"),
    },
    Split: {
        Split.DOCTOR: Lazy("The doctor bears it"),
        Split.HOUSE: Lazy("The house bears it"),
        Split.PRO_RATA: Lazy("Both bear it by their shares"),
    },
    ClaimStatus: {
        ClaimStatus.OPEN: Lazy("Waits for a decision"),
        ClaimStatus.ACCEPTED: Lazy("Money given back"),
        ClaimStatus.DECLINED: Lazy("Declined"),
    },
    WithdrawalStatus: {
        WithdrawalStatus.REQUESTED: Lazy("Requested"),
        WithdrawalStatus.PREPARED: Lazy("Prepared"),
        WithdrawalStatus.APPROVED: Lazy("Being paid out"),
        WithdrawalStatus.DONE: Lazy("Paid out"),
        WithdrawalStatus.REJECTED: Lazy("Not approved"),
    },
    Rule: {
        Rule.NOT_OUR_PATIENT: Lazy("The patient is not to blame, or no doctor had it"),
        Rule.NOT_DEPARTED: Lazy("The doctor had not set out"),
        Rule.EN_ROUTE: Lazy("The doctor was on the way"),
        Rule.ON_SCENE: Lazy("The doctor stood at the door"),
        Rule.IN_PROGRESS: Lazy("The visit had begun"),
        Rule.COMPLETED: Lazy("The visit took place"),
    },
    Doubt: {
        Doubt.OVER_LIMIT: Lazy("The sum is above the limit for one person"),
        Doubt.OVER_DAY: Lazy("The limit for one person and day is reached"),
        Doubt.NOT_POLICY: Lazy("The sum is not what the policy gives"),
        Doubt.OTHER_MEANS: Lazy("It does not go back to where it was paid from"),
        Doubt.REPEATED: Lazy("This payment was given back before"),
    },
}
