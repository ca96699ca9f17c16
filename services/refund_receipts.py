"""What the fiscal receipt of a partial refund says (54-FZ): it travels with it.

A whole refund takes none: the provider repeats that of the payment. Source:
https://yookassa.ru/developers/54fz/parameters-values
"""

from sqlmodel.ext.asyncio.session import AsyncSession

from models import User
from services import payment_receipts
from services.config import get_settings
from services.gateways.yookassa_bodies import Receipt
from services.refund_steps import Locked


async def of(session: AsyncSession, locked: Locked) -> Receipt | None:
    """Give the receipt of a refund; None for a whole one, and where none is sent."""
    payment, amount = locked.payment, locked.refund.amount_kopecks
    if amount == payment.captured_kopecks:
        return None
    payer = await session.get_one(User, payment.payer_id)
    return payment_receipts.of(get_settings(), locked.booking, payer, amount)
