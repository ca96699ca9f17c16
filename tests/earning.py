"""Visits on their way to being earned, for tests of prices, earnings and receipts."""

from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, Role, User
from models.booking import Status
from models.price_item import PriceKind
from services import ledger, payouts, visits
from services.booking_drafts import ItemInput
from services.ledger import Account
from tests import factories
from tests.factories import as_doctor, as_staff

PRICE = 450_000


async def visit(
    session: AsyncSession, status: Status = Status.IN_PROGRESS, **facts: Any
) -> tuple[Booking, User]:
    """Walk a call at 4,500 ₽ to a status; gives it with its doctor."""
    price = facts.pop("price", PRICE)
    call_type = facts.get("call_type", "urgent")
    await factories.price(session, price_kopecks=price, call_type=call_type)
    doctor = facts.pop("doctor", None) or await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    made = await factories.booking_in(
        session, status, doctor=doctor, dispatcher=dispatcher, **facts
    )
    return made, doctor


async def complete(
    session: AsyncSession, booking: Booking, *extras: int, vat_code: int = 1
) -> Booking:
    """Complete a visit as its doctor, with one extra service at each of these prices."""
    items = [
        await factories.extra_item(
            session, price_kopecks=each, kind=PriceKind.EXTRA, vat_code=vat_code
        )
        for each in extras
    ]
    chosen = [ItemInput(price_item_id=each.id) for each in items]
    query = select(Assignment.doctor_id).where(
        col(Assignment.booking_id) == booking.id, col(Assignment.released_at).is_(None)
    )
    doctor = await session.get_one(User, (await session.exec(query)).one())
    return await visits.complete(
        session, as_doctor(doctor), booking.id, 30, "ОРВИ", chosen
    )


async def held(session: AsyncSession, *accounts: Account) -> list[int]:
    """Give what accounts hold."""
    return [await ledger.balance(session, each) for each in accounts]


async def paid_out(session: AsyncSession) -> None:
    """Pay everybody what they have earned, with two people of finance."""
    one = as_staff(await factories.person(session, Role.FINANCE), Role.FINANCE)
    other = as_staff(await factories.person(session, Role.FINANCE), Role.FINANCE)
    made = await payouts.draft(session, one)
    await payouts.approve(session, other, made.id, 1)
    await payouts.export(session, one, made.id, 2)
    await payouts.pay(session, one, made.id, 3, "ПП-1")
