"""Putting the made-up city and its past into the database."""

import asyncio
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import uuid7
from sandbox.cast import City
from sandbox.city import streets
from sandbox.history import Past
from sandbox.paths import COLUMNS
from services import bulk_loader, wallets

# People first: everything else refers to them.
ORDER = (
    "price_item",
    "clinic_profile",
    "app_user",
    "role_grant",
    "clinic_member",
    "doctor_profile",
    "doctor_state",
    "shift",
    "doctor_application",
    "application_event",
    "patient_profile",
    "address",
    "consent",
)
# Each loaded step gets the line of the journal that its verb would have written.
JOURNAL = """
INSERT INTO audit_event (id, created_at, updated_at, actor_id, acting_as, via, action,
                         object_type, object_id, data)
SELECT e.id, e.created_at, e.created_at, e.actor_id, e.acting_as, e.via,
       'booking.' || e.event, 'booking', e.booking_id,
       e.data || jsonb_build_object('version', e.version)
FROM booking_event e
WHERE NOT EXISTS (SELECT FROM audit_event a WHERE a.id = e.id)
"""
Progress = Callable[[int], None]
Told = Callable[[str], None]


async def load_people(session: AsyncSession, city: City) -> None:
    """Copy the people, the price list and the streets."""
    await bulk_loader.be_patient(session)
    for table in ORDER:
        await bulk_loader.copy_rows(session, table, city.rows.get(table, []))
    await wallets.make_missing(session)
    rows = [{"id": uuid7(), **vars(street)} for street in streets()]
    await bulk_loader.copy_rows(session, "street", rows)
    await bulk_loader.analyze(session, *ORDER, "street")


async def load_past(
    session: AsyncSession,
    past: Past,
    moments: list[int],
    waiting: int = 0,
    *,
    progress: Progress = lambda _: None,
    told: Told = lambda _: None,
) -> None:
    """Copy a call for each moment with its history, journal and turns."""
    await bulk_loader.be_patient(session)
    tables = (*COLUMNS, "audit_event")
    async with bulk_loader.unfettered(session, *tables, told=told):
        await _copy(session, past.batches(moments, waiting), progress)
        told("audit_event")
        await session.execute(sa.text(JOURNAL))
    await bulk_loader.analyze(session, *tables)


async def _copy(
    session: AsyncSession, batches: Iterator[dict[str, str]], progress: Progress
) -> None:
    """Copy batch after batch; the next is written while this one travels."""
    following = asyncio.create_task(_next(batches))
    while batch := await following:
        following = asyncio.create_task(_next(batches))
        for table, lines in batch.items():
            await bulk_loader.copy_lines(session, table, COLUMNS[table], lines)
        progress(batch["booking"].count("\n"))


async def _next(batches: Iterator[dict[str, str]]) -> dict[str, str] | None:
    return await asyncio.to_thread(next, batches, None)
