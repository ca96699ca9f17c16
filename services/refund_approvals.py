"""What the approval of a refund is bound to, and how it comes to nothing."""

import hashlib
import json

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Refund
from models.refund import RefundStatus
from services import clock, refund_steps
from services.actor import Actor
from services.errors import Forbidden
from services.refund_steps import Locked


def demand_second(
    actor: Actor, booking: Booking, payment: Payment, refund: Refund
) -> None:
    """Refuse whoever asked for a refund, and whoever would get it."""
    refund_steps.demand_not_own(actor, booking, payment)
    if actor.user_id == refund.requested_by:
        raise Forbidden("Whoever asked for a refund does not approve it.")


def seal(refund: Refund, payment: Payment) -> str:
    """Bind an approval to the sum, the payee, the means and who bears it."""
    said = [
        str(refund.id),
        refund.amount_kopecks,
        refund.destination.value,
        refund.split.value if refund.split else None,
        str(payment.id),
        str(payment.payer_id),
        payment.provider_id,
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def withdraw(refund: Refund) -> None:
    """Make a refund wait for an approval, whatever approval it had."""
    refund.status = RefundStatus.AWAITING_APPROVAL
    refund.needs_approval = True
    refund.approved_by = refund.approved_at = None
    refund.approval_hash = refund.approval_expires_at = None
    refund.next_look_at = None


async def holds(session: AsyncSession, locked: Locked) -> bool:
    """Tell whether an approved refund may still go: in time, and as it was approved.

    One that needed no approval always may.
    """
    refund = locked.refund
    if refund.approved_by is None or refund.approval_expires_at is None:
        return True
    now = await clock.now(session)
    same = refund.approval_hash == seal(refund, locked.payment)
    return same and now < refund.approval_expires_at


async def void(session: AsyncSession, actor: Actor, locked: Locked) -> None:
    """Ask for the approval anew: it ran out, or it was for something else."""
    withdraw(locked.refund)
    refund_steps.record(session, actor, "approval_void", locked.refund)
    await refund_steps.shown(session, locked.refund)
