"""What the words of payments and receipts are called on screens of finance."""

from collections.abc import Mapping
from enum import StrEnum

from models.booking_words import ExtraConsent
from models.payment import PaymentMethod, PaymentStatus, Surplus
from models.receipt import ReceiptKind, ReceiptStatus
from services.i18n import Lazy

PAYMENTS: Mapping[type[StrEnum], Mapping[str, Lazy]] = {
    PaymentMethod: {
        PaymentMethod.CARD: Lazy("Bank card"),
        PaymentMethod.SBP: Lazy("SBP"),
        PaymentMethod.WALLET: Lazy("Wallet"),
    },
    PaymentStatus: {
        PaymentStatus.CREATED: Lazy("Being sent"),
        PaymentStatus.UNKNOWN: Lazy("The bank's answer was lost"),
        PaymentStatus.PENDING: Lazy("The patient has not paid yet"),
        PaymentStatus.SUCCEEDED: Lazy("Paid"),
        PaymentStatus.CANCELED: Lazy("Did not go through"),
        PaymentStatus.FAILED: Lazy("Never made"),
    },
    Surplus: {
        Surplus.DOUBLE: Lazy("Paid twice"),
        Surplus.LATE: Lazy("Paid after the call was cancelled"),
    },
    ReceiptKind: {
        ReceiptKind.PAYMENT: Lazy("Payment"),
        ReceiptKind.CLOSING: Lazy("Offset of the prepayment"),
        ReceiptKind.REFUND: Lazy("Refund"),
    },
    ReceiptStatus: {
        ReceiptStatus.CREATED: Lazy("Not sent yet"),
        ReceiptStatus.UNKNOWN: Lazy("The answer was lost"),
        ReceiptStatus.PENDING: Lazy("Being registered"),
        ReceiptStatus.SUCCEEDED: Lazy("Registered"),
        ReceiptStatus.CANCELED: Lazy("Refused"),
        ReceiptStatus.FAILED: Lazy("Failed"),
    },
    ExtraConsent: {
        ExtraConsent.AWAITED: Lazy("Waits for the patient's consent"),
        ExtraConsent.AGREED: Lazy("The patient agreed"),
        ExtraConsent.WAIVED: Lazy("Waived"),
    },
}
