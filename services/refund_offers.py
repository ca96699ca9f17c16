"""What a refund by hand would come to, before anybody asks for it. Nothing is written."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment
from models.booking import Status
from models.refund import Destination, Doubt, Split
from services import (
    refund_limits,
    refund_quotes,
    refund_steps,
    refund_terms,
    refund_unwinding,
)
from services.actor import Actor
from services.errors import DomainError, NotFound
from services.permissions import Permission, demand
from services.refund_terms import Terms


@dataclass(frozen=True)
class Offer:
    """How much of one payment may go back: by policy, and at most; all in kopecks.

    `usual` is the way back to where it was paid from; `refusal` says why nobody can
    ask for a refund of it now.
    """

    payment_id: uuid.UUID
    left: int
    policy: int
    usual: Destination
    completed: bool
    refusal: DomainError | None


@dataclass(frozen=True)
class Outlook:
    """Why these terms need a second person, and who would bear them.

    `shares` gives for each split the kopecks of whoever was paid for the visit and
    those of the house; it is empty where nobody has earned the money yet.
    """

    doubts: Sequence[Doubt]
    shares: Mapping[Split, tuple[int, int]]


async def offer(session: AsyncSession, actor: Actor, payment_id: uuid.UUID) -> Offer:
    """Tell what may be asked for of a payment, and why not if nothing may."""
    booking, payment = await _rows(session, actor, payment_id)
    quote = await refund_quotes.quote(session, booking)
    left = payment.captured_kopecks - payment.refunded_or_reserved_kopecks
    return Offer(
        payment.id,
        left,
        quote.of(payment.id) if payment.surplus is None else left,
        refund_quotes.means_of(payment),
        booking.status is Status.COMPLETED,
        await _refusal(session, actor, booking, payment),
    )


async def outlook(
    session: AsyncSession, actor: Actor, payment_id: uuid.UUID, terms: Terms
) -> Outlook:
    """Tell what a refund on these terms would need.

    Raises ValidationFailed for a sum or a way back that cannot be.
    """
    booking, payment = await _rows(session, actor, payment_id)
    where = refund_terms.demand_sound(payment, terms)
    quote = await refund_quotes.quote(session, booking)
    doubts = await refund_limits.doubts(
        session, actor, payment, quote, terms.amount_kopecks, where
    )
    shares = await _shares(session, booking, payment, terms.amount_kopecks)
    return Outlook(doubts, shares)


async def _shares(
    session: AsyncSession, booking: Booking, payment: Payment, kopecks: int
) -> Mapping[Split, tuple[int, int]]:
    if booking.status is not Status.COMPLETED:
        return {}
    found = {}
    for split in Split:
        unwound = await refund_unwinding.unwinding(
            session, booking, payment, kopecks, split
        )
        found[split] = unwound[1:]
    return found if any(map(any, found.values())) else {}


async def _refusal(
    session: AsyncSession, actor: Actor, booking: Booking, payment: Payment
) -> DomainError | None:
    try:
        refund_steps.demand_not_own(actor, booking, payment)
        await refund_terms.demand_free(session, booking, payment)
    except DomainError as refusal:
        return refusal
    return None


async def _rows(
    session: AsyncSession, actor: Actor, payment_id: uuid.UUID
) -> tuple[Booking, Payment]:
    demand(actor, Permission.REFUND_REQUEST)
    payment = await session.get(Payment, payment_id)
    if payment is None:
        raise NotFound
    return await session.get_one(Booking, payment.booking_id), payment
