"""Reconciliation with the provider: every hour both ways, every day by sums.

What the provider forgets to tell us is asked for by the pollers of payments and
refunds. Here is the net under them: the provider's lists, read whole, against our
rows. A run that dies leaves its mark where it was, so the next one does all of it.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from procrastinate import JobContext
from sqlmodel.ext.asyncio.session import AsyncSession

from services import clock, jobs, recon_days, recon_marks, recon_refunded
from services.config import get_settings
from services.database import Sessions
from services.edges import in_transaction
from services.gateways import NotConfigured, yookassa
from services.gateways.yookassa_client import Shop, shop_of
from services.recon_compare import Raw, Tally, Window, compare
from services.recon_nouns import PAYMENTS, REFUNDS

HOURLY, DAILY = "provider_hourly", "provider_daily"
# Looked at again each hour, because what was made then may have changed since.
OVERLAP = timedelta(hours=2)
FIRST = timedelta(days=3)
# Their clock may differ from ours, and what is being made now is on one side only.
SKEW, FRESH = timedelta(minutes=10), timedelta(minutes=5)
DAYS = 3

log = structlog.get_logger(__name__)


async def hourly(sessions: Sessions) -> None:
    """Compare what was made since the last run, and two hours before it."""
    shop = _shop()
    if shop is None:
        return
    async with recon_marks.alone(sessions, HOURLY) as mine:
        if mine:
            now, mark = await in_transaction(sessions, _begin)
            since = (mark - OVERLAP) if mark else (now - FIRST)
            tally = Tally()
            await _compare(sessions, shop, Window(since, now - FRESH), tally)
            await _end(sessions, HOURLY, now, tally)


async def daily(sessions: Sessions) -> None:
    """Compare the sums of the last days with the books, and each thing once more."""
    shop = _shop()
    if shop is None:
        return
    async with recon_marks.alone(sessions, DAILY) as mine:
        if mine:
            now, _ = await in_transaction(sessions, _begin)
            days = recon_days.before(now, DAYS)
            tally = Tally()
            window = Window(recon_days.start(days[0]), now - FRESH)
            listed = await _compare(sessions, shop, window, tally)
            if listed is not None:
                payments, refunds = listed
                tally.found |= await in_transaction(
                    sessions, lambda s: recon_days.compare(s, payments, refunds, days)
                )
            await _end(sessions, DAILY, now, tally)


async def _begin(session: AsyncSession) -> tuple[datetime, datetime | None]:
    return await clock.now(session), await recon_marks.reached(session, HOURLY)


async def _compare(
    sessions: Sessions, shop: Shop, window: Window, tally: Tally
) -> tuple[Sequence[Raw], Sequence[Raw]] | None:
    """Read both lists whole and compare; None, and nothing done, without the lists."""
    since = window.since - SKEW
    lists = await asyncio.gather(
        _list(partial(yookassa.list_payments, shop, created_gte=since)),
        _list(partial(yookassa.list_refunds, shop, created_gte=since)),
    )
    payments, refunds = lists
    if payments is None or refunds is None:
        tally.whole = False
        return None
    await compare(sessions, shop, PAYMENTS, payments, window, tally)
    await compare(sessions, shop, REFUNDS, refunds, window, tally)
    await recon_refunded.compare_sums(sessions, shop, payments, tally)
    return payments, refunds


async def _list(page: Any) -> Sequence[Raw] | None:
    listed = await yookassa.every(page)
    return listed if isinstance(listed, list) else None


async def _end(sessions: Sessions, name: str, now: datetime, tally: Tally) -> None:
    """Move the mark, unless something could not be asked: then it is asked again."""
    if not tally.whole:
        log.warning("provider not compared", check=name, found=len(tally.found))
        return
    await in_transaction(
        sessions, lambda session: recon_marks.note(session, name, now, len(tally.found))
    )


def _shop() -> Shop | None:
    try:
        return shop_of(get_settings())
    except NotConfigured:
        return None


@jobs.queue.periodic(cron="17 * * * *", periodic_id="recon_hourly")
@jobs.queue.task(name="recon.hourly", pass_context=True, priority=jobs.LATER)
async def hourly_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Compare with the provider, every hour."""
    await hourly(context.additional_context["sessions"])


@jobs.queue.periodic(cron="10 1 * * *", periodic_id="recon_daily")
@jobs.queue.task(name="recon.daily", pass_context=True, priority=jobs.LATER)
async def daily_periodically(
    context: JobContext,
    timestamp: int,  # noqa: ARG001 - every periodic job is given one
) -> None:
    """Compare the last days with the provider, every night at 4:10 Moscow time."""
    await daily(context.additional_context["sessions"])
