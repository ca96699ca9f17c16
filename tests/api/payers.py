"""What tests of paying over REST need: a patient with a call, and the worker's part."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from httpx import AsyncClient, Response
from sqlmodel import col

from models import Booking, Payment, User, WebhookInbox
from models.payment import OPEN, PaymentStatus
from services import webhook_handling, webhook_inbox
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.api.helpers import signed_in
from tests.paying import look, priced_booking


@dataclass
class Payer:
    """A patient with a call at 4,500 ₽ and a token."""

    user: User
    booking: Booking
    headers: dict[str, str]
    client: AsyncClient
    sessions: Sessions

    @property
    def place(self) -> str:
        return f"/v1/bookings/{self.booking.id}/payments"

    async def pay(
        self, method: str = "card", headers: dict[str, str] | None = None, **body: Any
    ) -> Response:
        """Ask to pay."""
        sent = self.headers | (headers or {})
        return await self.client.post(
            self.place, json={"method": method, **body}, headers=sent
        )

    async def read(self, payment_id: str, what: str = "") -> Response:
        """Look at a payment."""
        place = f"/v1/payments/{payment_id}{what}"
        return await self.client.get(place, headers=self.headers)

    async def status(self, payment_id: str) -> str:
        """Tell how a payment stands."""
        return str((await self.read(payment_id)).json()["status"])


async def payer(client: AsyncClient, sessions: Sessions) -> Payer:
    """Make somebody who has something to pay."""
    async with transaction(sessions) as session:
        user = await factories.patient(session)
        booking = await priced_booking(session, user)
    headers = await signed_in(sessions, user)
    return Payer(user, booking, headers, client, sessions)


async def the_payment(sessions: Sessions) -> Payment:
    """Give the only payment there is."""
    async with transaction(sessions) as session:
        return (await session.scalars(sa.select(Payment))).one()


async def work(sessions: Sessions) -> None:
    """Do what the worker does with the notices that wait, each once more."""
    query = sa.select(WebhookInbox).where(
        col(WebhookInbox.status).in_(webhook_inbox.OPEN)
    )
    async with transaction(sessions) as session:
        waiting = (
            await session.scalars(query.order_by(col(WebhookInbox.created_at)))
        ).all()
        for row in waiting:
            row.next_try_at = sa.func.app_now()
    for row in waiting:
        await webhook_handling.handle(sessions, row.id)


async def look_at_all(sessions: Sessions) -> list[PaymentStatus]:
    """Do what the worker does with attempts that are due."""
    async with transaction(sessions) as session:
        query = sa.select(Payment).where(col(Payment.status).in_(OPEN))
        found = (await session.scalars(query)).all()
    return [(await look(sessions, each)).status for each in found]
