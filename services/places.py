"""Where a call is: the typed door with the district and point of its street."""

import uuid
from dataclasses import dataclass

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Address, Booking
from services.errors import NotFound
from services.inputs import AddressInput
from services.streets import find_street


@dataclass(frozen=True)
class Place:
    """One door as a booking stores it."""

    address_text: str
    entrance: str | None = None
    floor: str | None = None
    intercom: str | None = None
    flat: str | None = None
    address_notes: str | None = None
    district: str | None = None
    latitude: float | None = None
    longitude: float | None = None


async def typed(session: AsyncSession, address: AddressInput) -> Place:
    """Complete a typed address from the street table; a given point stays."""
    street = await find_street(session, address.text)
    point = (address.latitude, address.longitude)
    if street is not None and point[0] is None:
        point = (street.latitude, street.longitude)
    return Place(
        address.text,
        address.entrance,
        address.floor,
        address.intercom,
        address.flat,
        address.notes,
        street.district if street is not None else None,
        *point,
    )


async def saved(
    session: AsyncSession, patient_id: uuid.UUID, address_id: uuid.UUID
) -> Place:
    """Copy a door from the patient's own addresses."""
    query = select(Address).where(
        col(Address.id) == address_id, col(Address.user_id) == patient_id
    )
    door = (await session.exec(query)).one_or_none()
    if door is None:
        raise NotFound("There is no such address.")
    return Place(
        door.text,
        door.entrance,
        door.floor,
        door.intercom,
        door.flat,
        door.notes,
        door.district,
        door.latitude,
        door.longitude,
    )


def same_as(booking: Booking) -> Place:
    """Copy the door of another call."""
    return Place(
        booking.address_text,
        booking.entrance,
        booking.floor,
        booking.intercom,
        booking.flat,
        booking.address_notes,
        booking.district,
        booking.latitude,
        booking.longitude,
    )
