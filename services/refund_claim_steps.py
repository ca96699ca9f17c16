"""What opens and closes a claim besides its own verbs, and what the house then keeps."""

import uuid

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Refund, RefundClaim
from models.booking import Status
from models.refund import (
    OPEN,
    ClaimStatus,
    Destination,
    RefundOrigin,
    RefundReason,
    RefundStatus,
)
from services import audit, clock, ledger, live, postings
from services.actor import Actor
from services.refund_unwinding import free_prepaid


async def running(session: AsyncSession, booking_id: uuid.UUID) -> RefundClaim | None:
    """Find the open claim of a call, whose row is locked."""
    query = select(RefundClaim).where(
        col(RefundClaim.booking_id) == booking_id,
        col(RefundClaim.status) == ClaimStatus.OPEN,
    )
    return (await session.exec(query)).one_or_none()


async def write(
    session: AsyncSession,
    actor: Actor,
    booking: Booking,
    reason_code: RefundReason,
    comment: str | None = None,
) -> RefundClaim:
    """Open a claim for a call that has none open."""
    claim = RefundClaim(
        booking_id=booking.id,
        opened_by=actor.user_id,
        opened_as=actor.acting_as.value,
        reason_code=reason_code,
        comment=comment,
    )
    session.add(claim)
    await _finish(session, actor, "opened", claim)
    return claim


async def close(
    session: AsyncSession, actor: Actor, claim: RefundClaim, status: ClaimStatus
) -> None:
    """Write the decision; what a cancelled call then has left is the house's."""
    claim.status, claim.decided_by = status, actor.user_id
    claim.decided_at = await clock.now(session)
    claim.version += 1
    await _finish(session, actor, status.value, claim)
    booking = await session.get_one(Booking, claim.booking_id)
    if booking.status is Status.CANCELLED:
        await keep_rest(session, actor, booking, f"claim:{claim.id}:{claim.version}")


async def reopen(session: AsyncSession, actor: Actor, claim_id: uuid.UUID) -> None:
    """A refund that a claim got was rejected: finance decides again.

    Unless the patient has made a new claim meanwhile.
    """
    claim = await session.get_one(RefundClaim, claim_id)
    other = await running(session, claim.booking_id)
    if other is not None:
        return
    claim.status, claim.decided_at, claim.decided_by = ClaimStatus.OPEN, None, None
    claim.version += 1
    await _finish(session, actor, "reopened", claim)


async def stand_in(
    session: AsyncSession, actor: Actor, booking: Booking, refund: Refund
) -> None:
    """A refund that was due by itself was rejected: finance decides on its money."""
    if await running(session, booking.id) is None:
        await write(session, actor, booking, refund.reason_code)


async def keep_rest(
    session: AsyncSession, actor: Actor, booking: Booking, key: str
) -> int:
    """Post what a cancelled call does not give back; gives how many kopecks."""
    rest = await free_prepaid(session, booking.id)
    if rest > 0:
        await ledger.post(session, actor, postings.kept(key, booking.id, rest))
        audit.record(
            session, actor, "booking.kept", "booking", booking.id, amount_kopecks=rest
        )
    return max(rest, 0)


async def keep_leftover(
    session: AsyncSession, actor: Actor, booking: Booking, refund: Refund
) -> None:
    """Post what a refund that has ended leaves of a cancelled call, if nobody waits.

    A claim closed while the refund was open has left that money alone. The wallet's
    part of a cancellation comes first, and what is left then has its own refunds.
    """
    of_cancellation = (
        refund.origin is RefundOrigin.POLICY
        and refund.destination is Destination.WALLET
    )
    if booking.status is not Status.CANCELLED or of_cancellation:
        return
    await session.flush()
    waiting = sa.exists().where(
        col(Refund.booking_id) == booking.id,
        sa.or_(
            col(Refund.status).in_(OPEN),
            sa.and_(
                col(Refund.status) == RefundStatus.FAILED,
                col(Refund.followed_at).is_(None),
            ),
        ),
    )
    if await running(session, booking.id) or await session.scalar(sa.select(waiting)):
        return
    await keep_rest(session, actor, booking, f"refund:{refund.id}")


async def _finish(
    session: AsyncSession, actor: Actor, verb: str, claim: RefundClaim
) -> None:
    audit.record(
        session,
        actor,
        f"refund_claim.{verb}",
        "refund_claim",
        claim.id,
        reason_code=claim.reason_code.value,
    )
    await session.flush()
    await live.announce(session, live.Topic.CALL, claim.booking_id)
