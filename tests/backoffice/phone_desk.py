"""A known caller, a form filled in for them, and what came of it."""

import re
from typing import Any

from sqlmodel import col, select

from models import Booking, User
from services.database import Sessions
from services.edges import transaction
from tests import factories as make
from tests.backoffice.desk import Desk

NEW, LOOKUP, STREETS = (f"/admin/calls/{each}" for each in ("new", "lookup", "streets"))
PHONE = "+79031184206"
NASTY = '"><img src=x onerror=alert(1)>'


async def known(sessions: Sessions, **facts: Any) -> User:
    async with transaction(sessions) as session:
        user = await make.patient(session, **({"phone": PHONE} | facts))
        await make.saved_address(session, user, notes="шлагбаум")
    return user


async def token(desk: Desk) -> str:
    page = await desk.get(NEW)
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


async def all_calls(sessions: Sessions) -> list[Booking]:
    async with transaction(sessions) as session:
        query = select(Booking).order_by(col(Booking.number))
        return list(await session.exec(query))


async def say(desk: Desk, **fields: Any) -> dict[str, Any]:
    """Fill the form in for the known caller; give the fields."""
    said = {
        "token": await token(desk),
        "phone": PHONE,
        "symptoms": "Температура 38,7",
        "call_type": "urgent",
    }
    return said | fields


async def door_of(desk: Desk) -> str:
    answer = await desk.post(LOOKUP, json=True, phone=PHONE)
    found = re.search(
        r'name="address" value="([^"]+)"', answer.json()["parts"]["addresses"]
    )
    assert found is not None
    return found[1]


async def open_call(sessions: Sessions, **facts: Any) -> Booking:
    async with transaction(sessions) as session:
        user = (
            await session.exec(select(User).where(col(User.phone) == PHONE))
        ).one_or_none()
        return await make.booking(session, user, **facts)


def about(call: Booking, answer: str) -> dict[str, Any]:
    """Answer the question about an open call."""
    key = str(call.id)
    return {"duplicates_seen": key, "duplicate_of": key, "answer": answer}
