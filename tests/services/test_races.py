"""Rivals on real connections with real commits: one wins, nothing doubles.

A hundred rounds each, fewer of the rarer races; with TOT_PROVE=1 ten times that.
"""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking, User
from models.booking import Status
from models.booking_words import CancelReason
from models.role_grant import Role
from services import assignments, bookings, clock, duty, visits
from services.actor import Actor, Via
from services.booking_drafts import BookingDraft
from services.database import Sessions
from services.edges import in_transaction
from services.errors import (
    Conflict,
    DoctorBusy,
    DoctorUnderWay,
    DomainError,
    IllegalTransition,
    StaleVersion,
    TooManyBookings,
    VisitUnderWay,
)
from tests import factories
from tests.factories import as_doctor, as_staff

pytestmark = pytest.mark.race
ROUNDS = 1000 if os.environ.get("TOT_PROVE") else 100
FEWER = ROUNDS // 5
# A round makes its own people, so that rounds do not disturb each other; several
# rounds share a database.
Act = Callable[[AsyncSession], Awaitable[object]]


async def race(sessions: Sessions, *acts: Act) -> list[object]:
    """Run the acts at once, each in a transaction of its own; give how they ended."""
    ready = asyncio.Barrier(len(acts))

    async def run(act: Act) -> object:
        waited = False

        async def work(session: AsyncSession) -> object:
            nonlocal waited
            await session.execute(sa.text("SELECT 1"))
            if not waited:
                waited = True
                await ready.wait()
            return await act(session)

        try:
            return await in_transaction(sessions, work)
        except DomainError as refusal:
            return refusal

    return await asyncio.gather(*(run(act) for act in acts))


def refusals(results: Sequence[object]) -> list[type]:
    return [type(result) for result in results if isinstance(result, DomainError)]


async def free_of_overlaps(sessions: Sessions) -> None:
    """No doctor is planned at two stops at once, no call has two doctors."""
    async with sessions() as session:
        doubles = await session.scalar(
            sa.text(
                "SELECT count(*) FROM assignment a JOIN assignment b"
                " ON a.doctor_id = b.doctor_id AND a.stop_id <> b.stop_id"
                " AND a.planned_window && b.planned_window"
                " WHERE a.released_at IS NULL AND b.released_at IS NULL"
            )
        )
        twice = await session.scalar(
            sa.text(
                "SELECT count(*) FROM (SELECT booking_id FROM assignment"
                " WHERE released_at IS NULL GROUP BY 1 HAVING count(*) > 1) AS twice"
            )
        )
    assert (doubles, twice) == (0, 0)


