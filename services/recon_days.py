"""The days of Moscow by their sums: the provider's against the books.

A payment or refund belongs to the day on which the provider made it, on both sides,
so that what was posted after midnight is no difference. What the provider does not
list belongs to the day on which we made it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.recon_issue import IssueKind
from services import clock, recon_issues
from services.gateways.yookassa_answers import ProviderPayment, ProviderRefund, read
from services.recon_compare import Raw

# What each payment and refund moved on the account of what the provider holds.
_POSTED = """
SELECT x.provider_id, x.created_at,
       -coalesce(sum(e.amount_kopecks) FILTER (WHERE j.kind = 'payment'), 0) AS came,
       coalesce(sum(e.amount_kopecks) FILTER (WHERE j.kind = 'fee'), 0) AS fee,
       coalesce(sum(e.amount_kopecks)
         FILTER (WHERE j.kind = 'refund_succeeded'), 0) AS back
  FROM (SELECT id, provider_id, created_at FROM payment UNION ALL
        SELECT id, provider_id, created_at FROM refund) x
  JOIN ledger_journal j ON j.ref_id = x.id
  JOIN ledger_entry e ON e.journal_id = j.id
  JOIN ledger_account a ON a.id = e.account_id AND a.kind = 'psp_clearing'
 WHERE x.provider_id = ANY(:listed) OR (x.created_at >= :since AND x.created_at < :until)
 GROUP BY x.provider_id, x.created_at
"""


@dataclass
class Sums:
    """What came, went back and was kept as a fee on one day, in kopecks."""

    came: int = 0
    back: int = 0
    fee: int = 0


def before(now: datetime, count: int) -> Sequence[date]:
    """Give the last whole days of Moscow, the earliest first."""
    today = now.astimezone(clock.MOSCOW).date()
    return [today - timedelta(days=ago) for ago in range(count, 0, -1)]


def start(day: date) -> datetime:
    """Give the moment at which a day of Moscow begins."""
    return datetime(day.year, day.month, day.day, tzinfo=clock.MOSCOW)


async def compare(
    session: AsyncSession,
    payments: Sequence[Raw],
    refunds: Sequence[Raw],
    days: Sequence[date],
) -> set[str]:
    """Report the days whose sums differ, close those that agree; gives the findings."""
    theirs, when = _theirs(payments, refunds, days)
    ours = await _ours(session, when, days)
    found = set()
    for day in days:
        if theirs[day] == ours[day]:
            await recon_issues.settle(session, IssueKind.DAY_DIFFERS, day.isoformat())
            continue
        found.add(day.isoformat())
        await recon_issues.report(
            session,
            IssueKind.DAY_DIFFERS,
            day.isoformat(),
            day=day.isoformat(),
            **_named(theirs[day], "there_"),
            **_named(ours[day], "here_"),
        )
    return found


def _theirs(
    payments: Sequence[Raw], refunds: Sequence[Raw], days: Sequence[date]
) -> tuple[Mapping[date, Sums], Mapping[str, date]]:
    """Add up the provider's lists, and keep to which day each thing belongs."""
    sums, when = {day: Sums() for day in days}, {}
    for raw in payments:
        paid = read(ProviderPayment, dict(raw))
        if isinstance(paid, ProviderPayment):
            when[paid.id] = day = _day(paid.created_at)
            if day in sums and paid.status == "succeeded":
                income = paid.income_kopecks
                sums[day].came += paid.amount_kopecks
                sums[day].fee += 0 if income is None else paid.amount_kopecks - income
    for raw in refunds:
        given = read(ProviderRefund, dict(raw))
        if isinstance(given, ProviderRefund):
            when[given.id] = day = _day(given.created_at)
            if day in sums and given.status == "succeeded":
                sums[day].back += given.amount_kopecks
    return sums, when


async def _ours(
    session: AsyncSession, when: Mapping[str, date], days: Sequence[date]
) -> Mapping[date, Sums]:
    values = {
        "listed": list(when),
        "since": start(days[0]),
        "until": start(days[-1] + timedelta(days=1)),
    }
    sums = {day: Sums() for day in days}
    for row in await session.execute(sa.text(_POSTED), values):
        day = when.get(row.provider_id) or _day(row.created_at)
        if day in sums:
            sums[day].came += int(row.came)
            sums[day].back += int(row.back)
            sums[day].fee += int(row.fee)
    return sums


def _named(sums: Sums, whose: str) -> dict[str, Any]:
    return {f"{whose}{name}_kopecks": value for name, value in asdict(sums).items()}


def _day(moment: datetime) -> date:
    return moment.astimezone(clock.MOSCOW).date()
