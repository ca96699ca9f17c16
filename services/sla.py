"""How long a call may wait: thresholds by priority, counted by the server.

Urgent calls and consultations run from creation. Scheduled ones run from some
hours before the wanted window; until then they are «later».
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking_words import CallType, Priority
from services import settings


class SlaState(StrEnum):
    """How a waiting call stands against its deadline."""

    LATER = "later"
    OK = "ok"
    SOON = "soon"
    BROKEN = "broken"


@dataclass(frozen=True)
class Deadline:
    """When the timer starts, turns yellow and turns red."""

    starts_at: datetime
    warn_at: datetime
    red_at: datetime

    def state(self, now: datetime) -> SlaState:
        """Tell how the call stands at this moment."""
        if now >= self.red_at:
            return SlaState.BROKEN
        if now >= self.warn_at:
            return SlaState.SOON
        return SlaState.OK if now >= self.starts_at else SlaState.LATER


@dataclass(frozen=True)
class Thresholds:
    """Minutes to yellow and to red, and the lead of scheduled calls in minutes."""

    by_priority: Mapping[Priority, tuple[int, int]]
    scheduled: tuple[int, int]
    lead_minutes: int

    def deadline(
        self,
        priority: Priority,
        call_type: CallType,
        created_at: datetime,
        wanted_from: datetime | None,
    ) -> Deadline:
        """Count the three moments of one call.

        An emergency never waits for its window, whatever its type.
        """
        limits, starts_at = self.by_priority[priority], created_at
        if wanted_from is not None and priority is not Priority.EMERGENCY:
            lead = timedelta(minutes=self.lead_minutes)
            starts_at = max(created_at, wanted_from - lead)
            if call_type is CallType.SCHEDULED:
                limits = self.scheduled
        warn, red = (starts_at + timedelta(minutes=limit) for limit in limits)
        return Deadline(starts_at, warn, red)


async def thresholds(session: AsyncSession) -> Thresholds:
    """Load the thresholds that hold now, in one query."""
    scheduled = (settings.SLA_SCHEDULED_WARN, settings.SLA_SCHEDULED_RED)
    keys = {priority: settings.sla_keys(priority) for priority in Priority}
    lead = settings.SCHEDULED_LEAD_HOURS
    wanted = [lead, *scheduled, *(key for pair in keys.values() for key in pair)]
    values = await settings.get_many(session, wanted)
    return Thresholds(
        by_priority={
            each: (values[warn], values[red]) for each, (warn, red) in keys.items()
        },
        scheduled=(values[scheduled[0]], values[scheduled[1]]),
        lead_minutes=values[lead] * 60,
    )
