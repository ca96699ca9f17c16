"""What tests of payments need: settings that lead to the local provider, and steps."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
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
from services.config import Settings, get_settings, use_settings
from services.database import Sessions
from services.edges import transaction
from services.payment_opening import Wish
from tests import factories
from tests.yookassa_server import YooKassa

SECRET = "a-path-that-nobody-guesses"
HOOK = f"/webhooks/yookassa/{SECRET}"
CARD, SBP, WALLET = PaymentMethod.CARD, PaymentMethod.SBP, PaymentMethod.WALLET
PRICE = 450_000
PATIENCE = 8.0


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
        "yookassa_webhook_networks": [ip_network("127.0.0.1/32")],
    }
    made = settings.model_copy(update=told | others)
    earlier = get_settings()
    use_settings(made)
    if app is not None:
        app.state.settings = made
    try:
        yield made
    finally:
        use_settings(earlier)
        if app is not None:
            app.state.settings = settings


@contextmanager
def without_database(app: FastAPI) -> Iterator[None]:
    """Let an application find no database for a while."""

    def away() -> None:
        raise ConnectionError

    earlier, app.state.sessions = app.state.sessions, away
    try:
        yield
    finally:
        app.state.sessions = earlier


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
    outcome = await payment_sending.ask(payment, flow="payment", seconds=PATIENCE)
    async with transaction(sessions) as session:
        return await payment_sending.keep(session, payment.id, outcome, first=True)


async def look(sessions: Sessions, payment: Payment) -> Payment:
    """Look at a payment as if it were due."""
    async with transaction(sessions) as session:
        row = await session.get_one(Payment, payment.id)
        row.next_look_at = await clock.now(session)
    await payment_watch.look(sessions, payment.id)
    return await reload(sessions, payment)


async def age(sessions: Sessions, payment: Payment, hours: float) -> None:
    """Let the key of a payment have been used so long ago."""
    async with transaction(sessions) as session:
        row = await session.get_one(Payment, payment.id)
        row.key_used_at = await clock.now(session) - timedelta(hours=hours)


async def reload(sessions: Sessions, payment: Payment) -> Payment:
    """Read a payment anew."""
    async with transaction(sessions) as session:
        return await session.get_one(Payment, payment.id)


async def new_booking(sessions: Sessions) -> Booking:
    """Make a waiting call at 4,500 ₽ and commit it."""
    async with transaction(sessions) as session:
        return await priced_booking(session)


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


def provider_object(
    payment: Payment, status: str = "succeeded", **changes: Any
) -> dict[str, Any]:
    """Give a payment as the provider would have it, bent as a test wants."""
    value = f"{payment.amount_kopecks // 100}.{payment.amount_kopecks % 100:02d}"
    told: dict[str, Any] = {
        "id": payment.provider_id or "22e12f66-000f-5000-8000-18db351245c7",
        "status": status,
        "amount": {"value": value, "currency": "RUB"},
        "paid": status == "succeeded",
        "test": True,
        "refundable": status == "succeeded",
        "recipient": {"account_id": YooKassa.shop, "gateway_id": "1"},
        "created_at": "2026-11-24T10:00:00.000Z",
        "metadata": {
            "attempt_id": str(payment.id),
            "booking_id": str(payment.booking_id),
            "env": "test",
        },
    }
    return told | changes
