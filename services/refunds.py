"""Refunds: asked for, approved by a second person, changed, rejected.

Nobody decides on money of their own, and nobody approves what they asked for. An
approval is bound to the sum, the payee and the means, and runs out.
"""

import uuid
from datetime import timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment, Refund, RefundClaim
from models.refund import (
    Destination,
    RefundOrigin,
    RefundReason,
    RefundStatus,
    Refusal,
)
from services import (
    clock,
    postings,
    refund_approvals,
    refund_claim_steps,
    refund_following,
    refund_limits,
    refund_outcomes,
    refund_quotes,
    refund_steps,
    refund_terms,
    settings,
)
from services.actor import Actor
from services.errors import Forbidden, IllegalTransition, StaleVersion
from services.permissions import Permission, demand
from services.refund_quotes import RefundQuote, means_of
from services.refund_steps import Locked
from services.refund_terms import Terms, Wish

AWAITING, APPROVED = RefundStatus.AWAITING_APPROVAL, RefundStatus.APPROVED
BY_ITSELF = frozenset({RefundOrigin.POLICY, RefundOrigin.DOUBLE, RefundOrigin.LATE})
REASONS = {
    RefundOrigin.DOUBLE: RefundReason.DOUBLE_PAYMENT,
    RefundOrigin.LATE: RefundReason.LATE_PAYMENT,
}


async def give_back(
    session: AsyncSession, actor: Actor, payment: Payment, origin: RefundOrigin
) -> Refund:
    """Give a surplus payment back whole, by itself and without an approver.

    The caller has locked the call and the payment and has posted it to prepaid.
    """
    booking = await session.get_one(Booking, payment.booking_id)
    refund = Refund(
        booking_id=booking.id,
        payment_id=payment.id,
        origin=origin,
        destination=means_of(payment),
        status=APPROVED,
        amount_kopecks=payment.captured_kopecks - payment.refunded_or_reserved_kopecks,
        reason_code=REASONS[origin],
        requested_by=actor.user_id,
        requested_as=actor.acting_as.value,
    )
    return await refund_steps.begin(session, actor, Locked(booking, payment, refund))


async def request(
    session: AsyncSession,
    actor: Actor,
    wish: Wish,
    claim: RefundClaim | None = None,
) -> Refund:
    """Ask for a refund; one person's is approved at once where one is enough.

    The same form sent twice is one refund. Raises RefundOpen while another refund of
    the payment goes, and IllegalTransition while the call goes on.
    """
    demand(actor, Permission.REFUND_REQUEST)
    await refund_limits.take_turns(session, actor)
    booking, payment = await refund_steps.lock_payment(session, wish.payment_id)
    refund_steps.demand_not_own(actor, booking, payment)
    earlier = await refund_terms.sent_before(session, actor, wish)
    if earlier is not None:
        return earlier
    await refund_terms.demand_free(session, booking, payment)
    terms = wish.terms
    where = refund_terms.demand_sound(payment, terms)
    quote = await refund_quotes.quote(session, booking)
    doubts = await refund_limits.doubts(
        session, actor, payment, quote, terms.amount_kopecks, where
    )
    refund = _written(actor, booking, wish, quote)
    refund.destination = where
    if claim is not None:
        refund.claim_id, refund.origin = claim.id, RefundOrigin.CLAIM
    if doubts:
        refund.needs_approval, refund.status = True, AWAITING
    locked = Locked(booking, payment, refund)
    return await refund_steps.begin(
        session, actor, locked, doubts=doubts, patient_agreed=terms.patient_agreed
    )


def _written(actor: Actor, booking: Booking, wish: Wish, quote: RefundQuote) -> Refund:
    """The row of a refund by hand, beside what policy would have given."""
    return Refund(
        booking_id=booking.id,
        payment_id=wish.payment_id,
        origin=RefundOrigin.STAFF,
        destination=wish.terms.destination,
        status=APPROVED,
        amount_kopecks=wish.terms.amount_kopecks,
        reason_code=wish.reason_code,
        split=wish.terms.split,
        requested_by=actor.user_id,
        requested_as=actor.acting_as.value,
        request_token=wish.request_token,
        **quote.snapshot(),
    )


