"""How the money of a call stands: what it costs, what came, went back and is owed."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking
from models.booking import Status
from models.payment import PaymentState
from services import direct, ledger, postings

_MONEY = """
SELECT id, total_kopecks, captured_kopecks, returned_kopecks, in_flight_kopecks,
       paid_kopecks, payment_state
  FROM booking_money_v WHERE id = ANY(%(ids)s)
"""


@dataclass(frozen=True)
class Money:
    """The sums of one call in kopecks, and the one word for them.

    `total` is the quote with the extras that are charged, `captured` what came,
    `returned` what went back, `in_flight` what is on its way back, `paid` what came
    less what went back.
    """

    total: int
    captured: int = 0
    returned: int = 0
    in_flight: int = 0
    paid: int = 0
    payment_state: PaymentState = PaymentState.UNPAID


async def due(session: AsyncSession, booking: Booking) -> int:
    """Tell what is still to be paid for a call, in kopecks; never below nothing.

    A payment that waits for its end is not counted. The caller has the call's row.
    """
    if booking.status is Status.CANCELLED:
        return 0
    if booking.status is Status.COMPLETED:
        return max(0, await ledger.balance(session, postings.receivable(booking.id)))
    held = await ledger.balance(session, postings.prepaid(booking.id))
    return max(0, booking.total_kopecks - held)


async def money_of(
    session: AsyncSession, ids: Sequence[uuid.UUID]
) -> Mapping[uuid.UUID, Money]:
    """Give the sums of several calls in one query."""
    await session.flush()
    rows = await direct.fetch_all(session, _MONEY, {"ids": list(ids)})
    return {row.id: _money(row) for row in rows}


def _money(row: Any) -> Money:
    return Money(
        row.total_kopecks,
        row.captured_kopecks,
        row.returned_kopecks,
        row.in_flight_kopecks,
        row.paid_kopecks,
        PaymentState(row.payment_state),
    )
