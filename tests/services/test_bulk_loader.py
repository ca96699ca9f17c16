"""Rows by COPY: in without nets, nets back, numbers taken once."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import ClinicProfile, Setting
from models.base import uuid7
from models.role_grant import Role
from services import bulk_loader
from tests import factories

DEFINITIONS = """
SELECT array_agg(d ORDER BY d) FROM (
  SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
  UNION ALL SELECT tgrelid || tgname || tgenabled::text FROM pg_trigger
    WHERE NOT tgisinternal) all_of(d)
"""


async def _definitions(session: AsyncSession) -> list[str]:
    found: list[str] | None = await session.scalar(text(DEFINITIONS))
    assert found
    # PostgreSQL spells the casts inside a predicate differently the second time.
    return [re.sub(r"::[a-z ]+(\[\])?|[()]", "", each) for each in found]


async def test_rows_arrive_as_they_were(session: AsyncSession) -> None:
    name = 'Клиника «\t\\N\n"»'
    await bulk_loader.copy_rows(
        session,
        "clinic_profile",
        [{"id": uuid7(), "name": name, "tax_number": None, "active": True}],
    )
    value = {"a": [1, "б"]}
    await bulk_loader.copy_rows(
        session, "setting", [{"id": uuid7(), "key": "k", "value": value}]
    )
    await bulk_loader.copy_rows(session, "setting", [])
    person = await factories.person(session)
    grant = {"user_id": person.id, "role": Role.PATIENT, "granted_by": person.id}
    await bulk_loader.copy_rows(session, "role_grant", [{"id": uuid7(), **grant}])
    clinic = (await session.exec(select(ClinicProfile))).one()
    assert (clinic.name, clinic.tax_number) == (name, None)
    assert (await session.exec(select(Setting))).one().value == value


async def test_all_nets_come_back(session: AsyncSession) -> None:
    before, told = await _definitions(session), []
    tables = ("booking", "booking_event", "audit_event", "assignment")
    async with bulk_loader.unfettered(session, *tables, told=told.append):
        inside = await _definitions(session)
    assert len(inside) < len(before) - 20
    assert await _definitions(session) == before
    assert set(told) == set(tables)
    await bulk_loader.analyze(session, *tables)


async def test_an_orphan_is_found_when_the_nets_come_back(
    session: AsyncSession,
) -> None:
    at = datetime.now(UTC)
    line = f"{uuid7()}\t{at}\t{at}\t{uuid7()}\t1\tcreate\tpending\t{uuid7()}"
    columns = "id created_at updated_at booking_id version event to_status actor_id"
    with pytest.raises(Exception, match="fk_booking_event_booking_id_booking"):
        async with bulk_loader.unfettered(session, "booking_event"):
            await bulk_loader.copy_lines(
                session,
                "booking_event",
                [*columns.split(), "acting_as", "via", "data"],
                f"{line}\tpatient\tapi\t{{}}\n",
            )


async def test_taken_numbers_are_not_given_again(session: AsyncSession) -> None:
    first = await bulk_loader.take_numbers(session, 500)
    assert await bulk_loader.take_numbers(session, 1) == first + 500
    booking = await factories.booking(session)
    assert booking.number == first + 501


async def test_a_load_may_take_its_time(session: AsyncSession) -> None:
    await bulk_loader.be_patient(session)
    assert await session.scalar(text("SHOW statement_timeout")) == "0"