async def approve(
    session: AsyncSession, actor: Actor, refund_id: uuid.UUID, seen: str
) -> Refund:
    """Let a refund go on; `seen` is the seal of what the approver saw."""
    demand(actor, Permission.REFUND_APPROVE)
    locked = await refund_steps.lock(session, refund_id)
    refund = locked.refund
    refund_approvals.demand_second(actor, locked.booking, locked.payment, refund)
    refund_steps.demand_edge(refund, APPROVED)
    held = refund_approvals.seal(refund, locked.payment)
    if seen != held:
        raise StaleVersion(
            "The refund has changed meanwhile. Nothing was approved.",
            current_version=refund.version,
        )
    now = await clock.now(session)
    hours = await settings.get(session, settings.REFUND_APPROVAL_HOURS)
    refund.approved_by, refund.approved_at = actor.user_id, now
    refund.approval_hash = held
    refund.approval_expires_at = now + timedelta(hours=hours)
    refund.status = APPROVED
    refund_steps.record(session, actor, "approved", refund)
    await session.flush()
    await refund_steps.proceed(session, actor, locked)
    return refund


async def reject(
    session: AsyncSession,
    actor: Actor,
    refund_id: uuid.UUID,
    refusal: Refusal = Refusal.OTHER,
) -> Refund:
    """Refuse a refund that was not sent yet, and say why; its money is free again.

    Of what was due by itself, by policy or as too much, a claim takes the place: its
    money must not wait in a closed call for nobody.
    """
    demand(actor, Permission.REFUND_APPROVE)
    locked = await refund_steps.lock(session, refund_id)
    refund = locked.refund
    refund_steps.demand_not_own(actor, locked.booking, locked.payment)
    refund_steps.demand_edge(refund, RefundStatus.REJECTED)
    if refund.origin is RefundOrigin.WITHDRAWAL:
        raise IllegalTransition("A part of a withdrawal is not rejected by itself.")
    refund.rejected_by, refund.failure_code = actor.user_id, refusal.value
    await refund_steps.end_without(session, actor, locked, RefundStatus.REJECTED)
    if refund.claim_id is not None:
        await refund_claim_steps.reopen(session, actor, refund.claim_id)
    if refund.origin in BY_ITSELF:
        await refund_claim_steps.stand_in(session, actor, locked.booking, refund)
    await refund_claim_steps.keep_leftover(session, actor, locked.booking, refund)
    return refund


async def amend(
    session: AsyncSession, actor: Actor, refund_id: uuid.UUID, terms: Terms
) -> Refund:
    """Change one's own refund before it is sent; an approval of it is void."""
    demand(actor, Permission.REFUND_REQUEST)
    locked = await refund_steps.lock(session, refund_id)
    refund, payment = locked.refund, locked.payment
    refund_steps.demand_not_own(actor, locked.booking, payment)
    if refund.requested_by != actor.user_id:
        raise Forbidden("Only whoever asked for a refund changes it.")
    if refund.status not in {AWAITING, APPROVED}:
        raise IllegalTransition("This refund cannot be changed any more.")
    where = refund_terms.demand_sound(payment, terms, held=refund.amount_kopecks)
    refund_approvals.withdraw(refund)
    await session.flush()
    await refund_steps.rearrange(
        session, actor, locked, terms.amount_kopecks, where, terms.split
    )
    refund_steps.record(
        session,
        actor,
        "amended",
        refund,
        amount_kopecks=refund.amount_kopecks,
        destination=refund.destination.value,
        patient_agreed=terms.patient_agreed,
    )
    await refund_steps.shown(session, refund)
    return refund


async def note_transfer(
    session: AsyncSession, actor: Actor, refund_id: uuid.UUID, document: str
) -> Refund:
    """Note that an approved refund left the bank by hand, with its document."""
    demand(actor, Permission.REFUND_REQUEST)
    locked = await refund_steps.lock(session, refund_id)
    refund = locked.refund
    refund_steps.demand_not_own(actor, locked.booking, locked.payment)
    if refund.destination is not Destination.MANUAL or refund.status is not APPROVED:
        raise IllegalTransition("Only an approved bank transfer is noted.")
    if not await refund_approvals.holds(session, locked):
        raise IllegalTransition("The approval does not hold any more.")
    refund.document = refund_terms.document_of(document)
    await refund_steps.arrive(session, actor, locked, postings.BANK)
    return refund


async def close_unknown(
    session: AsyncSession, actor: Actor, refund_id: uuid.UUID
) -> Refund:
    """Give up a refund that the provider does not know, a day after it was sent.

    For somebody else than who asked for it, after a look into the provider's cabinet.
    Should it turn up there after all, it is booked as made at the provider.
    """
    demand(actor, Permission.REFUND_APPROVE)
    locked = await refund_steps.lock(session, refund_id)
    refund = locked.refund
    refund_approvals.demand_second(actor, locked.booking, locked.payment, refund)
    sent, now = refund.key_used_at, await clock.now(session)
    gone = sent is not None and now - sent > refund_following.KEY_GONE
    if refund.status is not RefundStatus.UNKNOWN or not gone:
        raise IllegalTransition("Only a refund that is lost for a day is given up.")
    await refund_outcomes.fail(session, actor, locked, "given_up")
    return refund
