"""What people were told of the last hours has reached them before the demo opens.

Else the first minutes of a demo would carry a thousand stale messages; those of the
last minutes are left to be sent before the viewer's eyes.
"""

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

ARRIVED = """
UPDATE notification
   SET status = 'delivered', attempts = 1, next_try_at = NULL,
       sent_at = created_at + interval '3 seconds',
       delivered_at = created_at + interval '8 seconds'
 WHERE status = 'queued' AND channel = 'sms' AND booking_id IS NOT NULL
   AND created_at < app_now() - interval '3 minutes'
"""


async def arrive(session: AsyncSession) -> None:
    """Let the messages about calls have arrived when they were made."""
    await session.execute(sa.text(ARRIVED))
