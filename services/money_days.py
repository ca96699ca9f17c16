"""What came, went back and stayed on each day of Moscow, beside what the books hold.

A payment or refund belongs to the day on which it went through, a posting to the day
on which it was made. Both are stamped in one transaction, so that they part only when
midnight falls between them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models.payment import PaymentMethod
from services import direct, ledger, postings, recon_days
from services.actor import Actor
from services.i18n import gettext
from services.inputs import wrong
from services.permissions import Permission, demand

MOST_DAYS, USUAL_DAYS = 366, 30
PROVIDED = (PaymentMethod.CARD, PaymentMethod.SBP)
# A withdrawal takes out of the wallet what was counted as refunded before, but it does
# leave through the provider.
_DAYS = """
  FROM unnest(CAST(%(days)s AS date[]), CAST(%(since)s AS timestamptz[]),
              CAST(%(until)s AS timestamptz[])) AS d (day, since, until)
"""
# Day by day along the indexes: no row is asked which day it belongs to.
FLOWS = f"""
SELECT d.day, 'paid' AS what, p.method, p.times, p.kopecks, p.fees {_DAYS}
 CROSS JOIN LATERAL (
    SELECT method, count(*) AS times, sum(amount_kopecks) AS kopecks,
           coalesce(sum(fee_kopecks), 0) AS fees
      FROM payment WHERE succeeded_at >= d.since AND succeeded_at < d.until
     GROUP BY method) p
UNION ALL
SELECT d.day, r.what, r.method, r.times, r.kopecks, 0 {_DAYS}
 CROSS JOIN LATERAL (
    SELECT CASE WHEN r.origin = 'withdrawal' THEN 'withdrawn'
                WHEN r.destination = 'original' THEN 'returned'
                ELSE 'refunded' END AS what,
           p.method, count(*) AS times, sum(r.amount_kopecks) AS kopecks
      FROM refund r JOIN payment p ON p.id = r.payment_id
     WHERE r.succeeded_at >= d.since AND r.succeeded_at < d.until
     GROUP BY 1, 2) r
"""  # noqa: S608 - a constant of ours
POSTED = f"""
SELECT d.day, e.what, e.kopecks {_DAYS}
 CROSS JOIN LATERAL (
    SELECT CASE WHEN a.kind = 'revenue_cancellation' THEN 'kept'
                WHEN j.kind = 'settlement' THEN 'settled' ELSE 'posted' END AS what,
           CASE WHEN a.kind = 'psp_clearing' THEN -1 ELSE 1 END
             * sum(e.amount_kopecks) AS kopecks
      FROM ledger_account a
      JOIN ledger_entry e ON e.account_id = a.id
       AND e.created_at >= d.since AND e.created_at < d.until
      JOIN ledger_journal j ON j.id = e.journal_id AND j.kind <> 'fee'
     WHERE a.code IN ('psp_clearing', 'revenue_cancellation')
     GROUP BY 1, a.kind) e
"""  # noqa: S608 - a constant of ours


@dataclass(frozen=True)
class Period:
    """Whole days of Moscow, both included."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        """The moment at which it begins."""
        return recon_days.start(self.first)

    @property
    def until(self) -> datetime:
        """The moment at which it is over."""
        return recon_days.start(self.last + timedelta(days=1))

    @property
    def days(self) -> Sequence[date]:
        """Every day of it, the earliest first."""
        count = (self.last - self.first).days + 1
        return [self.first + timedelta(days=each) for each in range(count)]


@dataclass
class Flow:
    """So many times, so many kopecks."""

    count: int = 0
    kopecks: int = 0


def _flows() -> dict[PaymentMethod, Flow]:
    return {each: Flow() for each in PaymentMethod}


@dataclass
class Sums:
    """The money of a day, or of several, in kopecks.

    `told` is what payments and refunds through the provider come to, `posted` what
    the books say that they come to; both before the provider's fee. `kept` is what
    cancelled calls left with the house, `transferred` what went to our bank.
    """

    paid: dict[PaymentMethod, Flow] = field(default_factory=_flows)
    refunded: dict[PaymentMethod, Flow] = field(default_factory=_flows)
    fees: int = 0
    kept: int = 0
    told: int = 0
    posted: int = 0
    transferred: int = 0

    @property
    def came(self) -> Flow:
        """All payments together."""
        return _whole(self.paid)

    @property
    def back(self) -> Flow:
        """All refunds together."""
        return _whole(self.refunded)

    @property
    def net(self) -> int:
        """What is left of the payments after refunds and fees."""
        return self.came.kopecks - self.back.kopecks - self.fees

    @property
    def difference(self) -> int:
        """By how much the books have more than payments and refunds."""
        return self.posted - self.told

    def add(self, other: "Sums") -> None:
        """Count another day in."""
        for method in PaymentMethod:
            _add(self.paid[method], other.paid[method])
            _add(self.refunded[method], other.refunded[method])
        for name in ("fees", "kept", "told", "posted", "transferred"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True)
class Summary:
    """A period day by day and in all, and what the provider holds for us now."""

    period: Period
    days: Mapping[date, Sums]
    total: Sums
    held: int


def period(today: date, first: date | None, last: date | None) -> Period:
    """Give the period asked for, or the last thirty days; raises ValidationFailed."""
    last = last or today
    first = first or last - timedelta(days=USUAL_DAYS - 1)
    if last > today:
        raise wrong("to", gettext("This day has not come yet."))
    if first > last:
        raise wrong("from", gettext("The period ends before it begins."))
    if (last - first).days >= MOST_DAYS:
        raise wrong("from", gettext("At most a year can be shown at once."))
    return Period(first, last)


async def summary(session: AsyncSession, actor: Actor, wanted: Period) -> Summary:
    """Add up the days of a period."""
    demand(actor, Permission.PAYMENT_READ)
    days = {day: Sums() for day in wanted.days}
    values = {
        "days": [*days],
        "since": [recon_days.start(day) for day in days],
        "until": [recon_days.start(day + timedelta(days=1)) for day in days],
    }
    for row in await direct.fetch_all(session, FLOWS, values):
        _take_flow(days[row.day], row)
    for row in await direct.fetch_all(session, POSTED, values):
        _take_posting(days[row.day], row)
    total = Sums()
    for each in days.values():
        total.add(each)
    held = await ledger.balance(session, postings.CLEARING)
    return Summary(wanted, days, total, held)


def _take_flow(day: Sums, row: Any) -> None:
    method, kopecks = PaymentMethod(row.method), int(row.kopecks)
    if row.what == "paid":
        _add(day.paid[method], Flow(row.times, kopecks))
        day.fees += int(row.fees)
        day.told += kopecks if method in PROVIDED else 0
        return
    if row.what != "withdrawn":
        _add(day.refunded[method], Flow(row.times, kopecks))
    day.told -= kopecks if row.what != "refunded" else 0


def _take_posting(day: Sums, row: Any) -> None:
    kopecks = int(row.kopecks)
    if row.what == "kept":
        day.kept += kopecks
    elif row.what == "settled":
        day.transferred -= kopecks
    else:
        day.posted += kopecks


def _whole(flows: Mapping[PaymentMethod, Flow]) -> Flow:
    whole = Flow()
    for each in flows.values():
        _add(whole, each)
    return whole


def _add(to: Flow, other: Flow) -> None:
    to.count += other.count
    to.kopecks += other.kopecks
