"""What accounts and postings are called on screens."""

from collections.abc import Mapping
from enum import StrEnum

from models.ledger import AccountKind
from services.i18n import Lazy

LEDGER: Mapping[type[StrEnum], Mapping[str, Lazy]] = {
    AccountKind: {
        AccountKind.PSP_CLEARING: Lazy("At the payment provider"),
        AccountKind.BANK: Lazy("Bank account"),
        AccountKind.WALLET: Lazy("Wallet"),
        AccountKind.VISIT_PREPAID: Lazy("Prepayment of a visit"),
        AccountKind.VISIT_RECEIVABLE: Lazy("Owed for a visit"),
        AccountKind.DOCTOR_PAYABLE: Lazy("Owed to a doctor"),
        AccountKind.CLINIC_PAYABLE: Lazy("Owed to a clinic"),
        AccountKind.REVENUE_SERVICE: Lazy("Revenue from visits"),
        AccountKind.REVENUE_CANCELLATION: Lazy("Revenue from cancellations"),
        AccountKind.EXPENSE_PSP_FEE: Lazy("The provider's fees"),
        AccountKind.EXPENSE_COMPENSATION: Lazy("Compensations"),
        AccountKind.REFUND_IN_TRANSIT: Lazy("Refunds under way"),
        AccountKind.SUSPENSE: Lazy("Unexplained money"),
    },
}
# All accounts of a kind that has one for each owner.
MANY: Mapping[AccountKind, Lazy] = {
    AccountKind.WALLET: Lazy("Wallets"),
    AccountKind.VISIT_PREPAID: Lazy("Prepaid visits"),
    AccountKind.VISIT_RECEIVABLE: Lazy("Owed for visits"),
    AccountKind.DOCTOR_PAYABLE: Lazy("Owed to doctors"),
    AccountKind.CLINIC_PAYABLE: Lazy("Owed to clinics"),
}
# What a posting was made for, and what it refers to: as services/postings.py says it.
HAPPENED: Mapping[str, Lazy] = {
    "payment": Lazy("Payment came"),
    "fee": Lazy("Fee of the provider"),
    "earned": Lazy("Visit earned"),
    "kept": Lazy("Kept after a cancellation"),
    "refund_reserved": Lazy("Refund reserved"),
    "refund_succeeded": Lazy("Refund arrived"),
    "refund_released": Lazy("Refund called off"),
    "compensation": Lazy("Compensation"),
    "withdrawal_reserved": Lazy("Withdrawal reserved"),
    "withdrawal_transferred": Lazy("Withdrawal transferred"),
    "withdrawal_returned": Lazy("Withdrawal called off"),
    "wallet_merged": Lazy("Wallet taken over"),
    "payout": Lazy("Payout"),
    "payout_reversed": Lazy("Payout came back"),
    "settlement": Lazy("Transfer of the provider"),
}
ABOUT: Mapping[str, Lazy] = {
    "payment": Lazy("payment"),
    "booking": Lazy("call"),
    "refund": Lazy("refund"),
    "compensation": Lazy("compensation"),
    "withdrawal": Lazy("withdrawal"),
    "payout": Lazy("register"),
    "settlement": Lazy("settlement"),
    "user": Lazy("person"),
}
