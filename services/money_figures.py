"""What came and what went back today, for the first page of the console."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

# By the journal: it has the moment of each posting under an index.
_TODAY = sa.text(
    """
    SELECT coalesce(sum(p.amount_kopecks), 0)::bigint AS paid,
           coalesce(sum(r.amount_kopecks), 0)::bigint AS refunded
      FROM ledger_journal j
      LEFT JOIN payment p ON p.id = j.ref_id AND j.kind = 'payment'
      LEFT JOIN refund r ON r.id = j.ref_id AND j.kind = 'refund_succeeded'
     WHERE j.kind IN ('payment', 'refund_succeeded')
       AND j.created_at >= date_trunc('day', app_now() AT TIME ZONE 'Europe/Moscow')
                           AT TIME ZONE 'Europe/Moscow'
    """
)


async def today(session: AsyncSession) -> Mapping[str, int]:
    """Give the kopecks `paid` and `refunded` since midnight in Moscow."""
    row = (await session.execute(_TODAY)).one()
    return {"paid": row.paid, "refunded": row.refunded}
