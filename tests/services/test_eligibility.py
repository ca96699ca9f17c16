"""Who may take a call, and every reason why not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models import Assignment, Booking, DoctorProfile, RoleGrant, User
from services import assignments, bookings, clock, duty, visits
from services.actor import Actor
from services.errors import (
    DoctorNotEligible,
)
from services.i18n import use_locale
from tests import factories
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


async def _unapprove(session: AsyncSession, doctor: User, _: Booking) -> None:
    (await _profile(session, doctor)).approved_at = None


async def _take_role(session: AsyncSession, doctor: User, _: Booking) -> None:
    grants = sa.update(RoleGrant).where(col(RoleGrant.user_id) == doctor.id)
    await session.execute(
        grants.values(revoked_at=sa.func.app_now(), revoked_by=doctor.id)
    )


async def _block(session: AsyncSession, doctor: User, _: Booking) -> None:
    doctor.blocked_at = await clock.now(session)


async def _retrain(session: AsyncSession, doctor: User, _: Booking) -> None:
    (await _profile(session, doctor)).specializations = ["surgeon"]


async def _licence(session: AsyncSession, doctor: User, _: Booking) -> None:
    yesterday = await clock.now(session) - timedelta(days=1)
    (await _profile(session, doctor)).licence_expires_on = yesterday.date()


async def _papers(session: AsyncSession, doctor: User, _: Booking) -> None:
    yesterday = await clock.now(session) - timedelta(days=1)
    (await _profile(session, doctor)).documents_valid_until = yesterday.date()


async def _go_home(session: AsyncSession, doctor: User, _: Booking) -> None:
    await duty.set_duty(session, as_doctor(doctor), False)


async def _decline(session: AsyncSession, doctor: User, call: Booking) -> None:
    staff = as_staff(await factories.dispatcher(session))
    await assignments.assign(session, staff, call.id, doctor.id, None)
    await visits.decline(session, as_doctor(doctor), call.id, "Не могу")


async def _profile(session: AsyncSession, doctor: User) -> DoctorProfile:
    query = select(DoctorProfile).where(col(DoctorProfile.user_id) == doctor.id)
    return (await session.exec(query)).one()


async def _hand_over(session: AsyncSession, _: User, call: Booking) -> None:
    staff = as_staff(await factories.dispatcher(session))
    clinic = await factories.clinic(session)
    await bookings.hand_to_clinic(session, staff, call.id, clinic.id, None)


SPOILS = {
    "not_approved": _unapprove,
    "blocked": _block,
    "wrong_specialization": _retrain,
    "licence_expires": _licence,
    "documents_expire": _papers,
    "off_duty": _go_home,
    "declined": _decline,
    "other_clinic": _hand_over,
}


@pytest.mark.parametrize("reason", SPOILS)
async def test_every_reason_refuses_alone(
    session: AsyncSession, staff: Actor, reason: str
) -> None:
    doctor = await factories.doctor(session)
    made = await factories.booking(session)
    await SPOILS[reason](session, doctor, made)
    await session.flush()
    with pytest.raises(DoctorNotEligible) as refused:
        await assignments.assign(session, staff, made.id, doctor.id, None)
    assert refused.value.public_facts["reasons"] == [reason]
    for locale in ("ru", "en"):
        with use_locale(locale):
            assert "{" not in refused.value.message


async def test_a_lost_role_refuses_too(session: AsyncSession, staff: Actor) -> None:
    doctor = await factories.doctor(session)
    made = await factories.booking(session)
    await _take_role(session, doctor, made)
    with pytest.raises(DoctorNotEligible):
        await assignments.assign(session, staff, made.id, doctor.id, 1)


async def test_all_reasons_are_told_together(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session, on_duty=False, point=None)
    own = await factories.booking(session, doctor)
    for reason in ("not_approved", "blocked", "wrong_specialization"):
        await SPOILS[reason](session, doctor, own)
    for reason in ("licence_expires", "documents_expire"):
        await SPOILS[reason](session, doctor, own)
    await session.flush()
    with pytest.raises(DoctorNotEligible) as refused:
        await assignments.assign(session, staff, own.id, doctor.id, 1)
    told = set(refused.value.public_facts["reasons"])
    assert told == set(SPOILS) - {"declined", "other_clinic"} | {"own_call"}


async def test_papers_count_at_the_end_of_the_window(
    session: AsyncSession, staff: Actor
) -> None:
    start = await factories.tomorrow(session, 23)
    window: dict[str, Any] = {
        "wanted_from": start,
        "wanted_to": start + timedelta(minutes=45),
    }
    day = start.date()
    valid = await factories.doctor(session, profile={"licence_expires_on": day})
    made = await factories.booking(session, **window)
    await assignments.assign(session, staff, made.id, valid.id, 1, start)
    over_midnight = start + timedelta(minutes=40)
    with pytest.raises(DoctorNotEligible):
        await assignments.replan(session, staff, made.id, over_midnight, 2)


async def test_duty_matters_within_two_hours_only(
    session: AsyncSession, staff: Actor
) -> None:
    doctor = await factories.doctor(session, on_duty=False)
    made = await factories.booking(session)
    start = await clock.now(session) + timedelta(hours=4)
    await assignments.assign(session, staff, made.id, doctor.id, 1, start)
    soon = await clock.now(session) + timedelta(hours=1)
    with pytest.raises(DoctorNotEligible):
        await assignments.replan(session, staff, made.id, soon, 2)
