"""Refunds that a notice or a comparison brought up, once they were fetched."""

from sqlmodel.ext.asyncio.session import AsyncSession

from services import refund_outcomes
from services.actor import SYSTEM
from services.gateways.yookassa_outcomes import Done
from services.refund_imports import Verdict

SOURCE = "notice"


async def notified(session: AsyncSession, answer: Done) -> bool:
    """Take in a fetched refund; False when it was not believed, or not known yet."""
    verdict = await refund_outcomes.take(session, SYSTEM, answer, SOURCE)
    return verdict not in {Verdict.WAITING, Verdict.QUARANTINED}