class Stage:
    """People and calls of one test, made with real commits."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    async def make(self, doctors: int, calls: int) -> None:
        async with self.sessions() as session:
            self.staff = as_staff(await factories.dispatcher(session))
            self.rival = as_staff(await factories.dispatcher(session))
            self.doctors = [await factories.doctor(session) for _ in range(doctors)]
            self.calls = [await factories.booking(session) for _ in range(calls)]
            await session.commit()

    async def call(self) -> Booking:
        async with self.sessions() as session:
            made = await factories.booking(session)
            await session.commit()
            return made

    def assign(self, call: Booking, doctor: User, start: datetime | None = None) -> Act:
        return lambda session: assignments.assign(
            session, self.staff, call.id, doctor.id, call.version, start
        )


async def now(sessions: Sessions) -> datetime:
    async with sessions() as session:
        return await clock.now(session)


async def clear(sessions: Sessions) -> None:
    """End all turns, so that the next round finds everybody free."""
    async with sessions() as session:
        await session.execute(
            sa.text(
                "UPDATE assignment SET released_at = app_now(), outcome = 'unassigned'"
                " WHERE released_at IS NULL"
            )
        )
        await session.commit()


async def test_two_dispatchers_assign_one_call(sessions: Sessions) -> None:
    stage = Stage(sessions)
    await stage.make(doctors=2, calls=0)
    for _ in range(ROUNDS):
        call = await stage.call()
        results = await race(
            sessions,
            *(stage.assign(call, doctor) for doctor in stage.doctors),
        )
        assert refusals(results) == [StaleVersion]
        await free_of_overlaps(sessions)
        await clear(sessions)


async def test_one_doctor_two_overlapping_calls(sessions: Sessions) -> None:
    stage = Stage(sessions)
    await stage.make(doctors=1, calls=0)
    start = await now(sessions) + timedelta(hours=1)
    for _ in range(ROUNDS):
        calls = [await stage.call(), await stage.call()]
        acts = [stage.assign(call, stage.doctors[0], start) for call in calls]
        results = await race(sessions, *acts)
        assert refusals(results) == [DoctorBusy]
        await free_of_overlaps(sessions)
        await clear(sessions)


async def test_overlap_across_midnight(sessions: Sessions) -> None:
    stage = Stage(sessions)
    await stage.make(doctors=1, calls=0)
    async with sessions() as session:
        midnight = await factories.tomorrow(session, 0) + timedelta(days=1)
    before, after = (midnight + timedelta(minutes=each) for each in (-10, 10))
    async with sessions() as session:
        await duty.set_duty(session, as_doctor(stage.doctors[0]), True)
        await session.commit()
    for _ in range(ROUNDS):
        calls = [await stage.call(), await stage.call()]
        results = await race(
            sessions,
            stage.assign(calls[0], stage.doctors[0], before),
            stage.assign(calls[1], stage.doctors[0], after),
        )
        assert refusals(results) == [DoctorBusy]
        await free_of_overlaps(sessions)
        await clear(sessions)


async def test_one_stop_takes_both_children(sessions: Sessions) -> None:
    stage = Stage(sessions)
    await stage.make(doctors=1, calls=0)
    start = await now(sessions) + timedelta(hours=1)
    for _ in range(ROUNDS):
        first = await stage.call()
        async with sessions() as session:
            draft = BookingDraft(
                call_type=first.call_type,
                symptoms="Второй ребёнок",
                patient_id=first.patient_id,
                same_stop_as=first.id,
            )
            second = await bookings.create(session, stage.staff, draft)
            await session.commit()
        acts = [stage.assign(call, stage.doctors[0], start) for call in (first, second)]
        assert refusals(await race(sessions, *acts)) == []
        await free_of_overlaps(sessions)
        await clear(sessions)


async def test_eight_rivals_never_deadlock(sessions: Sessions) -> None:
    """Four calls change hands between four doctors, all at once."""
    stage = Stage(sessions)
    await stage.make(doctors=4, calls=4)
    for call, doctor in zip(stage.calls, stage.doctors, strict=True):
        await race(sessions, stage.assign(call, doctor))
    before = await _deadlocks(sessions)
    for turn in range(ROUNDS):
        acts: list[Act] = []
        for place in range(8):
            call = stage.calls[place % 4]
            doctor = stage.doctors[(place + turn) % 4]
            acts.append(_pass_on(stage.staff, call.id, doctor.id))
        for result in await race(sessions, *acts):
            assert not isinstance(result, DomainError) or isinstance(result, Conflict)
        await free_of_overlaps(sessions)
    assert await _deadlocks(sessions) == before


def _pass_on(staff: Actor, call: uuid.UUID, doctor: uuid.UUID) -> Act:
    return lambda session: assignments.reassign(session, staff, call, doctor, None)


async def _deadlocks(sessions: Sessions) -> int:
    async with sessions() as session:
        return int(
            await session.scalar(
                sa.text(
                    "SELECT deadlocks FROM pg_stat_database"
                    " WHERE datname = current_database()"
                )
            )
            or 0
        )


async def test_parallel_posts_do_not_pass_the_limit(sessions: Sessions) -> None:
    for _ in range(FEWER):
        async with sessions() as session:
            user = await factories.patient(session)
            await session.commit()
        results = await race(sessions, *[_post(factories.as_patient(user))] * 8)
        assert refusals(results) == [TooManyBookings] * 5


def _post(actor: Actor) -> Act:
    draft = factories.draft()
    return lambda session: bookings.create(session, actor, draft, open_limit=3)


async def test_departing_twice_at_once(sessions: Sessions) -> None:
    stage = Stage(sessions)
    await stage.make(doctors=1, calls=0)
    doctor = stage.doctors[0]
    for _ in range(FEWER):
        start = await now(sessions) + timedelta(hours=1)
        calls = [await stage.call(), await stage.call()]
        for hours, call in enumerate(calls):
            later = start + timedelta(hours=3 * hours)
            await race(sessions, stage.assign(call, doctor, later))

        def begin(call: Booking) -> Act:
            return lambda session: visits.start(session, as_doctor(doctor), call.id)

        results = await race(sessions, *(begin(call) for call in calls))
        assert refusals(results) == [DoctorUnderWay]
        await clear(sessions)


async def test_off_duty_against_departure(sessions: Sessions) -> None:
    stage = Stage(sessions)
    await stage.make(doctors=1, calls=0)
    doctor = stage.doctors[0]
    me = as_doctor(doctor)
    for _ in range(FEWER):
        call = await stage.call()
        await race(sessions, lambda session: duty.set_duty(session, me, True))
        await race(sessions, stage.assign(call, doctor))
        results = await race(
            sessions,
            lambda session: visits.start(session, me, call.id),  # noqa: B023
            lambda session: duty.set_duty(session, me, False),
        )
        assert refusals(results) in ([], [VisitUnderWay])
        await clear(sessions)


async def test_cancel_against_completion(sessions: Sessions) -> None:
    stage = Stage(sessions)
    await stage.make(doctors=1, calls=0)
    doctor = stage.doctors[0]
    for _ in range(FEWER):
        call = await stage.call()
        await race(sessions, stage.assign(call, doctor))
        await race(sessions, lambda s: visits.start(s, as_doctor(doctor), call.id))  # noqa: B023
        patient = Actor(call.patient_id, Role.PATIENT, Via.API)
        why = CancelReason.PATIENT_CHANGED_MIND
        results = await race(
            sessions,
            lambda s: visits.complete(s, as_doctor(doctor), call.id, 30, "ОРВИ"),  # noqa: B023
            lambda s: bookings.cancel(s, patient, call.id, why),  # noqa: B023
        )
        assert len(refusals(results)) == 1
        async with sessions() as session:
            ended = await session.get_one(Booking, call.id)
            assert ended.status in {Status.COMPLETED, Status.CANCELLED}


async def test_accept_against_unassign(sessions: Sessions) -> None:
    stage = Stage(sessions)
    await stage.make(doctors=1, calls=0)
    doctor = stage.doctors[0]
    for _ in range(FEWER):
        call = await stage.call()
        await race(sessions, stage.assign(call, doctor))
        results = await race(
            sessions,
            lambda s: visits.accept(s, as_doctor(doctor), call.id),  # noqa: B023
            lambda s: assignments.unassign(s, stage.staff, call.id, 2),  # noqa: B023
        )
        assert len(refusals(results)) == 1
        assert IllegalTransition not in refusals(results)
        await clear(sessions)
