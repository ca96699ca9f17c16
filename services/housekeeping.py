"""Rows that have run out are deleted, so that tables stay small."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

EXPIRED: Mapping[str, str] = {
    "idempotency_record": "created_at < app_now() - interval '24 hours'",
    "rate_limit": "window_starts_at < app_now() - interval '2 days'",
    "presence": "seen_at < app_now() - interval '5 minutes'",
    "refresh_token": "expires_at < app_now() - interval '1 day'",
    # The last message to somebody erased is the last that is known of them.
    "notification": "kind = 'account_erased' AND (sent_at IS NOT NULL"
    " OR created_at < app_now() - interval '7 days')",
    "chat_ticket": "expires_at < app_now() - interval '1 hour'",
    # Telegram keeps an update that nobody took for a day (Bot API, Getting updates).
    "telegram_update": "created_at < app_now() - interval '2 days'",
    "telegram_dialog": "updated_at < app_now() - interval '1 day'",
    "telegram_link": "coalesce(ended_at, CASE WHEN state <> 'linked' THEN expires_at"
    " END) < app_now() - interval '30 days'",
    "talk_link": "greatest(expires_at, page_expires_at) < app_now() - interval '1 day'",
    "staff_session": "coalesce(ended_at, expires_at) < app_now() - interval '30 days'",
}


async def tidy(session: AsyncSession) -> dict[str, int]:
    """Delete what is past its time; gives the number of rows for each table."""
    counts = {}
    for table, rule in EXPIRED.items():
        # Both parts are constants above, no caller's text gets here.
        done = await session.execute(sa.text(f"DELETE FROM {table} WHERE {rule}"))  # noqa: S608
        counts[table] = done.rowcount  # type: ignore[attr-defined]
    return counts
