"""Ranking the doctors for a call, ten thousand of them."""

import time
import uuid
from collections.abc import Sequence
from statistics import median

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks.table import Line
from models import Booking, User
from models.booking import Status
from models.role_grant import Role
from services import candidates
from services.actor import Actor, Via
from services.config import get_settings
from services.database import Sessions, make_engine, make_sessions
from services.edges import transaction

TIMES, WARM = 100, 10
LIMIT_MS = 10.0
TOMORROW = """
UPDATE booking SET call_type = 'scheduled', wanted_from = app_now() + interval '1 day',
  wanted_to = app_now() + interval '1 day 2 hours' WHERE id = :id
"""


async def measure(url: str) -> list[Line]:
    """Ask for the candidates of many waiting calls, for now and for a later shift."""
    engine = make_engine(url, get_settings())
    sessions = make_sessions(engine)
    try:
        async with transaction(sessions) as session:
            actor, calls = await _asked(session)
        now = await _timed(sessions, actor, calls, "SELECT 1")
        later = await _timed(sessions, actor, calls, TOMORROW)
    finally:
        await engine.dispose()
    return [
        _line("candidates among 10,000 doctors", now),
        _line("candidates for tomorrow's shifts, 10,000 doctors", later),
    ]


async def _timed(
    sessions: Sessions, actor: Actor, calls: Sequence[uuid.UUID], before: str
) -> float:
    """Give the median in milliseconds; what is done before each is undone after."""
    taken = []
    for call_id in calls:
        values = {"id": call_id} if ":id" in before else {}
        async with sessions() as session:
            # The connection is at hand before the clock runs.
            await session.execute(sa.text(before), values)
            begun = time.perf_counter()
            found = await candidates.candidates(session, actor, call_id)
            taken.append((time.perf_counter() - begun) * 1000)
            if not found.items:
                raise RuntimeError("No candidates: nothing was measured")
    return median(taken[WARM:])


def _line(name: str, middle: float) -> Line:
    return Line(name, f"{middle:.1f} ms", f"≤ {LIMIT_MS:.0f} ms", middle <= LIMIT_MS)


async def _asked(session: AsyncSession) -> tuple[Actor, list[uuid.UUID]]:
    query = select(User.id).where(col(User.email) == "dispatcher@demo.example")
    actor = Actor((await session.exec(query)).one(), Role.DISPATCHER, Via.CONSOLE)
    waiting = (
        select(Booking.id)
        .where(col(Booking.status) == Status.PENDING)
        .order_by(col(Booking.id))
        .limit(TIMES + WARM)
    )
    return actor, list((await session.exec(waiting)).all())
