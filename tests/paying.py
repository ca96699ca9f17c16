"""What tests of payments need: settings that lead to the local provider, and steps."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, LedgerJournal, Payment, User, WebhookInbox
from models.payment import PaymentMethod
from services import (
    clock,
    ledger,
    payment_opening,
    payment_sending,
    payment_watch,
    postings,
)
from services.actor import SYSTEM
from services.config import Settings, use_settings
from services.database import Sessions
from services.edges import transaction
from services.payment_opening import Wish
from tests import factories
from tests.yookassa_server import YooKassa

SECRET = "a-path-that-nobody-guesses"
HOOK = f"/webhooks/yookassa/{SECRET}"
CARD, SBP, WALLET = PaymentMethod.CARD, PaymentMethod.SBP, PaymentMethod.WALLET
PRICE = 450_000


@contextmanager
def paid_through(
    provider: YooKassa, settings: Settings, app: FastAPI | None = None, **others: Any
) -> Iterator[Settings]:
    """Lead this process, and an application, to a provider for a while."""
    told = {
        "yookassa_api_url": provider.api_url,
        "yookassa_shop_id": provider.shop,
        "yookassa_secret_key": provider.key,
        "yookassa_webhook_secret": SECRET,
        "yookassa_webhook_networks": [ip_network("127.0.0.0/8")],
    }
    made = settings.model_copy(update=told | others)
    use_settings(made)
    if app is not None:
        app.state.settings = made
    try:
        yield made
    finally:
        use_settings(settings)
        if app is not None:
            app.state.settings = settings


async def priced_booking(session: AsyncSession, by: User | None = None) -> Booking:
    """Make a waiting call at a price of 4,500 ₽."""
    await factories.price(session, price_kopecks=PRICE)
    return await factories.booking(session, by)


async def opened(
    sessions: Sessions,
    booking: Booking,
    method: PaymentMethod = CARD,
    return_url: str | None = None,
) -> Payment:
    """Open an attempt and commit it; nobody has asked the provider yet."""
    async with transaction(sessions) as session:
        user = await session.get_one(User, booking.patient_id)
        begun = await payment_opening.begin(
            session, factories.as_patient(user), booking.id, Wish(method, return_url)
        )
    return begun.payment


async def sent(
    sessions: Sessions, booking: Booking, method: PaymentMethod = CARD
) -> Payment:
    """Open an attempt, ask the provider and keep what it says."""
    payment = await opened(sessions, booking, method)
    outcome = await payment_sending.ask(payment, flow="payment", seconds=8)
    async with transaction(sessions) as session:
        return await payment_sending.keep(session, payment.id, outcome, first=True)


async def look(sessions: Sessions, payment: Payment, ahead: float = 0) -> Payment:
    """Look at a payment as if it were due, so many seconds from now."""
    async with transaction(sessions) as session:
        row = await session.get_one(Payment, payment.id)
        row.next_look_at = await clock.now(session)
    await payment_watch.look(sessions, payment.id)
    return await reload(sessions, payment)


async def reload(sessions: Sessions, payment: Payment) -> Payment:
    """Read a payment anew."""
    async with transaction(sessions) as session:
        return await session.get_one(Payment, payment.id)


async def journals(sessions: Sessions, ref_id: uuid.UUID, kind: str = "payment") -> int:
    """Count the journals of one kind about a row."""
    query = sa.select(sa.func.count(col(LedgerJournal.id))).where(
        col(LedgerJournal.ref_id) == ref_id, col(LedgerJournal.kind) == kind
    )
    async with transaction(sessions) as session:
        return await session.scalar(query) or 0


async def fill_wallet(session: AsyncSession, user: User, kopecks: int) -> None:
    """Give somebody money in the wallet, as a compensation of the house does."""
    booking = await priced_booking(session, user)
    posting = postings.compensated(uuid.uuid4(), booking.id, user.id, kopecks)
    await ledger.post(session, SYSTEM, posting)


async def notices(sessions: Sessions) -> list[WebhookInbox]:
    """Give what the provider told, in the order in which it came."""
    query = sa.select(WebhookInbox).order_by(col(WebhookInbox.created_at))
    async with transaction(sessions) as session:
        return list((await session.scalars(query)).all())
