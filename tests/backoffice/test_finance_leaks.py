"""What finance must never read: not on any page, not in any answer, not for anybody."""

from collections.abc import AsyncIterator

import pytest_asyncio
import sqlalchemy as sa
from fastapi import FastAPI
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking
from models.booking import Status
from models.refund import RefundReason
from models.role_grant import Role
from services import (
    assignments,
    provider_events,
    refund_claims,
    refunds,
    visits,
    wallets,
    withdrawals,
)
from services.database import Sessions
from services.edges import transaction
from services.gateways.yookassa_outcomes import Done
from tests import factories, money_rows, refunding
from tests.backoffice.desk import Desk, at_desk, text_of
from tests.refunding import PRICE, Stage

CANARY = "КАНАРЕЙКА"


@pytest_asyncio.fixture(loop_scope="session")
async def desk(app: FastAPI, sessions: Sessions) -> AsyncIterator[Desk]:
    async with at_desk(app, sessions, Role.FINANCE) as found:
        yield found


async def secret_call(session: AsyncSession) -> Stage:
    """A paid visit where everybody's words, names and doors are canaries."""
    doctor = await factories.doctor(session, last_name=f"{CANARY}-врач")
    dispatcher = await factories.dispatcher(session)
    patient = await factories.patient(
        session, last_name=f"{CANARY}-фамилия", first_name=f"{CANARY}-имя"
    )
    booking = await factories.booking(
        session,
        patient,
        symptoms=f"{CANARY} жалобы",
        address=factories.address(text=f"{CANARY} улица, 1", notes=f"{CANARY} двор"),
    )
    staff = factories.as_staff(dispatcher)
    await assignments.assign(session, staff, booking.id, doctor.id, booking.version)
    seen = factories.as_doctor(doctor)
    await visits.accept(session, seen, booking.id)
    await visits.depart(session, seen, booking.id)
    await visits.start(session, seen, booking.id)
    await visits.complete(session, seen, booking.id, 30, f"{CANARY} заключение")
    payment = await money_rows.payment(session, booking, PRICE)
    raw = {"id": "1", "status": "succeeded", "description": f"{CANARY} описание"}
    raw["confirmation"] = f"{CANARY} адрес возврата"
    provider_events.record(session, "get", Done(raw), payment_id=payment.id)
    finance = await refunding.finance(session)
    return Stage(doctor, staff, finance, finance, booking, payment)


async def test_no_page_of_finance_shows_words_names_or_doors(
    desk: Desk, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        stage = await secret_call(session)
        payer = refunding.patient(stage)
        claim = await refund_claims.open_claim(
            session,
            payer,
            stage.booking.id,
            RefundReason.OTHER,
            f"{CANARY} претензия",
        )
        made = await refunds.request(
            session, stage.anna, refunding.house(stage.payment, 100_000)
        )
        booking = await session.get_one(Booking, stage.booking.id)
        await refunding.fill(session, booking, 30_000)
        withdrawal = await withdrawals.request(session, payer, 30_000)
    number = stage.booking.number
    here = f"/admin/payments/call/{stage.booking.id}"
    for path in (
        "/admin/",
        "/admin/payments/list",
        f"/admin/payments/list?search={number}",
        here,
        f"{here}?refund={stage.payment.id}",
        f"/admin/payments/{stage.payment.id}",
        f"/admin/payments/{stage.payment.id}/outlook?amount=10",
        "/admin/refunds",
        f"/admin/refunds/{made.id}",
        "/admin/claims",
        f"/admin/claims/{claim.id}",
        "/admin/withdrawals",
        f"/admin/withdrawals/{withdrawal.id}",
        "/admin/stuck",
        "/admin/calls-finance/list",
        f"/admin/calls-finance/details/{stage.booking.id}",
    ):
        page = await desk.get(path)
        assert page.status_code == 200, path
        assert CANARY not in page.text, path
        assert CANARY.lower() not in page.text.lower(), path
    shown = text_of(await desk.get(here))
    assert stage.booking.label in shown
    assert '"status": "succeeded"' in shown
    found = await desk.get(f"/admin/payments/list?search={CANARY}")
    assert "Nothing found" in found.text


async def test_nobody_else_reads_or_moves_money(
    app: FastAPI, sessions: Sessions
) -> None:
    async with transaction(sessions) as session:
        stage = await refunding.paid_call(session, Status.COMPLETED)
    typed = {"amount": "100", "destination": "original", "reason_code": "other"}
    for role in (Role.DISPATCHER, Role.CURATOR, Role.ADMIN):
        async with at_desk(app, sessions, role) as other:
            here = f"/admin/payments/call/{stage.booking.id}"
            assert (await other.get(here)).status_code == 403
            path = f"/admin/payments/{stage.payment.id}/refund"
            assert (await other.post(path, **typed)).status_code == 403
            assert "Queues of finance" not in (await other.get("/admin/")).text


async def test_money_of_ones_own_is_shown_and_not_touched(
    app: FastAPI, sessions: Sessions
) -> None:
    async with at_desk(app, sessions, Role.FINANCE) as own:
        async with transaction(sessions) as session:
            booking = await factories.booking_in(
                session,
                Status.COMPLETED,
                doctor=await factories.doctor(session),
                dispatcher=await factories.dispatcher(session),
                by=own.user,
            )
            await wallets.make(session, own.user.id)
            payment = await money_rows.payment(session, booking, PRICE)
            made = await refunds.request(
                session,
                await refunding.finance(session),
                refunding.house(payment, 100_000),
            )
        page = await own.get(f"/admin/refunds/{made.id}")
        assert "Nobody decides on money of their own." in page.text
        assert "/approve" not in page.text
        for verb, fields in (
            ("approve", {"seen": "x"}),
            ("reject", {"reason_code": "other"}),
        ):
            answer = await own.post(f"/admin/refunds/{made.id}/{verb}", **fields)
            assert answer.status_code == 403, verb
        async with transaction(sessions) as session:
            query = sa.text("SELECT status FROM refund WHERE id = :id")
            status = await session.scalar(query, {"id": made.id})
        assert status == "awaiting_approval"
