"""When a waiting call turns yellow and red."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models.booking_words import CallType, Priority
from models.role_grant import Role
from services import settings, sla
from services.sla import SlaState
from tests import factories as make

TAKEN = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.mark.asyncio(loop_scope="session")
async def test_an_urgent_call_runs_from_its_creation(session: AsyncSession) -> None:
    limits = await sla.thresholds(session)
    found = limits.deadline(Priority.HIGH, CallType.URGENT, TAKEN, None)
    minutes = [
        (each - TAKEN) / timedelta(minutes=1) for each in (found.warn_at, found.red_at)
    ]
    assert minutes == [8, 15]
    states = [found.state(TAKEN + timedelta(minutes=each)) for each in (0, 8, 15)]
    assert states == [SlaState.OK, SlaState.SOON, SlaState.BROKEN]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_scheduled_call_waits_under_later(session: AsyncSession) -> None:
    limits = await sla.thresholds(session)
    wanted = TAKEN + timedelta(hours=6)
    found = limits.deadline(Priority.NORMAL, CallType.SCHEDULED, TAKEN, wanted)
    assert found.starts_at == TAKEN + timedelta(hours=3)
    assert found.red_at == found.starts_at + timedelta(minutes=120)
    assert found.state(TAKEN) is SlaState.LATER


@pytest.mark.asyncio(loop_scope="session")
async def test_an_emergency_never_waits_for_its_window(session: AsyncSession) -> None:
    limits = await sla.thresholds(session)
    wanted = TAKEN + timedelta(hours=6)
    found = limits.deadline(Priority.EMERGENCY, CallType.SCHEDULED, TAKEN, wanted)
    assert found.starts_at == TAKEN
    assert found.red_at == TAKEN + timedelta(minutes=5)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_consultation_with_a_window_keeps_its_own_limits(
    session: AsyncSession,
) -> None:
    limits = await sla.thresholds(session)
    wanted = TAKEN + timedelta(hours=1)
    found = limits.deadline(Priority.LOW, CallType.CONSULTATION, TAKEN, wanted)
    assert found.starts_at == TAKEN
    assert found.warn_at == TAKEN + timedelta(minutes=30)


@pytest.mark.asyncio(loop_scope="session")
async def test_thresholds_follow_the_settings(session: AsyncSession) -> None:
    admin = make.as_staff(await make.person(session, Role.ADMIN), Role.ADMIN)
    await settings.put(session, admin, settings.sla_keys(Priority.HIGH)[1], 20)
    await settings.put(session, admin, settings.SCHEDULED_LEAD_HOURS, 1)
    limits = await sla.thresholds(session)
    assert limits.by_priority[Priority.HIGH] == (8, 20)
    assert limits.lead_minutes == 60
