"""The desk of finance in tests: paid calls, and two people who look at them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from sqlmodel import col, select

from models import Payment, Refund
from models.booking import Status
from models.role_grant import Role
from services import refund_approvals
from services.database import Sessions
from services.edges import transaction
from tests import refunding
from tests.backoffice.desk import Desk, at_desk
from tests.refunding import Stage


@asynccontextmanager
async def two_of_finance(
    app: FastAPI, sessions: Sessions
) -> AsyncIterator[tuple[Desk, Desk]]:
    """Maria and Oleg, both of finance, each at a browser."""
    maria = {"first_name": "Мария", "last_name": "Соколова"}
    oleg = {"first_name": "Олег", "last_name": "Виноградов"}
    async with (
        at_desk(app, sessions, Role.FINANCE, **maria) as first,
        at_desk(app, sessions, Role.FINANCE, **oleg) as second,
    ):
        yield first, second


async def paid(
    sessions: Sessions, status: Status = Status.COMPLETED, **facts: Any
) -> Stage:
    """A call in a status that was paid for by card."""
    facts = {"method_title": "•••• 4444"} | facts
    async with transaction(sessions) as session:
        return await refunding.paid_call(session, status, **facts)


async def refunds_of(sessions: Sessions, stage: Stage) -> list[Refund]:
    """The refunds of a call, oldest first."""
    async with transaction(sessions) as session:
        return await refunding.refunds_of(session, stage.booking)


async def seal_of(sessions: Sessions, refund: Refund) -> str:
    """What the page of a refund carries for its approver."""
    async with transaction(sessions) as session:
        row = await session.get_one(Refund, refund.id)
        payment = await session.get_one(Payment, row.payment_id)
        return refund_approvals.seal(row, payment)


async def payments_of(sessions: Sessions, stage: Stage) -> list[Payment]:
    """The attempts of a call, oldest first."""
    query = select(Payment).where(col(Payment.booking_id) == stage.booking.id)
    async with transaction(sessions) as session:
        return list((await session.exec(query.order_by(col(Payment.id)))).all())


def card(stage: Stage) -> str:
    """The page of a call's money."""
    return f"/admin/payments/call/{stage.booking.id}"


def hidden(page: str, name: str) -> str:
    """The value of the first hidden field of that name."""
    found = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


async def ask(desk: Desk, stage: Stage, amount: str = "1000", **fields: Any) -> Any:
    """Send the form of a refund as the page gives it."""
    if "request_token" not in fields:
        page = await desk.get(f"{card(stage)}?refund={stage.payment.id}")
        fields["request_token"] = hidden(page.text, "request_token")
    typed = {
        "amount": amount,
        "destination": "original",
        "reason_code": "poor_service",
        "split": "house",
    }
    return await desk.post(
        f"/admin/payments/{stage.payment.id}/refund", **(typed | fields)
    )
