"""What a notification says in Telegram, written at the moment of sending."""

from sqlmodel.ext.asyncio.session import AsyncSession

from models import Notification
from services import notification_texts, sealing
from services.telegram_buttons import Button, TelegramMessage

__all__ = ["Button", "TelegramMessage", "compose"]


async def compose(
    session: AsyncSession,  # noqa: ARG001 - cards will read their calls
    row: Notification,
) -> TelegramMessage | None:
    """Write the message; None when the person lost the right to it meanwhile."""
    secret = None if row.sealed is None else sealing.unseal(row.sealed)
    made = notification_texts.render(row.kind, row.locale, row.facts, secret)
    return TelegramMessage(made.text)
