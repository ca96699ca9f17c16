"""What the provider believes it holds, in kopecks."""

from sandbox.yookassa.money import fee
from sandbox.yookassa.provider import Provider
from sandbox.yookassa.records import Payment, Payout, Refund


def totals(provider: Provider) -> dict[str, int]:
    """Sums over all shops: captured, refunded, refunds on their way, fees, payouts."""
    store, fees = provider.store, provider.config.fees
    paid = [each for each in store.all(Payment) if each.status == "succeeded"]
    refunds = store.all(Refund)
    return {
        "captured": sum(each.amount for each in paid),
        "refunded": sum(each.amount for each in refunds if each.status == "succeeded"),
        "refunds_pending": sum(
            each.amount for each in refunds if each.status == "pending"
        ),
        "fees": sum(fee(each.amount, fees.get(each.method, 0)) for each in paid),
        "paid_out": sum(
            each.amount for each in store.all(Payout) if each.status == "succeeded"
        ),
        "payments": len(store.all(Payment)),
        "payments_succeeded": len(paid),
        "refunds": len(refunds),
    }
