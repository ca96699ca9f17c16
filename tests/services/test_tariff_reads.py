"""Tariffs as finance reads them: whose they are, and which of them counts."""

from datetime import timedelta

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Role
from models.base import uuid7
from services import clock, tariff_reads, tariffs
from services.actor import Actor, Via
from services.errors import Forbidden
from services.tariff_reads import Standing
from services.tariffs import TariffInput
from tests import factories
from tests.factories import as_staff

NOW, LATER, PAST = Standing.NOW, Standing.LATER, Standing.PAST


async def finance(session: AsyncSession) -> Actor:
    return as_staff(await factories.person(session, Role.FINANCE), Role.FINANCE)


async def test_one_version_counts_for_each(session: AsyncSession) -> None:
    actor = await finance(session)
    doctor = await factories.doctor(session)
    clinic = await factories.clinic(session)
    soon = await clock.now(session) + timedelta(days=1)
    for facts in (
        {"share_points": 6000, "doctor_id": doctor.id},
        {"share_points": 6500, "clinic_id": clinic.id},
        {"share_points": 6100, "doctor_id": doctor.id},
        {"share_points": 5000},
        {"share_points": 5500, "valid_from": soon},
    ):
        await tariffs.publish(session, actor, TariffInput(**facts))
    seen = await tariff_reads.every(session, actor)
    assert [
        (each.payee, each.tariff.share_points, each.standing) for each in seen.versions
    ] == [
        (None, 5500, LATER),
        (None, 5000, NOW),
        (doctor.full_name, 6100, NOW),
        (clinic.name, 6500, NOW),
        (doctor.full_name, 6000, PAST),
        (None, 7000, PAST),
    ]
    assert (doctor.id, doctor.full_name) in seen.doctors
    assert (clinic.id, clinic.name) in seen.clinics
    assert [*seen.names] == [actor.user_id]


async def test_only_finance_reads_them(session: AsyncSession) -> None:
    for role in (Role.ADMIN, Role.DISPATCHER, Role.CURATOR):
        with pytest.raises(Forbidden):
            await tariff_reads.every(session, Actor(uuid7(), role, Via.CONSOLE))
