"""The money of a call as finance reads it: complete, and without anybody's words."""

import json
import uuid

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Receipt
from models.booking import Status
from models.payment import PaymentStatus
from models.payment_finance import ProviderEventFinance
from models.receipt import ReceiptKind
from models.refund import RefundReason
from models.role_grant import Role
from services import (
    money_figures,
    money_reads,
    provider_events,
    refund_claims,
    refunds,
    staff_names,
)
from services.errors import Forbidden, NotFound
from services.gateways.yookassa_outcomes import Done, Unknown
from tests import factories, money_rows, refunding
from tests.refunding import PRICE, house


async def test_one_reading_gives_all_of_it(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    payment, booking = stage.payment, stage.booking
    made = await refunds.request(session, stage.anna, house(payment, 100_000))
    provider_events.record(session, "get", Unknown("timeout"), refund_id=made.id)
    provider_events.record(
        session, "get", Done({"status": "pending"}), payment_id=payment.id
    )
    session.add(
        Receipt(
            booking_id=booking.id,
            payment_id=payment.id,
            kind=ReceiptKind.PAYMENT,
            amount_kopecks=PRICE,
        )
    )
    await session.flush()
    money = await money_reads.of_call(session, stage.anna, booking.id)
    assert money.call.label == booking.label
    assert (money.due, money.call.in_flight_kopecks) == (0, 100_000)
    assert [each.id for each in money.payments] == [payment.id]
    assert money.payments[0].booking_label == booking.label
    assert money.payments[0].left_kopecks == PRICE - 100_000
    assert not money.payments[0].is_open
    assert [each.to_status for each in money.steps][-1] is Status.COMPLETED
    assert [each.id for each in money.refunds_of(payment.id)] == [made.id]
    assert money.refunds[0].is_open
    assert money.refunds[0].above_policy
    assert money.refunds[0].booking_label == booking.label
    assert money.refunds_of(made.id) == []
    assert [each.outcome for each in money.events_of(made.id)] == ["unknown"]
    assert [each.status for each in money.events_of(payment.id)] == ["pending"]
    assert [each.kind for each in money.receipts] == [ReceiptKind.PAYMENT]
    assert money.quote is not None
    kinds = [legs[0].entry.kind for legs in money.journals]
    assert kinds == ["earned", "payment", "fee", "refund_reserved"]
    assert len(money.journals_of(made.id)) == 1
    for legs in money.journals:
        assert sum(leg.entry.amount_kopecks for leg in legs) == 0
    assert set(money.names) == {stage.anna.user_id}


async def test_a_call_that_nobody_paid_has_no_quote(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.PENDING)
    other = await factories.booking(session)
    await money_rows.payment(session, other, PRICE, PaymentStatus.PENDING)
    money = await money_reads.of_call(session, stage.anna, other.id)
    assert money.quote is None
    assert money.due == other.total_kopecks
    assert money.payments[0].is_open
    assert money.journals == []


async def test_a_look_is_journalled_and_only_finance_looks(
    session: AsyncSession,
) -> None:
    stage = await refunding.paid_call(session)
    await money_reads.of_call(session, stage.anna, stage.booking.id)
    query = select(AuditEvent).where(col(AuditEvent.object_id) == stage.booking.id)
    seen = [each.action for each in (await session.exec(query)).all()]
    assert "read.money" in seen
    for read in (
        money_reads.of_call(session, stage.staff, stage.booking.id),
        money_reads.call_of_payment(session, stage.staff, stage.payment.id),
        money_reads.claim(session, stage.staff, stage.payment.id),
    ):
        with pytest.raises(Forbidden):
            await read


async def test_a_payment_leads_to_its_call(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session)
    found = await money_reads.call_of_payment(session, stage.anna, stage.payment.id)
    assert found == stage.booking.id
    for read in (
        money_reads.of_call(session, stage.anna, uuid.uuid4()),
        money_reads.call_of_payment(session, stage.anna, uuid.uuid4()),
        money_reads.claim(session, stage.anna, uuid.uuid4()),
    ):
        with pytest.raises(NotFound):
            await read


async def test_a_claim_is_read_by_its_codes(session: AsyncSession) -> None:
    stage = await refunding.paid_call(session, Status.COMPLETED)
    asked = await refund_claims.open_claim(
        session,
        refunding.patient(stage),
        stage.booking.id,
        RefundReason.POOR_SERVICE,
        "Слова пациента",
    )
    claim = await money_reads.claim(session, stage.anna, asked.id)
    assert claim.reason_code is RefundReason.POOR_SERVICE
    assert claim.booking_label == stage.booking.label
    assert not hasattr(claim, "comment")


async def test_an_answer_is_shown_without_what_leads_to_the_payer() -> None:
    raw = {
        "id": "22d6d597",
        "status": "succeeded",
        "amount": {"value": "1.00", "currency": "RUB"},
        "confirmation": {"return_url": "https://patient.example"},
        "payment_method": {"card": {"first6": "555555"}},
        "description": "слова",
        "metadata": {"attempt_id": "1"},
    }
    shown = money_reads.known_data(ProviderEventFinance(data=json.dumps(raw)))
    assert set(json.loads(shown)) == {"id", "status", "amount"}
    assert money_reads.known_data(ProviderEventFinance(data=None)) == ""


async def test_only_staff_go_by_name(session: AsyncSession) -> None:
    staff = await factories.person(session, Role.FINANCE, last_name="Соколова")
    doctor = await factories.doctor(session)
    patient = await factories.patient(session)
    ids = [staff.id, doctor.id, patient.id, None]
    assert await staff_names.of(session, ids) == {staff.id: "Соколова И. И."}


async def test_today_counts_what_came_and_what_went_back(
    session: AsyncSession,
) -> None:
    before = await money_figures.today(session)
    stage = await refunding.paid_call(session, Status.COMPLETED)
    made = await refunds.request(session, stage.anna, house(stage.payment, 100_000))
    now = await money_figures.today(session)
    assert now["paid"] - before["paid"] == PRICE
    assert now["refunded"] == before["refunded"]
    await refunds.approve(session, stage.boris, made.id, refunding.seal(stage, made))
    await refunding.arrived(session, stage, made)
    now = await money_figures.today(session)
    assert now["refunded"] - before["refunded"] == 100_000
