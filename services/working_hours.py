"""When a plan lets a doctor work: weeks, single days and holidays as moments.

The SQL function planned_hours says the same; a test compares the two.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from services.clock import MOSCOW

# A shift of at most a day may have begun on the day before.
DAY = timedelta(days=1)

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, order=True)
class Stretch:
    """Hours that begin at a time of day in Moscow; they may run past midnight."""

    starts_at: time
    minutes: int

    @property
    def ends_at(self) -> time:
        """The time of day at which they end."""
        begins = datetime.combine(date.min, self.starts_at)
        return (begins + timedelta(minutes=self.minutes)).time()

    def on(self, day: date) -> Interval:
        """The moments of the hours that begin on this day."""
        begins = datetime.combine(day, self.starts_at, MOSCOW).astimezone(UTC)
        return begins, begins + timedelta(minutes=self.minutes)


@dataclass(frozen=True)
class Hours:
    """A doctor's plan: the week, and the days on which something else holds.

    Without a single weekly shift every day is open all round, but for the days
    that an exception speaks of; holidays then mean nothing.
    """

    week: Mapping[int, Sequence[Stretch]] = field(default_factory=dict)
    exceptions: Mapping[date, Stretch | None] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()

    @property
    def limited(self) -> bool:
        """Whether there is any moment at which the plan says no."""
        return bool(self.week or self.exceptions)

    def between(self, opens: datetime, closes: datetime) -> list[Interval]:
        """The hours that touch the span, joined where they meet, in order."""
        day = opens.astimezone(MOSCOW).date() - DAY
        last = closes.astimezone(MOSCOW).date()
        found: list[Interval] = []
        while day <= last:
            found += [stretch.on(day) for stretch in self.beginning(day)]
            day += DAY
        return [each for each in joined(found) if _touch(each, (opens, closes))]

    def cover(self, opens: datetime, closes: datetime) -> bool:
        """Whether the whole span lies inside the hours."""
        if not self.limited:
            return True
        found = self.between(opens, closes)
        return any(begins <= opens and closes <= ends for begins, ends in found)

    def beginning(self, day: date) -> Sequence[Stretch]:
        """The hours that begin on this day."""
        if day in self.exceptions:
            special = self.exceptions[day]
            return [special] if special else []
        if not self.week:
            return [ALL_DAY]
        return () if day in self.holidays else self.week.get(day.weekday(), ())


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Put intervals in order and join those that meet or overlap."""
    found: list[Interval] = []
    for begins, ends in sorted(intervals):
        if found and begins <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], ends)
        else:
            found.append((begins, ends))
    return found


def _touch(one: Interval, other: Interval) -> bool:
    return one[0] < other[1] and other[0] < one[1]


ALL_DAY = Stretch(time(), 1440)
ALWAYS = Hours()
