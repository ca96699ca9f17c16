"""Random days: whatever people try, in whatever order, the rules of calls hold."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Booking
from models.booking import EDGES, Verb
from models.booking_words import CancelReason, Flag
from models.role_grant import Role
from services import assignments, bookings, clock, duty, visits
from services.actor import Actor, Via
from services.booking_drafts import BookingChanges
from services.booking_steps import running_turn
from services.errors import DomainError
from services.invariants import check
from tests import factories
from tests.conftest import settle
from tests.factories import as_staff

pytestmark = pytest.mark.prove
PROVE = bool(os.environ.get("TOT_PROVE"))
DOCTORS = 3
CHECKS = {
    "one running turn, exactly where a doctor has the call": """
        SELECT b.id FROM booking b LEFT JOIN assignment a
            ON a.booking_id = b.id AND a.released_at IS NULL
        GROUP BY b.id HAVING count(a.id) <>
            (b.status IN ('assigned', 'accepted', 'en_route', 'in_progress'))::int""",
    "no doctor at two stops at once": """
        SELECT a.id FROM assignment a JOIN assignment b USING (doctor_id)
        WHERE a.stop_id <> b.stop_id AND a.planned_window && b.planned_window
          AND a.released_at IS NULL AND b.released_at IS NULL""",
    "under way to one stop": """
        SELECT doctor_id FROM assignment WHERE released_at IS NULL
          AND (departed_at IS NOT NULL OR started_at IS NOT NULL)
        GROUP BY doctor_id HAVING count(DISTINCT stop_id) > 1""",
    "the stamps of the turn say where the call stands": """
        SELECT b.id FROM booking b JOIN assignment a
            ON a.booking_id = b.id AND a.released_at IS NULL
        WHERE (b.status = 'accepted' AND a.accepted_at IS NULL)
           OR (b.status = 'en_route') <> (a.departed_at IS NOT NULL
                                          AND a.started_at IS NULL)
           OR (b.status = 'in_progress') <> (a.started_at IS NOT NULL)""",
    "every version has one step in history and one line in the journal": """
        SELECT b.id FROM booking b WHERE b.version <>
            (SELECT count(*) FROM booking_event e WHERE e.booking_id = b.id)
          OR b.version <> (SELECT count(*) FROM audit_event j
                           WHERE j.object_id = b.id AND j.action LIKE 'booking.%')""",
    "who declined a call does not get it again": """
        SELECT a.id FROM assignment a JOIN assignment d USING (booking_id, doctor_id)
        WHERE d.outcome = 'declined' AND a.assigned_at > d.assigned_at""",
}
EVERYTHING = """
SELECT (SELECT sum(version) FROM booking), (SELECT count(*) FROM booking_event),
       (SELECT count(*) FROM audit_event), (SELECT count(*) FROM assignment),
       (SELECT string_agg(status, ',' ORDER BY id) FROM booking)
