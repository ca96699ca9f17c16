"""How the parts of a withdrawal come to their ends, and the withdrawal with them."""

import uuid

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Refund, Withdrawal
from models.refund import OPEN, RefundStatus
from models.withdrawal import WithdrawalStatus
from services import audit, clock
from services.actor import Actor
from services.amounts import roubles
from services.errors import NotFound
from services.notifications import Notice, notify


async def lock(session: AsyncSession, withdrawal_id: uuid.UUID) -> Withdrawal:
    """Take the withdrawal's row for the rest of the transaction."""
    query = sa.select(Withdrawal).where(col(Withdrawal.id) == withdrawal_id)
    found: Withdrawal | None = await session.scalar(
        query.with_for_update().execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    return found


async def part_ended(session: AsyncSession, actor: Actor, refund: Refund) -> None:
    """A part is final: what the provider refused is left to be transferred by hand."""
    assert refund.withdrawal_id is not None  # noqa: S101 - the caller checks it
    withdrawal = await lock(session, refund.withdrawal_id)
    if refund.status is RefundStatus.FAILED:
        withdrawal.manual_kopecks += refund.amount_kopecks
        record(session, actor, "part_failed", withdrawal)
    if withdrawal.manual_kopecks == 0 and not await parts_running(session, withdrawal):
        await done(session, actor, withdrawal)
    await session.flush()


async def parts_running(session: AsyncSession, withdrawal: Withdrawal) -> int:
    """Count the parts that have not ended."""
    query = sa.select(sa.func.count()).select_from(Refund)
    query = query.where(col(Refund.withdrawal_id) == withdrawal.id)
    return int(await session.scalar(query.where(col(Refund.status).in_(OPEN))) or 0)


async def done(session: AsyncSession, actor: Actor, withdrawal: Withdrawal) -> None:
    """Everything has left: tell the patient."""
    withdrawal.status = WithdrawalStatus.DONE
    withdrawal.ended_at = await clock.now(session)
    record(session, actor, "done", withdrawal)
    await tell(session, actor, withdrawal, "withdrawal_done")


def record(
    session: AsyncSession, actor: Actor, verb: str, withdrawal: Withdrawal
) -> None:
    """Write the journal and count the version up."""
    withdrawal.version += 1
    audit.record(
        session,
        actor,
        f"withdrawal.{verb}",
        "withdrawal",
        withdrawal.id,
        amount_kopecks=withdrawal.amount_kopecks,
        manual_kopecks=withdrawal.manual_kopecks,
    )


async def tell(
    session: AsyncSession, actor: Actor, withdrawal: Withdrawal, kind: str
) -> None:
    """Tell the patient, with the sum alone."""
    facts = {"amount": roubles(withdrawal.amount_kopecks)}
    await notify(session, actor, Notice(kind, withdrawal.user_id, facts=facts))
