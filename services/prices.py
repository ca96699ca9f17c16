"""What a visit costs: the most fitting line of the price list at that moment."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import PriceItem
from models.booking_words import CallType
from models.price_item import PriceKind
from models.specialization import Specialization
from services import direct, settings
from services.errors import NotFound

# A line for the specialization beats one for all, hours beat the whole day, the
# newer line beats the older. The statement that creates a booking uses it too.
BEST_LINE = """
SELECT price_kopecks, vat_code FROM price_item
WHERE active AND kind = 'visit' AND call_type = %(call_type)s
  AND (specialization = %(specialization)s OR specialization IS NULL)
  AND (starts = ends
    OR (starts < ends AND {at} >= starts AND {at} < ends)
    OR (starts > ends AND ({at} >= starts OR {at} < ends)))
ORDER BY specialization IS NULL, starts = ends, id DESC
LIMIT 1
"""
_QUOTE = BEST_LINE.format(
    at="(CAST(%(at)s AS timestamptz) AT TIME ZONE 'Europe/Moscow')::time"
)


async def quote(
    session: AsyncSession,
    call_type: CallType,
    specialization: Specialization,
    at: datetime,
) -> int:
    """Give the price in kopecks of a visit that begins at this moment.

    A list without a fitting line falls back to the base price of the call type,
    a setting: no call is turned away for a gap in a price list.
    """
    facts = {"call_type": call_type, "specialization": specialization, "at": at}
    line = await direct.fetch_one(session, _QUOTE, facts)
    if line is None:
        return await settings.get(session, settings.base_price_key(call_type))
    return int(line.price_kopecks)


async def price_list(session: AsyncSession) -> Sequence[PriceItem]:
    """List what is offered now; anybody may read it."""
    query = select(PriceItem).where(col(PriceItem.active))
    found = await session.exec(
        query.order_by(
            col(PriceItem.kind),
            col(PriceItem.call_type),
            col(PriceItem.specialization).nulls_first(),
            col(PriceItem.starts),
            col(PriceItem.id),
        )
    )
    return found.all()


async def extra_item(session: AsyncSession, item_id: uuid.UUID) -> PriceItem:
    """Find a line that a doctor may add to a visit."""
    query = select(PriceItem).where(
        col(PriceItem.id) == item_id,
        col(PriceItem.active),
        col(PriceItem.kind) == PriceKind.EXTRA,
    )
    found = (await session.exec(query)).one_or_none()
    if found is None:
        raise NotFound("There is no such item in the price list.")
    return found
