"""Undo, and what blocking a doctor takes away."""

from datetime import datetime

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking
from models.booking import Status
from models.role_grant import Role
from services import assignments, visits
from services.actor import Actor
from services.errors import (
    Forbidden,
    IllegalTransition,
    StaleVersion,
)
from tests import factories
from tests.conftest import settle
from tests.factories import as_doctor, as_staff


@pytest.fixture
async def staff(session: AsyncSession) -> Actor:
    return as_staff(await factories.dispatcher(session))


async def turn_of(session: AsyncSession, booking: Booking) -> Assignment:
    query = select(Assignment).where(
        col(Assignment.booking_id) == booking.id, col(Assignment.released_at).is_(None)
    )
    return (await session.exec(query)).one()


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


class TestUndo:
    """Taking back one's last command."""

    async def test_of_an_assignment(self, session: AsyncSession, staff: Actor) -> None:
        doctor = await factories.doctor(session)
        made = await factories.assigned(
            session, doctor, await factories.dispatcher(session)
        )
        await assignments.undo(session, staff, made.id, 2)
        await settle(session)
        assert (made.status, made.version) == (Status.PENDING, 3)
        await assignments.assign(session, staff, made.id, doctor.id, 3)

    async def test_of_a_reassignment(self, session: AsyncSession, staff: Actor) -> None:
        first, second = await factories.doctor(session), await factories.doctor(session)
        made = await factories.assigned(
            session, first, await factories.dispatcher(session)
        )
        await assignments.reassign(session, staff, made.id, second.id, 2)
        await assignments.undo(session, staff, made.id, 3)
        await settle(session)
        assert made.status is Status.ASSIGNED
        assert (await turn_of(session, made)).doctor_id == first.id
        await assignments.undo(session, staff, made.id, 4)
        assert (await turn_of(session, made)).doctor_id == second.id

    async def test_when_the_first_doctor_is_taken_meanwhile(
        self, session: AsyncSession, staff: Actor
    ) -> None:
        first, second = await factories.doctor(session), await factories.doctor(session)
        dispatcher = await factories.dispatcher(session)
        made = await factories.assigned(session, first, dispatcher)
        await assignments.reassign(session, staff, made.id, second.id, 2)
        await factories.assigned(session, first, dispatcher)
        await assignments.undo(session, staff, made.id, 3)
        await settle(session)
        assert (made.status, made.version) == (Status.PENDING, 4)

    async def test_there_may_be_nothing_to_undo(
        self, session: AsyncSession, staff: Actor
    ) -> None:
        doctor = await factories.doctor(session)
        made = await factories.assigned(
            session, doctor, await factories.dispatcher(session)
        )
        await visits.accept(session, as_doctor(doctor), made.id)
        with pytest.raises(StaleVersion):
            await assignments.undo(session, staff, made.id, 2)
        with pytest.raises(IllegalTransition):
            await assignments.undo(session, staff, made.id, 3)


class TestBlocking:
    """A doctor who is being blocked loses what has not begun."""

    async def test_only_visits_not_begun(self, session: AsyncSession) -> None:
        doctor = await factories.doctor(session)
        dispatcher = await factories.dispatcher(session)
        begun = await factories.booking_in(
            session, Status.EN_ROUTE, doctor=doctor, dispatcher=dispatcher
        )
        waiting = [
            await factories.assigned(session, doctor, dispatcher) for _ in range(2)
        ]
        curator = await factories.person(session, Role.CURATOR)
        actor = as_staff(curator, Role.CURATOR)
        lost = await assignments.unassign_all(session, actor, doctor.id, "Проверка")
        await settle(session)
        assert {each.id for each in lost} == {each.id for each in waiting}
        assert all(each.status is Status.PENDING for each in lost)
        assert begun.status is Status.EN_ROUTE

    async def test_not_everybody_may(self, session: AsyncSession, staff: Actor) -> None:
        doctor = await factories.doctor(session)
        with pytest.raises(Forbidden):
            await assignments.unassign_all(session, staff, doctor.id, "x")
