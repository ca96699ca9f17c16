"""The weeks of the demo's doctors: shifts round the clock, days off in turn."""

import random
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

from services.clock import MOSCOW
from services.working_hours import DAY, Stretch

# Half of them keep a plan; the others come and go by hand.
PLANNED = 0.5
SHIFTS = (
    Stretch(time(8), 720),
    Stretch(time(20), 720),
    Stretch(time(6), 600),
    Stretch(time(13), 600),
    Stretch(time(22), 540),
    Stretch(time(0), 480),
)
DAYS_OFF = 2


def week(number: int, now: datetime, *, working: bool) -> Iterator[dict[str, Any]]:
    """Give the weekly shifts of a doctor, such that they are at work now, or not."""
    chance = random.Random(number)
    if chance.random() > PLANNED:
        return
    fits = [each for each in SHIFTS if _covers(each, now) is working]
    shift = chance.choice(fits)
    today = now.astimezone(MOSCOW).date()
    # Whoever is at work now may have begun yesterday.
    busy = {today.weekday(), (today - DAY).weekday()} if working else set()
    free = chance.sample(sorted(set(range(7)) - busy), DAYS_OFF)
    for weekday in sorted(set(range(7)) - set(free)):
        yield {
            "weekday": weekday,
            "starts_at": shift.starts_at,
            "minutes": shift.minutes,
        }


def _covers(shift: Stretch, now: datetime) -> bool:
    today = now.astimezone(MOSCOW).date()
    spans = (shift.on(today), shift.on(today - DAY))
    return any(begins <= now < ends for begins, ends in spans)
