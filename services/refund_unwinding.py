"""Taking back what was earned before it can be given back.

A finished visit has paid its doctor and the house, a cancelled one may have left
something with the house: that money is no longer prepaid. What a refund took back
stands in the ledger, so that undoing it is exact to the kopeck.
"""

import uuid
from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment
from models.booking import Status
from models.ledger import AccountKind
from models.refund import Split
from services import direct, ledger, postings
from services.inputs import wrong
from services.ledger import Account

# The payee, and how many kopecks are taken back from the payee and from the house.
Unwound = tuple[Account, int, int]
NOTHING: Unwound = (postings.REVENUE, 0, 0)

_EARNED = """
SELECT a.kind, a.owner_id, sum(e.amount_kopecks)::bigint AS kopecks
  FROM ledger_journal j
  JOIN ledger_entry e ON e.journal_id = j.id
  JOIN ledger_account a ON a.id = e.account_id
 WHERE {which}
   AND a.kind IN ('doctor_payable', 'clinic_payable', 'revenue_service',
                  'revenue_cancellation')
 GROUP BY a.kind, a.owner_id
"""
_OF_BOOKING = _EARNED.format(which="j.booking_id = %(id)s")
_OF_REFUND = _EARNED.format(which="j.ref_type = 'refund' AND j.ref_id = %(id)s")


async def unwinding(
    session: AsyncSession,
    booking: Booking,
    payment: Payment,
    kopecks: int,
    split: Split | None,
) -> Unwound:
    """Say what has to be taken back so that a refund of this payment finds its money.

    Raises ValidationFailed when nobody said who bears a refund of a finished visit.
    """
    lacking = kopecks - await free_prepaid(session, booking.id, payment.id)
    if lacking <= 0:
        return NOTHING
    if booking.status is not Status.COMPLETED:
        return postings.KEPT, lacking, 0
    if split is None:
        raise wrong("split")
    earned = await _sums(session, _OF_BOOKING, booking.id)
    payee, ours = _payee(earned), earned.get(postings.REVENUE, 0)
    theirs = _share(split, lacking, earned.get(payee, 0) if payee else 0, ours)
    return payee or postings.REVENUE, theirs, lacking - theirs


async def taken_back(session: AsyncSession, refund_id: uuid.UUID) -> Unwound:
    """Read from the ledger what a refund has taken back so far."""
    sums = await _sums(session, _OF_REFUND, refund_id)
    payee = _payee(sums) or (postings.KEPT if postings.KEPT in sums else None)
    theirs = -sums.get(payee, 0) if payee else 0
    return payee or postings.REVENUE, theirs, -sums.get(postings.REVENUE, 0)


async def free_prepaid(
    session: AsyncSession,
    booking_id: uuid.UUID,
    for_payment: uuid.UUID | None = None,
) -> int:
    """Tell what is prepaid for the visit, without what other payments gave too much.

    A surplus whose refund failed waits there, whole, for its own payer.
    """
    left = col(Payment.captured_kopecks) - col(Payment.refunded_or_reserved_kopecks)
    surplus = await session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(left), 0))
        .where(col(Payment.booking_id) == booking_id)
        .where(col(Payment.id).is_distinct_from(for_payment))
        .where(col(Payment.surplus).is_not(None))
    )
    prepaid = await ledger.balance(session, postings.prepaid(booking_id))
    return prepaid - int(surplus or 0)


async def _sums(
    session: AsyncSession, sql: str, of: uuid.UUID
) -> Mapping[Account, int]:
    rows = await direct.fetch_all(session, sql, {"id": of})
    return {Account(AccountKind(row.kind), row.owner_id): row.kopecks for row in rows}


def _payee(sums: Mapping[Account, int]) -> Account | None:
    return next((each for each in sums if each.owner_id is not None), None)


def _share(split: Split, lacking: int, theirs: int, ours: int) -> int:
    """Give the payee's part: never more than was earned, the house gives the rest."""
    if split is Split.HOUSE or theirs <= 0:
        return 0
    if split is Split.DOCTOR:
        return min(lacking, theirs)
    whole = theirs + ours
    part = (2 * lacking * theirs + whole) // (2 * whole) if whole > 0 else lacking
    return min(lacking, theirs, part)
