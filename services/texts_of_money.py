"""What patients are told of their money: a sum, and the number of the call."""

from collections.abc import Mapping

from services.i18n import Lazy
from services.notification_kinds import Text

MONEY: Mapping[str, Text] = {
    "payment_received": Text(
        Lazy("Payment received"),
        Lazy("Your payment of {amount} for call {call} has arrived. Thank you."),
    ),
    "extras_await_consent": Text(
        Lazy("Extra services wait for your consent"),
        Lazy(
            "Call {call}: extra services for {amount} were noted, well above the quote."
            " You pay them only if you agree in the app."
        ),
    ),
    "refund_original": Text(
        Lazy("Money is on its way back to you"),
        Lazy(
            "Call {call}: {amount} went back to where you paid from."
            " The bank shows it within a few days."
        ),
    ),
    "refund_wallet": Text(
        Lazy("Money is in your wallet"),
        Lazy("Call {call}: {amount} is in your wallet."),
    ),
    "refund_manual": Text(
        Lazy("Money is on its way back to you"),
        Lazy("Call {call}: {amount} was sent to you by bank transfer."),
    ),
    "refund_refused": Text(
        Lazy("Your bank did not take the money back"),
        Lazy(
            "Call {call}: {amount} could not go back to where you paid from."
            " It is kept for you; we are looking for another way and will tell you."
        ),
    ),
    "claim_declined": Text(
        Lazy("Your request for a refund"),
        Lazy("Call {call}: your request for a refund is declined. Ask us why."),
    ),
    "withdrawal_done": Text(
        Lazy("Money from your wallet"),
        Lazy("{amount} from your wallet was sent to you."),
    ),
    "withdrawal_rejected": Text(
        Lazy("Money from your wallet"),
        Lazy("{amount} could not be sent and is in your wallet again."),
    ),
}
