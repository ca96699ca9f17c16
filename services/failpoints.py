"""Places where a test may kill the process: around every call and commit of money.

Nothing happens outside the demo and test profiles. There, TOT_FAILPOINT="name:kill"
ends the process as a power cut would, and "name:raise" raises. A point is named
`<flow>.<before|after>_<call|commit>`.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlmodel.ext.asyncio.session import AsyncSession

from services import edges
from services.config import get_settings
from services.database import Sessions

VARIABLE = "TOT_FAILPOINT"
Result = TypeVar("Result")


class FailpointReached(Exception):
    """A test asked for a failure here."""


def reach(name: str) -> None:
    """Fail here if a test named this point; otherwise nothing."""
    wanted, _, how = os.environ.get(VARIABLE, "").partition(":")
    if wanted != name or not get_settings().clock_may_move:
        return
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise FailpointReached(name)


async def in_transaction(
    sessions: Sessions, flow: str, work: Callable[[AsyncSession], Awaitable[Result]]
) -> Result:
    """Run work in a transaction of its own, with a point on either side of its end."""

    async def watched(session: AsyncSession) -> Result:
        result = await work(session)
        await session.flush()
        reach(f"{flow}.before_commit")
        return result

    done = await edges.in_transaction(sessions, watched)
    reach(f"{flow}.after_commit")
    return done


async def call(flow: str, question: Callable[[], Awaitable[Result]]) -> Result:
    """Ask the provider, with a point on either side."""
    reach(f"{flow}.before_call")
    answer = await question()
    reach(f"{flow}.after_call")
    return answer
