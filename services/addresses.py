"""A patient's saved addresses."""

import uuid
from typing import Annotated

from pydantic import StringConstraints
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Address
from services import audit, pages, places
from services.actor import Actor
from services.errors import NotFound
from services.inputs import AddressInput, Line
from services.pages import Page, Wanted
from services.permissions import Permission, demand


class SavedAddress(AddressInput):
    """A door with the name that its patient gave it."""

    label: Annotated[Line, StringConstraints(max_length=60)] | None = None


async def listing(session: AsyncSession, actor: Actor, wanted: Wanted) -> Page[Address]:
    """List one's own addresses, newest first."""
    demand(actor, Permission.PATIENT_PROFILE_OWN)
    query = select(Address).where(col(Address.user_id) == actor.user_id)
    rows = await session.exec(pages.newest_first(query, Address, wanted))
    return pages.cut(rows.all(), wanted)


async def add(session: AsyncSession, actor: Actor, given: SavedAddress) -> Address:
    """Save a door; the street table adds its district and point."""
    demand(actor, Permission.PATIENT_PROFILE_OWN)
    address = Address(user_id=actor.user_id, text=given.text)
    await _fill(session, address, given)
    session.add(address)
    await session.flush()
    await session.refresh(address, ["created_at"])
    audit.record(session, actor, "address.added", "address", address.id)
    return address


async def replace(
    session: AsyncSession, actor: Actor, address_id: uuid.UUID, given: SavedAddress
) -> Address:
    """Replace all of an address; calls made before keep what they were given."""
    address = await _own(session, actor, address_id)
    await _fill(session, address, given)
    audit.record(session, actor, "address.replaced", "address", address.id)
    return address


async def remove(session: AsyncSession, actor: Actor, address_id: uuid.UUID) -> None:
    """Forget an address."""
    address = await _own(session, actor, address_id)
    await session.delete(address)
    audit.record(session, actor, "address.removed", "address", address_id)


async def _own(session: AsyncSession, actor: Actor, address_id: uuid.UUID) -> Address:
    demand(actor, Permission.PATIENT_PROFILE_OWN)
    query = select(Address).where(
        col(Address.id) == address_id, col(Address.user_id) == actor.user_id
    )
    address = (await session.exec(query.with_for_update())).one_or_none()
    if address is None:
        raise NotFound
    return address


async def _fill(session: AsyncSession, address: Address, given: SavedAddress) -> None:
    place = await places.typed(session, given)
    address.label, address.text = given.label, given.text
    address.entrance, address.floor = given.entrance, given.floor
    address.intercom, address.flat = given.intercom, given.flat
    address.notes, address.district = given.notes, place.district
    address.latitude, address.longitude = place.latitude, place.longitude
