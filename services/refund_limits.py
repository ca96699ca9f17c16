"""When one person is enough for a refund, and when a second one has to look.

What policy gives, to where it was paid from, for the first time and below the limits
needs one person of finance; anything else needs two.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment, Refund
from models.refund import Destination, Doubt, RefundStatus
from services import clock, settings
from services.actor import Actor
from services.refund_quotes import RefundQuote, means_of

GIVEN_BEFORE = frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED})


async def doubts(
    session: AsyncSession,
    actor: Actor,
    payment: Payment,
    quote: RefundQuote,
    kopecks: int,
    destination: Destination,
) -> list[Doubt]:
    """List why the refund needs a second person; nothing when one is enough."""
    limits = await settings.get_many(
        session, [settings.REFUND_LIMIT, settings.REFUND_DAY_LIMIT]
    )
    asked = await _asked_today(session, actor)
    left = payment.captured_kopecks - payment.refunded_or_reserved_kopecks
    due = quote.of(payment.id) if payment.surplus is None else left
    found = {
        Doubt.OVER_LIMIT: kopecks > limits[settings.REFUND_LIMIT],
        Doubt.OVER_DAY: asked + kopecks > limits[settings.REFUND_DAY_LIMIT],
        Doubt.NOT_POLICY: kopecks != due,
        Doubt.OTHER_MEANS: destination is not means_of(payment),
        Doubt.REPEATED: await _repeated(session, payment),
    }
    return [doubt for doubt, holds in found.items() if holds]


async def take_turns(session: AsyncSession, actor: Actor) -> None:
    """Let one person's requests pass one by one, so that each counts those before."""
    key = sa.func.hashtextextended(f"refund limits {actor.user_id}", 0)
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


async def _asked_today(session: AsyncSession, actor: Actor) -> int:
    """Add up what the person has asked for since midnight in Moscow, split or not."""
    now = (await clock.now(session)).astimezone(clock.MOSCOW)
    midnight: datetime = now.replace(hour=0, minute=0, second=0, microsecond=0)
    total = await session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Refund.amount_kopecks), 0))
        .where(col(Refund.requested_by) == actor.user_id)
        .where(col(Refund.created_at) >= midnight)
        .where(col(Refund.status) != RefundStatus.REJECTED)
    )
    return int(total or 0)


async def _repeated(session: AsyncSession, payment: Payment) -> bool:
    found = await session.scalar(
        sa.select(col(Refund.id))
        .where(col(Refund.payment_id) == payment.id)
        .where(col(Refund.status).in_(GIVEN_BEFORE))
        .limit(1)
    )
    return found is not None
