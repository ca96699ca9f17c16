"""What the provider's codes mean, in a word or two.

Sources: https://yookassa.ru/developers/payment-acceptance/after-the-payment/declined-payments
and https://yookassa.ru/developers/payment-acceptance/after-the-payment/refunds
"""

from collections.abc import Mapping

from services.i18n import Lazy

REASONS: Mapping[str, Lazy] = {
    "3d_secure_failed": Lazy("the payer did not confirm it with the bank's code"),
    "call_issuer": Lazy("the bank declined and tells only its client why"),
    "canceled_by_merchant": Lazy("it was cancelled in the provider's cabinet"),
    "card_expired": Lazy("the card has expired"),
    "country_forbidden": Lazy("cards of this country are not taken"),
    "expired_on_capture": Lazy("the money was not taken in time"),
    "expired_on_confirmation": Lazy("the payer did not finish in time"),
    "fraud_suspected": Lazy("it was taken for fraud"),
    "general_decline": Lazy("declined without a reason"),
    "identification_required": Lazy("the payer has to be identified first"),
    "insufficient_funds": Lazy("there was not enough money"),
    "internal_timeout": Lazy("the provider was too slow"),
    "invalid_card_number": Lazy("the card number is wrong"),
    "invalid_csc": Lazy("the card code is wrong"),
    "issuer_unavailable": Lazy("the bank is out of reach"),
    "payment_expired": Lazy("the payment is too old to go back this way"),
    "payment_method_limit_exceeded": Lazy("a limit of the card is reached"),
    "payment_method_restricted": Lazy("the card may not be used for this"),
    "permission_revoked": Lazy("the payer withdrew the permission"),
    "rejected_by_payee": Lazy("the payer's bank did not take it: the card is closed"),
    "rejected_by_timeout": Lazy("the payer's bank did not answer"),
    "yoo_money_account_closed": Lazy("the payer's account is closed"),
    # Codes of our own, and of calls that nobody answered.
    "timeout": Lazy("no answer in time"),
    "connection lost": Lazy("the connection broke"),
    "quarantined": Lazy("put aside: it does not fit what we asked for"),
    "invalid_id": Lazy("it is no number of the provider"),
    "invalid_key": Lazy("it is no key of ours"),
    "http_429": Lazy("the provider asks us to slow down"),
    "http_500": Lazy("the provider has a fault"),
    "given_up": Lazy("nobody knows of it at the provider, and it was given up"),
    "not_found_at_provider": Lazy("the provider never had it"),
    "not_sent": Lazy("it was never sent"),
    "invalid_request": Lazy("the provider refused the request"),
    "invalid_credentials": Lazy("the provider does not know the shop's key"),
    "forbidden": Lazy("the shop may not do this"),
    "not_found": Lazy("the provider does not have it"),
}
SOURCES: Mapping[str, Lazy] = {
    "create": Lazy("our request"),
    "get": Lazy("our question"),
    "list": Lazy("found in the list"),
    "webhook": Lazy("the provider's notice"),
    "recon": Lazy("found when comparing"),
}
STATUSES: Mapping[str, Lazy] = {
    "pending": Lazy("waits"),
    "waiting_for_capture": Lazy("the money is held"),
    "succeeded": Lazy("went through"),
    "canceled": Lazy("called off"),
}
OUTCOMES: Mapping[str, tuple[Lazy, str]] = {
    "done": (Lazy("answered"), "good"),
    "definite": (Lazy("refused"), "bad"),
    "unknown": (Lazy("no answer"), "warn"),
}


def reason(code: str | None) -> str:
    """Say a code in words; one that nobody knows is shown as it is."""
    if not code:
        return ""
    return str(REASONS[code]) if code in REASONS else code


def status(code: str | None) -> str:
    """Say what the provider calls the state of a payment or a refund."""
    return str(STATUSES.get(code, code)) if code else ""


def source(code: str) -> str:
    """Say how we came by an answer."""
    return str(SOURCES.get(code, code))
