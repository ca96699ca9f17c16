"""Rivals over refunds on real connections: one wins, and nothing doubles.

A hundred rounds each, fewer of the rarer races; with TOT_PROVE=1 ten times that.
"""

import uuid
from typing import Any

import pytest
from sqlmodel import col, select

from models import Payment, Refund
from models.booking import Status
from models.booking_words import CancelReason
from models.payment import PaymentStatus, Surplus
from models.refund import Destination, RefundReason, RefundStatus
from models.role_grant import Role
from services import (
    bookings,
    payment_settling,
    refund_approvals,
    refund_claims,
    refund_outcomes,
    refunds,
)
from services.actor import SYSTEM, Actor, Via
from services.database import Sessions
from services.edges import transaction
from services.errors import IllegalTransition, RefundOpen
from services.gateways.yookassa_outcomes import Done
from tests import factories, money_rows, paying, refunding
from tests.refunding import PRICE, Stage, books, house, wish
from tests.services.test_races import FEWER, ROUNDS, Act, race, refusals
from tests.yookassa_server import YooKassa

pytestmark = pytest.mark.race


class Table:
    """A finished visit on which surplus payments come in, one for each round."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    async def lay(self) -> None:
        async with transaction(self.sessions) as session:
            self.stage = await refunding.paid_call(session, Status.COMPLETED)
            self.people = [await refunding.finance(session) for _ in range(8)]

    async def payment(self) -> Payment:
        async with transaction(self.sessions) as session:
            return await refunding.surplus(session, self.stage, Surplus.DOUBLE)

    async def waiting(self, payment: Payment) -> Refund:
        asked = wish(payment, PRICE, destination=Destination.MANUAL)
        async with transaction(self.sessions) as session:
            return await refunds.request(session, self.people[0], asked)

    async def held(self, payment: Payment) -> tuple[list[Refund], int]:
        """Give the refunds of a payment, and how much of it is given or held."""
        async with transaction(self.sessions) as session:
            query = select(Refund).where(col(Refund.payment_id) == payment.id)
            made = list((await session.exec(query)).all())
            row = await session.get_one(Payment, payment.id)
            return made, row.refunded_or_reserved_kopecks


async def test_eight_people_ask_for_one_refund(sessions: Sessions) -> None:
    table = Table(sessions)
    await table.lay()
    for _ in range(ROUNDS):
        payment = await table.payment()
        asked = wish(payment, PRICE)
        acts: list[Act] = [
            lambda own, who=who, asked=asked: refunds.request(own, who, asked)
            for who in table.people
        ]
        results = await race(sessions, *acts)
        assert refusals(results) == [RefundOpen] * 7
        made, counted = await table.held(payment)
        assert (len(made), counted) == (1, PRICE)


async def test_one_form_sent_eight_times(sessions: Sessions) -> None:
    table = Table(sessions)
    await table.lay()
    for _ in range(FEWER):
        payment = await table.payment()
        asked = wish(payment, PRICE, request_token=uuid.uuid4().hex)
        act: Act = lambda own, asked=asked: refunds.request(  # noqa: E731
            own, table.people[0], asked
        )
        results = await race(sessions, *[act] * 8)
        assert refusals(results) == []
        assert len({each.id for each in results if isinstance(each, Refund)}) == 1
        assert (await table.held(payment))[1] == PRICE


async def test_eight_people_approve_one_refund(sessions: Sessions) -> None:
    table = Table(sessions)
    await table.lay()
    approvers = [*table.people[1:], table.stage.anna]
    for _ in range(ROUNDS):
        payment = await table.payment()
        made = await table.waiting(payment)
        seen = refund_approvals.seal(made, payment)
        acts: list[Act] = [
            lambda own, who=who, made=made, seen=seen: refunds.approve(
                own, who, made.id, seen
            )
            for who in approvers
        ]
        assert refusals(await race(sessions, *acts)) == [IllegalTransition] * 7
        (ended,), counted = await table.held(payment)
        assert (ended.status, counted) == (RefundStatus.APPROVED, PRICE)


async def test_approve_against_reject(sessions: Sessions) -> None:
    table = Table(sessions)
    await table.lay()
    for _ in range(ROUNDS):
        payment = await table.payment()
        made = await table.waiting(payment)
        seen = refund_approvals.seal(made, payment)
        acts: list[Act] = [
            lambda own, who=who, made=made, seen=seen: refunds.approve(
                own, who, made.id, seen
            )
            for who in table.people[1:5]
        ]
        acts += [
            lambda own, who=who, made=made: refunds.reject(own, who, made.id)
            for who in table.people[4:8]
        ]
        results = await race(sessions, *acts)
        (ended,), counted = await table.held(payment)
        if ended.status is RefundStatus.REJECTED:
            # An approved refund that was not sent may still be rejected, once.
            assert len(refusals(results)) in {6, 7}
            assert counted == 0
        else:
            assert len(refusals(results)) == 7
            assert (ended.status, counted) == (RefundStatus.APPROVED, PRICE)
        assert set(refusals(results)) == {IllegalTransition}


async def test_a_change_against_its_approval(sessions: Sessions) -> None:
    """An approval counts for what was seen, or not at all."""
    table = Table(sessions)
    await table.lay()
    for _ in range(FEWER):
        payment = await table.payment()
        made = await table.waiting(payment)
        seen = refund_approvals.seal(made, payment)
        less = refunds.Terms(PRICE - 100, Destination.MANUAL)
        await race(
            sessions,
            lambda own, made=made, less=less: refunds.amend(
                own, table.people[0], made.id, less
            ),
            lambda own, made=made, seen=seen: refunds.approve(
                own, table.people[1], made.id, seen
            ),
        )
        (ended,), counted = await table.held(payment)
        assert ended.status is RefundStatus.AWAITING_APPROVAL
        assert ended.amount_kopecks == counted == PRICE - 100


async def test_a_payment_against_the_cancellation(
    sessions: Sessions, provider: YooKassa
) -> None:
    """Whichever comes first, what was paid goes back whole, once."""
    assert provider
    reason = CancelReason.PATIENT_CHANGED_MIND
    for _ in range(ROUNDS):
        async with transaction(sessions) as session:
            booking = await factories.booking(session)
            payment = await money_rows.payment(
                session, booking, PRICE, PaymentStatus.PENDING
            )
        patient = Actor(booking.patient_id, Role.PATIENT, Via.API)
        answer = Done(paying.provider_object(payment))
        paid: Act = lambda own, p=payment, a=answer: payment_settling.apply(  # noqa: E731
            own, SYSTEM, p.id, a, "race"
        )
        ends: Act = lambda own, b=booking, who=patient: bookings.cancel(  # noqa: E731
            own, who, b.id, reason
        )
        results = await race(sessions, *[paid, ends] * 4)
        assert refusals(results) == [IllegalTransition] * 3
        async with transaction(sessions) as session:
            (made,) = await refunding.refunds_of(session, booking)
            row = await session.get_one(Payment, payment.id)
        assert made.amount_kopecks == PRICE
        assert made.status is RefundStatus.APPROVED
        assert made.origin.value == (row.surplus or "policy")
        assert row.refunded_or_reserved_kopecks == PRICE


async def test_one_notice_eight_times(sessions: Sessions) -> None:
    table = Table(sessions)
    await table.lay()
    for _ in range(FEWER):
        payment = await table.payment()
        stage = Stage(**{**vars(table.stage), "payment": payment})
        async with transaction(sessions) as session:
            before = await books(session, stage)
        of = Refund(id=uuid.uuid4(), amount_kopecks=PRICE)
        raw = refunding.provider_refund(stage, of)
        act: Act = lambda own, raw=raw: refund_outcomes.take(  # noqa: E731
            own, SYSTEM, Done(raw), "race"
        )
        await race(sessions, *[act] * 8)
        made, counted = await table.held(payment)
        assert (len(made), counted) == (1, PRICE)
        async with transaction(sessions) as session:
            after = await books(session, stage)
        assert before.get("prepaid", 0) - after.get("prepaid", 0) == PRICE
        assert before["clearing"] - after["clearing"] == PRICE


async def test_a_claim_is_decided_once(sessions: Sessions) -> None:
    async with transaction(sessions) as session:
        stage = await refunding.paid_call(session, Status.COMPLETED)
    patient = Actor(stage.booking.patient_id, Role.PATIENT, Via.API)
    for _ in range(FEWER):
        async with transaction(sessions) as session:
            claim = await refund_claims.open_claim(
                session, patient, stage.booking.id, RefundReason.OTHER
            )
        wishes = [house(stage.payment, 100)]
        accept: Act = lambda own, c=claim, w=wishes: refund_claims.accept(  # noqa: E731
            own, stage.anna, c.id, w, 1
        )
        decline: Act = lambda own, c=claim: refund_claims.decline(  # noqa: E731
            own, stage.boris, c.id, 1
        )
        results = await race(sessions, accept, decline, accept, decline)
        assert refusals(results) == [IllegalTransition] * 3
        await _undo(sessions, stage)


async def _undo(sessions: Sessions, stage: Stage) -> None:
    """Reject what was asked for, and let the claim be: the next round finds it free."""
    async with transaction(sessions) as session:
        for made in await refunding.refunds_of(session, stage.booking):
            if made.is_open:
                await refunds.reject(session, stage.boris, made.id)
                claim_id: Any = made.claim_id
                await refund_claims.decline(session, stage.boris, claim_id, 3)
