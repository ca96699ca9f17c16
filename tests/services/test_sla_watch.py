"""Calls that wait too long are told to the senior dispatchers, once for each breach."""

from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, Notification, RoleGrant, User
from models.booking_words import Priority
from models.role_grant import Role
from services import assignments, booking_edits, clock, roles, sla_watch, visits
from services.booking_drafts import BookingChanges
from services.errors import Forbidden, NotFound
from tests import factories
from tests.factories import as_doctor, as_staff
from tests.telling import SENT

LATE = 16 * 60.0


async def told(session: AsyncSession) -> list[Notification]:
    query = sa.select(Notification).where(col(Notification.kind) == sla_watch.KIND)
    return list((await session.scalars(query.order_by(col(Notification.id)))).all())


async def make_senior(session: AsyncSession, user: User, senior: bool = True) -> User:
    admin = await factories.person(session, Role.ADMIN)
    actor = as_staff(admin, Role.ADMIN)
    await roles.set_senior(session, actor, user.id, senior, "Старшая смены")
    return admin


async def test_a_breach_is_told_once_in_the_console_and_outside(session) -> None:
    senior = await factories.dispatcher(session)
    await factories.dispatcher(session)
    await make_senior(session, senior)
    booking = await factories.booking(session)
    assert await sla_watch.look(session) == 0
    await clock.shift(session, LATE)
    assert await sla_watch.look(session) == 1
    assert await sla_watch.look(session) == 0
    inside, outside = await told(session)
    assert {inside.user_id, outside.user_id} == {senior.id}
    assert (inside.channel.value, inside.status) == ("console", SENT)
    assert (outside.channel.value, outside.address) == ("sms", senior.phone)
    assert outside.urgent
    assert outside.booking_id == booking.id
    assert outside.facts["call"] == booking.label
    assert outside.facts["minutes"] == 16


async def test_with_nobody_senior_every_dispatcher_is_told(session) -> None:
    everybody = {(await factories.dispatcher(session)).id for _ in range(2)}
    blocked = await factories.dispatcher(session)
    blocked.blocked_at = blocked.created_at
    former = await factories.dispatcher(session)
    await session.execute(
        sa.update(RoleGrant)
        .where(col(RoleGrant.user_id) == former.id)
        .values(revoked_at=former.created_at)
    )
    assert set(await sla_watch.seniors(session)) == everybody
    await factories.booking(session)
    await clock.shift(session, LATE)
    assert await sla_watch.look(session) == 1
    assert {row.user_id for row in await told(session)} == everybody


async def test_a_call_that_came_back_or_became_more_urgent_is_another_breach(
    session,
) -> None:
    dispatcher = await factories.dispatcher(session)
    doctor = await factories.doctor(session)
    booking = await factories.booking(session)
    desk = as_staff(dispatcher)
    await clock.shift(session, LATE)
    assert await sla_watch.look(session) == 1
    await assignments.assign(session, desk, booking.id, doctor.id, booking.version)
    assert await sla_watch.look(session) == 0
    await visits.decline(session, as_doctor(doctor), booking.id, "Далеко")
    assert await sla_watch.look(session) == 1
    changes = BookingChanges(priority=Priority.EMERGENCY)
    await booking_edits.edit(session, desk, booking.id, changes, booking.version)
    assert await sla_watch.look(session) == 1
    assert await sla_watch.look(session) == 0


async def test_a_call_for_later_breaks_nothing_yet(session) -> None:
    await factories.dispatcher(session)
    wanted = await factories.tomorrow(session)
    await factories.booking(
        session,
        call_type="scheduled",
        wanted_from=wanted,
        wanted_to=wanted.replace(hour=18),
    )
    await clock.shift(session, LATE)
    assert await sla_watch.look(session) == 0


async def test_only_an_admin_makes_another_dispatcher_senior(session) -> None:
    dispatcher = await factories.dispatcher(session)
    admin = await make_senior(session, dispatcher)
    await make_senior(session, dispatcher)
    query = sa.select(AuditEvent).where(col(AuditEvent.action) == "role.senior_set")
    (line,) = (await session.scalars(query)).all()
    assert line.data == {"senior": True, "reason": "Старшая смены"}
    assert (line.actor_id, line.object_id) == (admin.id, dispatcher.id)
    await make_senior(session, dispatcher, senior=False)
    grant = await session.scalar(
        sa.select(RoleGrant).where(col(RoleGrant.user_id) == dispatcher.id)
    )
    assert not grant.senior
    with pytest.raises(Forbidden):
        await roles.set_senior(
            session, as_staff(dispatcher), dispatcher.id, True, "Сама"
        )
    actor = as_staff(admin, Role.ADMIN)
    with pytest.raises(Forbidden):
        await roles.set_senior(session, actor, admin.id, True, "Сам")
    curator = await factories.person(session, Role.CURATOR)
    with pytest.raises(NotFound):
        await make_senior(session, curator)


async def test_the_job_looks_every_minute(sessions) -> None:
    context = SimpleNamespace(additional_context={"sessions": sessions})
    await sla_watch.look_periodically.func(context, 0)