"""
Step = Callable[[], Awaitable[object]]
hours = st.one_of(st.none(), st.floats(0.1, 8))
doctors_of = st.integers(0, DOCTORS - 1)
# Mostly the doctor who has the call, now and then another.
anybody = st.one_of(st.just(-1), st.just(-1), st.just(-1), doctors_of)


class Day(RuleBasedStateMachine):
    """Dispatchers, doctors and patients do as they please."""

    database_url = ""
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.runner.run(self.open())

    async def open(self) -> None:
        # The queue has a schema of its own, as the application's connections know.
        paths = {"options": "-c search_path=public,jobs -c timezone=UTC"}
        self.engine = create_async_engine(
            self.database_url, poolclass=NullPool, connect_args=paths
        )
        self.connection = await self.engine.connect()
        await self.connection.begin()
        self.session = AsyncSession(
            bind=self.connection,
            join_transaction_mode="create_savepoint",
            expire_on_commit=False,
        )
        self.ahead = 0.0

    @initialize(target=calls)
    def morning(self) -> Any:
        self.people()
        return multiple(*(self.runner.run(self._create({})) for _ in range(4)))

    def people(self) -> None:
        async def make() -> None:
            self.staff = as_staff(await factories.dispatcher(self.session))
            # Ids only: a refused step makes the session forget its rows.
            self.doctors = [
                (
                    await factories.doctor(self.session, point=(55.7 + each / 50, 37.6))
                ).id
                for each in range(DOCTORS)
            ]

        self.runner.run(make())

    def attempt(self, step: Step) -> None:
        """Carry out a step; a refusal must leave everything as it was."""
        self.runner.run(self._attempt(step))

    async def _attempt(self, step: Step) -> None:
        before = await self._everything()
        try:
            async with self.session.begin_nested():
                try:
                    await step()
                    await settle(self.session)
                except DomainError:
                    await self.session.flush()
                    assert await self._everything() == before
                    raise
        except DomainError:
            self.session.expire_all()

    async def _everything(self) -> tuple[Any, ...]:
        return tuple((await self.session.execute(sa.text(EVERYTHING))).one())

    def doctor(self, place: int) -> Actor:
        return Actor(self.doctors[place], Role.DOCTOR, Via.API)

    async def start_in(self, hours: float | None) -> Any:
        now = await clock.now(self.session)
        return now + timedelta(hours=hours) if hours is not None else None

    @rule(target=calls, hours=st.floats(0.1, 8))
    def create(self, hours: float) -> uuid.UUID:
        async def make() -> uuid.UUID:
            start = await self.start_in(hours)
            window = {"wanted_from": start, "wanted_to": start + timedelta(hours=2)}
            return await self._create(window)

        return self.runner.run(make())

    async def _create(self, facts: dict[str, Any]) -> uuid.UUID:
        made = await factories.booking(self.session, **facts)
        await settle(self.session)
        return made.id

    @rule(target=calls, first=calls)
    def create_at_the_same_stop(self, first: uuid.UUID) -> uuid.UUID:
        made = [first]

        async def make() -> None:
            known = await self.session.get_one(Booking, first)
            draft = factories.phone_draft(
                address=None, patient_id=known.patient_id, same_stop_as=first
            )
            made[0] = (await bookings.create(self.session, self.staff, draft)).id

        self.attempt(make)
        return made[0]

    @rule(call=calls, doctor=doctors_of, hours=hours)
    def assign(self, call: uuid.UUID, doctor: int, hours: float | None) -> None:
        async def step() -> None:
            start = await self.start_in(hours)
            await assignments.assign(
                self.session, self.staff, call, self.doctors[doctor], None, start
            )

        self.attempt(step)

    @rule(call=calls, hours=st.floats(0.1, 8))
    def replan(self, call: uuid.UUID, hours: float) -> None:
        async def step() -> None:
            start = await self.start_in(hours)
            await assignments.replan(self.session, self.staff, call, start, None)

        self.attempt(step)

    @rule(call=calls, doctor=doctors_of, hours=hours)
    def reassign(self, call: uuid.UUID, doctor: int, hours: float | None) -> None:
        async def step() -> None:
            start = await self.start_in(hours)
            await assignments.reassign(
                self.session, self.staff, call, self.doctors[doctor], None, start
            )

        self.attempt(step)

    @rule(call=calls)
    def unassign(self, call: uuid.UUID) -> None:
        self.attempt(lambda: assignments.unassign(self.session, self.staff, call, None))

    @rule(call=calls)
    def undo(self, call: uuid.UUID) -> None:
        async def step() -> None:
            known = await self.session.get_one(Booking, call)
            await assignments.undo(self.session, self.staff, call, known.version)

        self.attempt(step)

    @rule(call=calls, doctor=doctors_of, steps=st.integers(1, 5))
    def goes_well(self, call: uuid.UUID, doctor: int, steps: int) -> None:
        """Take a call as far as a good day would, from wherever it stands."""
        for _ in range(steps):
            self.attempt(lambda: self._next_step(call, doctor))

    async def _next_step(self, call: uuid.UUID, doctor: int) -> None:
        turn, _ = await running_turn(self.session, call)
        if turn is None:
            await assignments.assign(
                self.session, self.staff, call, self.doctors[doctor], None
            )
            return
        actor = Actor(turn.doctor_id, Role.DOCTOR, Via.API)
        if turn.started_at is not None:
            await visits.complete(self.session, actor, call, 30, "ОРВИ")
        elif turn.departed_at is not None:
            await visits.start(self.session, actor, call)
        elif turn.accepted_at is not None:
            await visits.depart(self.session, actor, call)
        else:
            await visits.accept(self.session, actor, call)

    @rule(call=calls, doctor=anybody)
    def accept(self, call: uuid.UUID, doctor: int) -> None:
        self.by_doctor(call, doctor, visits.accept)

    @rule(call=calls, doctor=anybody)
    def decline(self, call: uuid.UUID, doctor: int) -> None:
        self.by_doctor(call, doctor, visits.decline, "Нет")

    @rule(call=calls, doctor=anybody)
    def depart(self, call: uuid.UUID, doctor: int) -> None:
        self.by_doctor(call, doctor, visits.depart)

    @rule(call=calls, doctor=anybody)
    def start(self, call: uuid.UUID, doctor: int) -> None:
        self.by_doctor(call, doctor, visits.start)

    def by_doctor(self, call: uuid.UUID, doctor: int, verb: Any, *words: str) -> None:
        async def step() -> None:
            turn, _ = await running_turn(self.session, call)
            who = turn.doctor_id if turn and doctor < 0 else self.doctors[doctor]
            actor = Actor(who, Role.DOCTOR, Via.API)
            await verb(self.session, actor, call, *words)

        self.attempt(step)

    @rule(call=calls)
    def complete(self, call: uuid.UUID) -> None:
        self.attempt(
            lambda: visits.complete(self.session, self.staff, call, 30, "ОРВИ")
        )

    @rule(call=calls, really=st.sampled_from([False, False, False, True]))
    def cancel(self, call: uuid.UUID, really: bool) -> None:
        """Seldom: a day of cancelled calls teaches nothing."""

        async def step() -> None:
            known = await self.session.get_one(Booking, call)
            patient = Actor(known.patient_id, Role.PATIENT, Via.API)
            await bookings.cancel(self.session, patient, call, CancelReason.OTHER)

        if really:
            self.attempt(step)

    @rule(call=calls)
    def flag(self, call: uuid.UUID) -> None:
        self.attempt(
            lambda: bookings.flag(self.session, self.staff, call, Flag.RESUSCITATION)
        )

    @rule(call=calls, flat=st.integers(1, 3))
    def move(self, call: uuid.UUID, flat: int) -> None:
        changes = BookingChanges(address=factories.address(flat=str(flat)))
        self.attempt(
            lambda: bookings.edit(self.session, self.staff, call, changes, None)
        )

    @rule(doctor=doctors_of, on_duty=st.booleans())
    def go_on_or_off_duty(self, doctor: int, on_duty: bool) -> None:
        self.attempt(lambda: duty.set_duty(self.session, self.doctor(doctor), on_duty))

    @rule(minutes=st.integers(1, 180))
    def time_passes(self, minutes: int) -> None:
        self.ahead += minutes * 60
        self.runner.run(clock.shift(self.session, self.ahead))

    @invariant()
    def the_rules_hold(self) -> None:
        self.runner.run(self._check())

    async def _check(self) -> None:
        await self.session.flush()
        for name, query in CHECKS.items():
            found = (await self.session.execute(sa.text(query))).all()
            assert found == [], name
        steps = await self.session.execute(
            sa.text(
                "SELECT event, from_status, to_status FROM booking_event"
                " WHERE event <> 'create'"
            )
        )
        for event, was, became in steps:
            edge = EDGES[Verb(event)]
            assert was in edge.sources
            assert became == (edge.target or was)

    def teardown(self) -> None:
        async def close() -> None:
            violations = await check(self.session)
            await self.session.close()
            await self.connection.rollback()
            await self.connection.close()
            await self.engine.dispose()
            assert violations == []

        self.runner.run(close())
        self.runner.close()


def test_any_day_keeps_the_rules(database_url: str) -> None:
    Day.database_url = database_url
    run_state_machine_as_test(
        Day,
        settings=settings(
            max_examples=1000 if PROVE else 100,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
