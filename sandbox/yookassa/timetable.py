"""Everything that happens by itself once its time has come."""

from sandbox.yookassa import payments, payouts, receipts, refunds
from sandbox.yookassa.provider import Provider


def settle(provider: Provider) -> None:
    """Bring the provider to its clock's now, and make that durable."""
    now = provider.clock.now()
    before = provider.store.db.total_changes
    payments.expire(provider, now)
    refunds.settle(provider, now)
    payouts.settle(provider, now)
    receipts.settle(provider, now)
    if provider.store.db.total_changes != before:
        provider.commit()
