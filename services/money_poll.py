"""What the provider forgot to tell us is asked for, six times a minute."""

import asyncio

from procrastinate import JobContext

from services import (
    jobs,
    payment_watch,
    receipt_sending,
    refund_sending,
    webhook_inbox,
)
from services.database import Sessions
from services.edges import in_transaction

SWEEPS = (
    payment_watch.due,
    refund_sending.due,
    receipt_sending.due,
    webhook_inbox.due,
)


async def poll(sessions: Sessions) -> None:
    """Enqueue everything of money that is due; one sick sweep stops no other."""
    ends = await asyncio.gather(
        *(in_transaction(sessions, sweep) for sweep in SWEEPS), return_exceptions=True
    )
    failures = [each for each in ends if isinstance(each, BaseException)]
    if failures:
        raise failures[0]


@jobs.queue.periodic(cron="* * * * * */10", periodic_id="money")
@jobs.queue.task(name="money.poll", pass_context=True)
async def poll_periodically(context: JobContext, timestamp: int) -> None:
    """Look often: with leases of 45 seconds a crash is made up for in a minute."""
    await poll(context.additional_context["sessions"])
