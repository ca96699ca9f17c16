"""What proofs of contacts need: codes and links as they arrive, calls by phone."""

import sqlalchemy as sa
from httpx import AsyncClient
from sqlmodel import col, select

from models import (
    Address,
    Booking,
    Notification,
    User,
)
from services import bookings, password_reset, sealing
from services.config import get_settings
from services.database import Sessions
from services.edges import in_transaction, transaction
from tests import factories

CODE = "/v1/auth/verifications"
RESET = "/v1/auth/password-reset"


async def last_secret(sessions: Sessions, address: str) -> str:
    """Read what was sealed for an address, as the delivery would."""
    async with transaction(sessions) as session:
        query = (
            select(Notification)
            .where(
                col(Notification.address) == address,
                col(Notification.sealed).is_not(None),
            )
            .order_by(col(Notification.id).desc())
        )
        row = (await session.exec(query)).first()
        assert row is not None
        return sealing.unseal(row.sealed or "")


async def count_sent(sessions: Sessions, kind: str) -> int:
    async with transaction(sessions) as session:
        query = sa.select(sa.func.count(col(Notification.id)))
        return await session.scalar(query.where(col(Notification.kind) == kind)) or 0


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def by_phone(sessions: Sessions, phone: str) -> Booking:
    """Take a call by phone of somebody unknown; gives the call."""
    async with transaction(sessions) as session:
        staff = factories.as_staff(await factories.dispatcher(session))
        draft = factories.phone_draft(
            caller={
                "phone": phone,
                "first_name": "Ольга",
                "last_name": "Смирнова",
                "birth_date": "1970-01-01",
            }
        )
        booking = await bookings.create(session, staff, draft)
        session.add(Address(user_id=booking.patient_id, text="Арбат, 10"))
        return booking


async def asked_link(client: AsyncClient, sessions: Sessions, login: str) -> str:
    """Ask for a link and do what the worker does; gives its token."""
    answer = await client.post(RESET, json={"login": login})
    assert (answer.status_code, answer.content) == (202, b"null")
    async with transaction(sessions) as session:
        user = (await session.exec(select(User).where(col(User.email) == login))).one()
    await in_transaction(sessions, lambda s: password_reset.send(s, str(user.id)))
    link = await last_secret(sessions, login)
    base, token = link.split("/reset-password?token=")
    assert base == get_settings().base_url
    return token
