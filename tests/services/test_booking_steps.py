"""What the verbs share, and the nets under them."""

import asyncio
import uuid
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Role, User
from models.booking_words import CallType
from models.specialization import Specialization
from services import (
    assignments,
    booking_steps,
    bookings,
    clock,
    phone_patients,
    prices,
    visits,
)
from services.actor import Actor, Via
from services.booking_drafts import CallerInput
from services.database import Sessions
from services.edges import in_transaction
from services.errors import DoctorBusy, DoctorUnderWay, NotFound, ValidationFailed
from services.planning import Plan
from tests import factories
from tests.factories import as_clinic, as_staff


async def test_nothing_is_done_with_a_call_that_is_not_there(
    session: AsyncSession,
) -> None:
    staff = as_staff(await factories.dispatcher(session))
    with pytest.raises(NotFound):
        await assignments.unassign(session, staff, factories.nobody(), None)


async def test_a_clinic_account_without_a_clinic_owns_nothing(
    session: AsyncSession,
) -> None:
    nobody = as_clinic(await factories.person(session, Role.CLINIC))
    doctor = await factories.doctor(session)
    made = await factories.booking(session)
    with pytest.raises(NotFound):
        await assignments.assign(session, nobody, made.id, doctor.id, 1)


async def test_a_dispatcher_says_why_they_accept_for_a_doctor(
    session: AsyncSession,
) -> None:
    dispatcher = await factories.dispatcher(session)
    made = await factories.assigned(
        session, await factories.doctor(session), dispatcher
    )
    staff = as_staff(dispatcher)
    with pytest.raises(ValidationFailed):
        await visits.accept(session, staff, made.id)
    await visits.accept(session, staff, made.id, "Подтвердил по телефону")


@pytest.mark.parametrize(
    ("begun", "error"), [(False, DoctorBusy), (True, DoctorUnderWay)]
)
async def test_the_constraints_are_the_net(
    session: AsyncSession, begun: bool, error: type[Exception]
) -> None:
    """Past all queries, the database itself keeps a doctor in one place."""
    doctor = await factories.doctor(session)
    now = await clock.now(session)
    for place in range(2):
        made = await factories.booking(session)
        start = now + timedelta(hours=3 * place if begun else 0)
        session.add(
            Assignment(
                booking_id=made.id,
                doctor_id=doctor.id,
                stop_id=made.stop_id,
                planned_start=start,
                planned_window=Plan(start, 0, 30).window,
                travel_minutes=0,
                assigned_by=doctor.id,
                assigned_at=now,
                departed_at=now if begun else None,
            )
        )
    with pytest.raises(error):
        await booking_steps.flush(session)


async def test_other_broken_rules_stay_errors(session: AsyncSession) -> None:
    user = await factories.patient(session)
    session.add(User(phone=user.phone, first_name="Анна", last_name="Орлова"))
    with pytest.raises(IntegrityError):
        await booking_steps.flush(session)


async def test_a_quote_is_what_a_call_will_cost(session: AsyncSession) -> None:
    at = await clock.now(session)
    kind = (CallType.URGENT, Specialization.THERAPIST)
    assert await prices.quote(session, *kind, at) == 500_000
    await factories.price(session)
    assert await prices.quote(session, *kind, at) == 450_000
    made = await factories.booking(session)
    assert made.price_kopecks == 450_000


@pytest.mark.race
async def test_one_new_number_makes_one_patient(sessions: Sessions) -> None:
    for number in range(10):
        caller = CallerInput(
            phone=f"+7916777{number:04d}", first_name="Ольга", last_name="Белова"
        )
        actor = Actor(uuid.uuid4(), Role.DISPATCHER, Via.CONSOLE)

        make = partial(phone_patients.find_or_make, actor=actor, caller=caller)
        found = await asyncio.gather(
            *(in_transaction(sessions, make) for _ in range(4))
        )
        assert len(set(found)) == 1


async def test_calls_by_phone_share_the_limit(session: AsyncSession) -> None:
    user = await factories.patient(session)
    staff = as_staff(await factories.dispatcher(session))
    draft = factories.phone_draft(patient_id=user.id)
    made = await bookings.create(session, staff, draft, open_limit=1)
    assert made.patient_id == user.id
