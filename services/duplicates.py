"""Two calls about one trouble: same number or same door as a call still open."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, User
from models.booking import OPEN, Status
from models.specialization import Specialization
from services.actor import Actor
from services.permissions import Permission, demand

AT_MOST = 5
# Words that one caller says and another leaves out.
NOISE = (
    r"\m(г|город|москва|ул|улица|д|дом|к|корп|корпус|стр|строение"
    r"|кв|квартира|st|street|house|apt|flat|moscow)\M"
)


@dataclass(frozen=True)
class OpenCall:
    """An open call that the new one may repeat; nobody is named."""

    booking_id: uuid.UUID
    number: int
    status: Status
    specialization: Specialization
    created_at: datetime
    waiting_minutes: int
    address_text: str
    flat: str | None
    same_phone: bool

    @property
    def label(self) -> str:
        """The number that people say: «B-1042»."""
        return f"B-{self.number}"


async def open_calls_like(
    session: AsyncSession,
    actor: Actor,
    *,
    phone: str | None = None,
    patient_id: uuid.UUID | None = None,
    address_text: str | None = None,
    flat: str | None = None,
) -> list[OpenCall]:
    """List open calls with the same number or the same door, newest first.

    A door without a flat is taken for the same one: asking once too often costs
    a key, two doctors at one bed cost a visit.
    """
    demand(actor, Permission.BOOKING_READ)
    by_phone = _by_phone(phone, patient_id)
    by_door = _by_door(address_text, flat)
    waiting = sa.func.extract("epoch", sa.func.app_now() - col(Booking.created_at)) / 60
    statement: Any = (
        sa.select(Booking, by_phone, sa.func.floor(waiting))
        .join(User, col(User.id) == col(Booking.patient_id))
        .where(sa.text(OPEN), sa.or_(by_phone, by_door))
        .order_by(by_phone.desc(), col(Booking.created_at).desc())
        .limit(AT_MOST)
    )
    return [_as_open_call(*row) for row in await session.execute(statement)]


def _by_phone(
    phone: str | None, patient_id: uuid.UUID | None
) -> sa.ColumnElement[bool]:
    return sa.or_(
        col(User.phone) == sa.cast(phone, sa.String),
        col(Booking.subject_contact_phone) == sa.cast(phone, sa.String),
        col(Booking.patient_id) == sa.cast(patient_id, sa.Uuid),
    ).is_(True)


def _by_door(text: str | None, flat: str | None) -> sa.ColumnElement[bool]:
    if not text or not text.strip():
        return sa.false()
    same_flat: sa.ColumnElement[bool] = sa.true()
    if flat and flat.strip():
        same_flat = sa.or_(
            col(Booking.flat).is_(None), _key(col(Booking.flat)) == _key(flat)
        )
    return sa.and_(_key(col(Booking.address_text)) == _key(text), same_flat)


def _key(text: Any) -> sa.ColumnElement[str]:
    """Reduce an address to what two people would say alike."""
    lower = sa.func.replace(sa.func.lower(sa.cast(text, sa.Text)), "ё", "е")
    telling = sa.func.regexp_replace(lower, NOISE, " ", "g")
    return sa.func.regexp_replace(telling, r"[^[:alnum:]]+", "", "g")


def _as_open_call(booking: Booking, same_phone: bool, waiting: float) -> OpenCall:
    return OpenCall(
        booking_id=booking.id,
        number=booking.number,
        status=booking.status,
        specialization=booking.specialization,
        created_at=booking.created_at,
        waiting_minutes=max(0, int(waiting)),
        address_text=booking.address_text,
        flat=booking.flat,
        same_phone=same_phone,
    )
