"""What kept the finance desk busy before the demo opens: real verbs of its people.

What goes back to a card or by SBP is sent once the demo runs; the rest is done here.
"""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, Payment
from models.booking_words import CancelReason
from models.refund import Destination, RefundReason, Split
from models.role_grant import Role
from sandbox import past_money
from sandbox.cast import City
from services import (
    bookings,
    clock,
    compensations,
    payouts,
    refund_approvals,
    refund_claims,
    refunds,
    withdrawals,
)
from services.actor import Actor, Via
from services.database import Sessions
from services.edges import transaction
from services.refund_terms import Terms, Wish

HOUR = 3600
# One visit of each payer, paid a day ago or earlier; the demo's patient stands first.
VISITS = """
SELECT id, booking_id, payer_id, amount_kopecks FROM (
  SELECT DISTINCT ON (p.payer_id) p.*
    FROM payment p JOIN booking b ON b.id = p.booking_id
   WHERE p.status = 'succeeded' AND p.method <> 'wallet' AND b.status = 'completed'
     AND p.succeeded_at < app_now() - interval '1 day'
   ORDER BY p.payer_id, p.succeeded_at DESC) latest
 ORDER BY payer_id = :patient DESC, succeeded_at DESC LIMIT 8
"""
# Some doctors stay on their way, so that the board keeps its columns.
ON_THE_WAY = """
SELECT id FROM booking WHERE status = 'en_route' AND price_kopecks > 0
   AND created_at < app_now() - interval '15 minutes'
 ORDER BY number OFFSET 1 LIMIT 2
"""
REASONS = (
    "Врач приехал на час позже обещанного",
    "Не сработал домофон, пациент ждал",
    "Извинение за отменённый вызов",
)
CLAIMS = (
    (RefundReason.POOR_SERVICE, "Осмотр занял пять минут"),
    (RefundReason.WRONG_AMOUNT, "По телефону называли другую цену"),
)


@dataclass(frozen=True)
class Desk:
    """Two people of finance; each step is a transaction some hours ago."""

    sessions: Sessions
    first: Actor
    second: Actor

    @asynccontextmanager
    async def ago(self, hours: float) -> AsyncIterator[AsyncSession]:
        """Begin a transaction whose clock is so far behind."""
        async with transaction(self.sessions) as session:
            await clock.shift(session, -hours * HOUR)
            yield session


async def tell(sessions: Sessions, city: City) -> None:
    """Let finance pay doctors, make good, give back, and leave some of it to do."""
    first, second = (
        Actor(city.staff[name], Role.FINANCE, Via.CONSOLE)
        for name in ("finance", "finance2")
    )
    desk = Desk(sessions, first, second)
    async with transaction(sessions) as session:
        known = {"patient": city.callers[0].id}
        visits = (await session.execute(sa.text(VISITS), known)).all()
    await _pay_doctors(desk)
    await _make_good(desk, visits[:3])
    await _give_to_wallets(desk, [visits[0], *visits[3:5]])
    await _claim(desk, visits[5:7])
    await _await_approval(desk, visits[7:])
    await _withdraw(desk, visits[3])
    await _call_off(desk)
    async with desk.ago(3) as session:
        await payouts.draft(session, desk.first)


async def _pay_doctors(desk: Desk) -> None:
    """The register of the day before yesterday was paid; another one is begun."""
    async with desk.ago(48) as session:
        made = await payouts.draft(session, desk.first)
    async with desk.ago(47) as session:
        made = await payouts.approve(session, desk.second, made.id, made.version)
    async with desk.ago(46) as session:
        made = await payouts.export(session, desk.first, made.id, made.version)
    async with desk.ago(26) as session:
        document = "Платёжное поручение № 214"
        await payouts.pay(session, desk.first, made.id, made.version, document)


async def _make_good(desk: Desk, visits: Sequence[Any]) -> None:
    for visit, reason in zip(visits, REASONS, strict=False):
        async with desk.ago(22) as session:
            await compensations.credit(
                session, desk.first, visit.booking_id, 50_000, reason, uuid.uuid4()
            )


async def _give_to_wallets(desk: Desk, visits: Sequence[Any]) -> None:
    """The patients agreed to have it in the wallet: it is there once two agreed."""
    for visit in visits:
        async with desk.ago(20) as session:
            terms = Terms(
                visit.amount_kopecks, Destination.WALLET, Split.PRO_RATA, True
            )
            wish = Wish(visit.id, terms, RefundReason.GOODWILL)
            made = await refunds.request(session, desk.first, wish)
        async with desk.ago(19) as session:
            payment = await session.get_one(Payment, visit.id)
            seen = refund_approvals.seal(made, payment)
            await refunds.approve(session, desk.second, made.id, seen)


async def _claim(desk: Desk, visits: Sequence[Any]) -> None:
    for visit, (reason, words) in zip(visits, CLAIMS, strict=False):
        async with desk.ago(9) as session:
            patient = Actor(visit.payer_id, Role.PATIENT, Via.API)
            await refund_claims.open_claim(
                session, patient, visit.booking_id, reason, words
            )


async def _await_approval(desk: Desk, visits: Sequence[Any]) -> None:
    """More than policy gives: it waits for the second person."""
    for visit in visits:
        async with desk.ago(5) as session:
            terms = Terms(visit.amount_kopecks, Destination.ORIGINAL, Split.HOUSE)
            wish = Wish(visit.id, terms, RefundReason.POOR_SERVICE)
            await refunds.request(session, desk.first, wish)


async def _withdraw(desk: Desk, visit: Any) -> None:
    async with desk.ago(8) as session:
        patient = Actor(visit.payer_id, Role.PATIENT, Via.API)
        await withdrawals.request(session, patient, visit.amount_kopecks)


async def _call_off(desk: Desk) -> None:
    """Paid calls are cancelled with the doctor on the way: policy keeps a part."""
    async with transaction(desk.sessions) as session:
        calls = (await session.scalars(sa.text(ON_THE_WAY))).all()
    for booking_id in calls:
        async with desk.ago(0.2) as session:
            booking = await session.get_one(Booking, booking_id)
            await past_money.pay_by_card(session, booking)
        async with desk.ago(0.01) as session:
            booking = await session.get_one(Booking, booking_id)
            patient = Actor(booking.patient_id, Role.PATIENT, Via.API)
            reason = CancelReason.PATIENT_CHANGED_MIND
            await bookings.cancel(session, patient, booking_id, reason)
