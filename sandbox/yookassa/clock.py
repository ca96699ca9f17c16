"""The provider's own clock: milliseconds since 1970, UTC. It can be moved ahead."""

import time
from datetime import UTC, datetime

SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
THREE_YEARS = 3 * 365 * DAY


class Clock:
    """The wall clock and how far this provider is ahead of it."""

    def __init__(self, ahead: int = 0) -> None:
        self.ahead = ahead

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead


def stamp(at: int) -> str:
    """Write a moment as the API does: 2018-07-18T10:51:18.139Z."""
    seconds, rest = divmod(at, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def read_stamp(text: str) -> int:
    """Read ISO 8601 with a zone; ValueError when it is not that."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs its zone")
    return round(moment.timestamp() * SECOND)
