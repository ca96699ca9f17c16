"""Whether an object of the provider is the payment we asked for, and what we keep of it."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Payment
from services.config import get_settings
from services.gateways.yookassa_answers import ProviderPayment

LONGEST_ADDRESS = 2048
LAST_FOUR = re.compile(r"[0-9]{4}")


async def whose(session: AsyncSession, raw: Mapping[str, Any]) -> uuid.UUID | None:
    """Find the attempt that a fetched payment may be: by its id, else by ours in it."""
    metadata = raw.get("metadata")
    attempt = metadata.get("attempt_id") if isinstance(metadata, dict) else None
    by_id = col(Payment.provider_id) == str(raw.get("id"))
    query = (
        sa.select(col(Payment.id))
        .where(sa.or_(by_id, col(Payment.id) == _uuid(attempt)))
        .order_by(sa.func.coalesce(by_id, False).desc())
        .limit(1)
    )
    found: uuid.UUID | None = await session.scalar(query)
    return found


def unfitness(payment: Payment, seen: ProviderPayment) -> list[str]:
    """Name what shows that this object is not the payment we asked for."""
    settings, income = get_settings(), seen.income_kopecks
    fits = {
        "id": payment.provider_id in {None, seen.id},
        "account_id": seen.account_id == settings.yookassa_shop_id,
        "amount": seen.amount_kopecks == payment.amount_kopecks,
        "test": seen.test is settings.yookassa_test,
        "attempt_id": seen.metadata.get("attempt_id") == str(payment.id),
        "booking_id": seen.metadata.get("booking_id") == str(payment.booking_id),
        "paid": seen.paid or seen.status != "succeeded",
        "income_amount": income is None or income <= seen.amount_kopecks,
    }
    return [name for name, right in fits.items() if not right]


def card_title(raw: Mapping[str, Any]) -> str | None:
    """Name a card by its last four digits, and keep no more of it."""
    means = raw.get("payment_method")
    card = means.get("card") if isinstance(means, dict) else None
    last = card.get("last4") if isinstance(card, dict) else None
    if isinstance(last, str) and LAST_FOUR.fullmatch(last):
        return f"•••• {last}"
    return None


def address(text: str | None) -> str | None:
    """Keep an address of the provider's, unless it is longer than any should be."""
    return text if text is not None and len(text) <= LONGEST_ADDRESS else None


def _uuid(text: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None
