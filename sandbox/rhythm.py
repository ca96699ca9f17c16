"""When people call: few at night, many in the morning and after work."""

import random
from datetime import datetime, timedelta

from services.clock import MOSCOW

DAY = 24 * 3600
# The share of each hour of a Moscow day, and of each day from Monday on.
HOURS = (
    2,
    1,
    1,
    1,
    1,
    2,
    4,
    8,
    13,
    15,
    14,
    12,
    10,
    9,
    8,
    8,
    9,
    11,
    13,
    13,
    11,
    8,
    5,
    3,
)
WEEK = (1.15, 1.05, 1.0, 1.0, 1.0, 0.85, 0.8)


def share(hour: int) -> float:
    """How much busier than the average this hour of the day is."""
    return HOURS[hour % 24] * 24 / sum(HOURS)


def moments(chance: random.Random, until: datetime, days: int, count: int) -> list[int]:
    """Draw so many moments of calls, in order, over the days before `until`."""
    first = (until - timedelta(days=days)).astimezone(MOSCOW)
    midnight = int(first.replace(hour=0, minute=0, second=0).timestamp())
    limit = int(until.timestamp())
    weights = [WEEK[(first.weekday() + day) % 7] for day in range(days + 1)]
    drawn: list[int] = []
    while len(drawn) < count:
        wanted = count - len(drawn)
        on = chance.choices(range(days + 1), weights, k=wanted)
        at = chance.choices(range(24), HOURS, k=wanted)
        drawn += [
            moment
            for day, hour in zip(on, at, strict=True)
            if (
                moment := midnight
                + day * DAY
                + hour * 3600
                + int(chance.random() * 3600)
            )
            < limit
        ]
    return sorted(drawn)
