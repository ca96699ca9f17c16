"""Papers on the border of their last day, by a clock that stands where it is put."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, DoctorState, Notification, User
from models.booking import Status
from models.role_grant import Role
from services import (
    assignments,
    candidates,
    clock,
    duty,
    erasure,
    expiry,
    notification_texts,
    visits,
)
from services.actor import SYSTEM
from services.database import Sessions
from services.edges import transaction
from services.errors import Conflict, DoctorNotEligible
from tests import factories
from tests.factories import as_doctor, as_staff

LAST = date(2027, 3, 31)


async def stand_at(session: AsyncSession, day: date, hour: int, minute: int) -> None:
    """Put the database's clock on a moment of Moscow."""
    await clock.shift(session, 0)
    moment = datetime(
        day.year, day.month, day.day, hour, minute, 30, tzinfo=clock.MOSCOW
    )
    ahead = moment - await clock.now(session)
    await clock.shift(session, ahead.total_seconds())


async def ending(session: AsyncSession, last: date = LAST, **facts: Any) -> User:
    profile = {"licence_expires_on": last}
    return await factories.doctor(session, profile=profile, **facts)


async def on_duty(session: AsyncSession, doctor: User) -> bool:
    query = select(DoctorState).where(col(DoctorState.doctor_id) == doctor.id)
    fresh = query.execution_options(populate_existing=True)
    return (await session.exec(fresh)).one().on_duty


async def told(session: AsyncSession, person: User) -> list[str]:
    query = select(Notification.kind).where(col(Notification.user_id) == person.id)
    return list((await session.exec(query.order_by(col(Notification.id)))).all())


async def test_the_last_day_counts_to_its_last_minute_and_not_one_more(
    session: AsyncSession,
) -> None:
    await stand_at(session, LAST, 23, 50)
    doctor = await ending(session)
    staff = as_staff(await factories.dispatcher(session))
    await expiry.stop_expired(session)
    assert await on_duty(session, doctor)
    await stand_at(session, LAST + timedelta(days=1), 0, 0)
    patient = await factories.patient(session)
    call = await factories.booking(session, patient)
    with pytest.raises(DoctorNotEligible):
        await assignments.assign(session, staff, call.id, doctor.id, call.version)
    found = await candidates.candidates(session, staff, call.id)
    assert found.items == ()
    await expiry.stop_expired(session)
    assert not await on_duty(session, doctor)
    query = select(AuditEvent).where(col(AuditEvent.object_id) == doctor.id)
    ended = (await session.exec(query)).all()
    assert [each.action for each in ended] == ["doctor.off_duty"]


async def test_nobody_goes_on_duty_with_papers_that_ran_out(
    session: AsyncSession,
) -> None:
    await stand_at(session, LAST, 23, 59)
    doctor = await ending(session, on_duty=False)
    staff = as_staff(await factories.dispatcher(session))
    await duty.set_duty(session, as_doctor(doctor), True)
    await duty.set_duty(session, as_doctor(doctor), False)
    await stand_at(session, LAST + timedelta(days=1), 0, 0)
    for actor in (as_doctor(doctor), staff):
        with pytest.raises(Conflict):
            await duty.set_duty(session, actor, True, doctor.id)


async def test_a_visit_under_way_at_midnight_is_finished_first(
    session: AsyncSession,
) -> None:
    doctor = await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    made = await factories.booking_in(
        session, Status.ACCEPTED, doctor=doctor, dispatcher=dispatcher
    )
    await visits.depart(session, as_doctor(doctor), made.id)
    await clock.shift(session, timedelta(days=500).total_seconds())
    await expiry.stop_expired(session)
    assert await on_duty(session, doctor)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (31, []),
        (30, ["licence_expiring"]),
        (8, ["licence_expiring"]),
        (7, ["licence_expiring"]),
        (1, ["licence_expiring"]),
        (0, ["licence_expiring"]),
        (-1, ["licence_expired"]),
        (-31, []),
    ],
)
async def test_doctor_and_curator_are_told_once_for_each_border(
    session: AsyncSession, left: int, said: list[str]
) -> None:
    await stand_at(session, LAST - timedelta(days=left), 9, 0)
    doctor = await ending(session)
    curator = await factories.person(session, Role.CURATOR)
    for _ in range(2):
        await expiry.warn(session)
    assert await told(session, doctor) == said
    assert await told(session, curator) == ["licence_expiring_curator"] * len(said)


async def test_every_border_brings_its_own_warning(session: AsyncSession) -> None:
    await stand_at(session, LAST - timedelta(days=40), 9, 0)
    doctor = await ending(session)
    for left in range(40, -5, -1):
        await stand_at(session, LAST - timedelta(days=left), 10, 0)
        await expiry.warn(session)
    assert await told(session, doctor) == [
        *["licence_expiring"] * 3,
        "licence_expired",
    ]


async def test_nobody_is_woken_and_who_does_not_work_is_not_told(
    session: AsyncSession,
) -> None:
    await stand_at(session, LAST, 8, 59)
    doctor = await ending(session)
    blocked = await ending(session, blocked_at=await clock.now(session))
    await expiry.warn(session)
    assert await told(session, doctor) == []
    await stand_at(session, LAST, 9, 0)
    await expiry.warn(session)
    assert await told(session, doctor) == ["licence_expiring"]
    assert await told(session, blocked) == []


async def test_the_hourly_look_stops_whoever_may_work_no_more(
    sessions: Sessions,
) -> None:
    async with transaction(sessions) as session:
        today = (await clock.now(session)).astimezone(clock.MOSCOW).date()
        doctor = await ending(session, today - timedelta(days=1))
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await expiry.look_periodically(cast("Any", context), 0)
    async with transaction(sessions) as session:
        assert not await on_duty(session, doctor)


async def test_every_warning_can_be_read_and_is_forgotten_with_the_doctor(
    session: AsyncSession,
) -> None:
    await stand_at(session, LAST, 9, 0)
    doctor = await ending(session)
    curator = await factories.person(session, Role.CURATOR)
    await expiry.warn(session)
    query = select(Notification).where(
        col(Notification.user_id).in_([doctor.id, curator.id])
    )
    rows = (await session.exec(query)).all()
    assert len(rows) == 2
    for row in rows:
        for locale in ("ru", "en"):
            text = notification_texts.render(row.kind, locale, row.facts).text
            assert f"{LAST:%d.%m.%Y}" in text
    ids = await erasure.lock(session, doctor.id)
    await erasure.forget(session, SYSTEM, ids)
    assert (await session.exec(query)).all() == []
