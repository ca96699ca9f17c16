"""A message that has waited is not sent to a doctor who has lost the visit meanwhile."""

from dataclasses import dataclass

import pytest_asyncio
import sqlalchemy as sa
from sqlmodel import col

from models import Booking, Notification, User
from services import assignments
from services.actor import Actor
from services.database import Sessions
from services.edges import transaction
from tests import factories
from tests.factories import as_staff
from tests.telling import DROPPED, SENT, SMS, World, never_quiet, read, tried


@dataclass
class Stage:
    sessions: Sessions
    desk: Actor
    doctor: User
    other: User
    booking: Booking

    async def pass_on(self) -> None:
        """Give the call to the doctor, and then to the other."""
        booking_id, given = self.booking.id, (assignments.assign, assignments.reassign)
        for verb, doctor in zip(given, (self.doctor, self.other), strict=True):
            async with transaction(self.sessions) as session:
                await verb(session, self.desk, booking_id, doctor.id, None)

    async def notice(self, doctor: User, kind: str) -> Notification:
        """The short message of a kind that this doctor is to get."""
        query = sa.select(Notification.id).where(
            col(Notification.user_id) == doctor.id,
            col(Notification.kind) == kind,
            col(Notification.channel) == SMS,
        )
        async with transaction(self.sessions) as session:
            found = await session.scalar(query)
        return await read(self.sessions, found)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(sessions: Sessions, world: World) -> Stage:
    async with transaction(sessions) as session:
        desk = as_staff(await factories.dispatcher(session))
        doctor, other = await factories.doctor(session), await factories.doctor(session)
        booking = await factories.booking(session)
    for each in (doctor, other):
        await never_quiet(sessions, each)
    return Stage(sessions, desk, doctor, other, booking)


async def comes(stage: Stage, world: World, doctor: User, kind: str) -> None:
    """See that the message of this kind reaches the doctor, once."""
    row = await stage.notice(doctor, kind)
    (after,) = await tried(stage.sessions, row)
    assert after.status is SENT
    assert len(world.sms.read(row.address)) == 1


async def test_who_has_lost_the_visit_is_not_told_that_it_is_theirs(
    stage: Stage, world: World
) -> None:
    await stage.pass_on()
    stale = await stage.notice(stage.doctor, "visit_assigned")
    (after,) = await tried(stage.sessions, stale)
    assert (after.status, after.attempts, after.next_try_at) == (DROPPED, 0, None)
    assert world.sms.read(stale.address) == []
    await comes(stage, world, stage.other, "visit_assigned")


async def test_that_the_visit_was_lost_is_told_to_who_has_lost_it(
    stage: Stage, world: World
) -> None:
    await stage.pass_on()
    await comes(stage, world, stage.doctor, "visit_lost")
