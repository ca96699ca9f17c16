"""Duty and positions of doctors."""

from datetime import timedelta

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, DoctorState, User
from models.booking import Status
from services import clock, duty, visits
from services.errors import Forbidden, NotFound, VisitUnderWay
from tests import factories
from tests.factories import as_doctor, as_patient, as_staff


async def state_of(session: AsyncSession, doctor: User) -> DoctorState:
    query = select(DoctorState).where(col(DoctorState.doctor_id) == doctor.id)
    found = await session.exec(query.execution_options(populate_existing=True))
    return found.one()


async def test_duty_begins_and_ends_once_in_the_journal(session: AsyncSession) -> None:
    doctor = await factories.doctor(session, on_duty=False, point=None)
    for on_duty in (True, True, False, False):
        await duty.set_duty(session, as_doctor(doctor), on_duty)
    assert not (await state_of(session, doctor)).on_duty
    query = select(AuditEvent.action).where(col(AuditEvent.object_id) == doctor.id)
    actions = (await session.exec(query.order_by(col(AuditEvent.created_at)))).all()
    assert actions == ["doctor.on_duty", "doctor.off_duty"]


async def test_a_visit_under_way_ends_before_duty_does(session: AsyncSession) -> None:
    doctor = await factories.doctor(session)
    dispatcher = await factories.dispatcher(session)
    made = await factories.booking_in(
        session, Status.ACCEPTED, doctor=doctor, dispatcher=dispatcher
    )
    me = as_doctor(doctor)
    await duty.set_duty(session, me, False)
    await duty.set_duty(session, me, True)
    await visits.depart(session, me, made.id)
    with pytest.raises(VisitUnderWay):
        await duty.set_duty(session, me, False)


async def test_a_dispatcher_speaks_for_a_doctor(session: AsyncSession) -> None:
    doctor = await factories.doctor(session, on_duty=False)
    staff = as_staff(await factories.dispatcher(session))
    await duty.set_duty(session, staff, True, doctor.id)
    assert (await state_of(session, doctor)).on_duty
    for nobody in (None, factories.nobody(), staff.user_id):
        with pytest.raises(NotFound):
            await duty.set_duty(session, staff, True, nobody)


async def test_doctors_speak_for_themselves_only(session: AsyncSession) -> None:
    doctor, other = await factories.doctor(session), await factories.doctor(session)
    with pytest.raises(Forbidden):
        await duty.set_duty(session, as_doctor(doctor), False, other.id)
    with pytest.raises(Forbidden):
        await duty.set_duty(session, as_patient(doctor), False)


async def test_an_older_position_never_hides_a_newer(session: AsyncSession) -> None:
    doctor = await factories.doctor(session, point=None)
    me, now = as_doctor(doctor), await clock.now(session)
    await duty.set_position(session, me, 55.7, 37.6, 10, now)
    await duty.set_position(session, me, 1, 1, None, now - timedelta(seconds=1))
    state = await state_of(session, doctor)
    assert (state.latitude, state.longitude, state.accuracy_m) == (55.7, 37.6, 10)
    assert state.on_duty


async def test_a_clock_that_runs_ahead_counts_as_now(session: AsyncSession) -> None:
    doctor = await factories.doctor(session, on_duty=False, point=None)
    me, now = as_doctor(doctor), await clock.now(session)
    await duty.set_position(session, me, 1, 1, None, now + timedelta(days=1))
    await duty.set_position(session, me, 2, 2)
    state = await state_of(session, doctor)
    assert state.latitude == 2
    assert not state.on_duty
