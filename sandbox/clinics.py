"""The clinics of the demo, who manages them, and a call that waits for one of them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from services import bookings
from services.actor import Actor


@dataclass(frozen=True)
class Clinic:
    """The card of a clinic; all of its numbers are invented."""

    name: str
    licence_number: str
    tax_number: str
    address: str
    phone: str


CLINICS = (
    Clinic(
        "Клиника на Таганке",
        "ЛО-77-01-020304",
        "7701990013",
        "Москва, Таганская улица, 15, стр. 2",
        "+74955550101",
    ),
    Clinic(
        "Семейный доктор Север",
        "ЛО-77-01-031722",
        "7715990020",
        "Москва, Алтуфьевское шоссе, 48",
        "+74955550202",
    ),
    Clinic(
        "Медцентр Юго-Запад",
        "ЛО-77-01-044159",
        "7727990032",
        "Москва, улица Новаторов, 7",
        "+74955550303",
    ),
)
# The login, the place of the clinic in the table above, and the name.
MANAGERS: Sequence[tuple[str, int, tuple[str, str, str]]] = (
    ("clinic", 0, ("Елена", "Викторовна", "Тарасова")),
    ("clinic2", 1, ("Павел", "Андреевич", "Комаров")),
)

# The newest waiting call that some doctor of the clinic who is at work treats.
WAITING = sa.text(
    """
    SELECT b.id FROM booking b
     WHERE b.status = 'pending' AND EXISTS (
       SELECT FROM doctor_profile p JOIN doctor_state s ON s.doctor_id = p.user_id
        WHERE p.clinic_id = :clinic_id AND s.on_duty
          AND b.specialization = ANY(p.specializations))
     ORDER BY b.created_at DESC LIMIT 1
    """
)


async def hand_over(
    session: AsyncSession, dispatcher: Actor, clinic_id: uuid.UUID
) -> None:
    """Hand one waiting call to a clinic that could see to it."""
    booking_id = await session.scalar(WAITING, {"clinic_id": clinic_id})
    if booking_id is not None:
        await bookings.hand_to_clinic(session, dispatcher, booking_id, clinic_id, None)
