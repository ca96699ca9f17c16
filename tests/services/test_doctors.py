"""Doctors, clinics and plain tables as staff keep them; the first page's figures."""

from datetime import time, timedelta

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models import AuditEvent, ClinicProfile, DoctorProfile, PriceItem, Role
from models.booking import Status
from services import clinics, doctors, figures, passwords, plain_tables, roles
from services.actor import Actor, Via
from services.doctors import DoctorFacts
from services.errors import Forbidden, NotFound, ValidationFailed
from services.people import NewPerson
from services.plain_tables import ChangedMeanwhile
from tests import factories
from tests.conftest import settle

CURATOR = Actor(factories.nobody(), Role.CURATOR, Via.CONSOLE)
DISPATCHER = Actor(factories.nobody(), Role.DISPATCHER, Via.CONSOLE)
FINANCE = Actor(factories.nobody(), Role.FINANCE, Via.CONSOLE)
PERSON = NewPerson(first_name="Дмитрий", last_name="Орлов", phone="+79161234567")


def facts(**changes: object) -> DoctorFacts:
    said = {
        "specializations": ["therapist", "cardiologist", "therapist"],
        "licence_number": "ЛО-77-1",
        "licence_expires_on": "2030-01-01",
        "languages": ["ru", "en", "ru"],
    }
    return DoctorFacts.model_validate(said | changes)


async def test_a_doctor_comes_aboard_with_everything_they_need(
    session: AsyncSession,
) -> None:
    user, secret = await doctors.create(session, CURATOR, PERSON, facts())
    await settle(session)
    profile = await session.scalar(sa.select(DoctorProfile))
    assert profile is not None
    assert profile.specializations == ["therapist", "cardiologist"]
    assert profile.languages == ["ru", "en"]
    assert profile.approved_at is not None
    assert await passwords.verify(secret, user.password_hash)
    assert await roles.roles_of(session, user.id) == {Role.DOCTOR}


@pytest.mark.parametrize(
    "wrong",
    [
        {"languages": ["xx"]},
        {"home_latitude": 55.0},
        {"clinic_id": str(factories.nobody())},
    ],
    ids=["language", "half a point", "clinic"],
)
async def test_facts_that_make_no_sense_are_refused(
    session: AsyncSession, wrong: dict[str, object]
) -> None:
    with pytest.raises(ValidationFailed):
        await doctors.create(session, CURATOR, PERSON, facts(**wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"specializations": []},
        {"specializations": ["wizard"]},
        {"licence_number": ""},
        {"licence_number": "x" * 61},
        {"experience_years": 81},
        {"home_latitude": float("nan"), "home_longitude": 1.0},
        {"rating": 5},
    ],
    ids=str,
)
def test_facts_have_bounds(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        facts(**wrong)


async def test_a_closed_clinic_takes_no_doctor(session: AsyncSession) -> None:
    clinic = await factories.clinic(session)
    await doctors.create(session, CURATOR, PERSON, facts(clinic_id=clinic.id))
    clinic.active = False
    await session.flush()
    assert list(await clinics.active(session)) == []
    other = NewPerson(first_name="А", last_name="Б", phone="+79161234568")
    with pytest.raises(ValidationFailed):
        await doctors.create(session, CURATOR, other, facts(clinic_id=clinic.id))


async def test_edits_are_journalled_with_before_and_after(
    session: AsyncSession,
) -> None:
    user, _ = await doctors.create(session, CURATOR, PERSON, facts())
    profile = await session.scalar(sa.select(DoctorProfile))
    assert profile is not None
    await session.refresh(profile)
    seen = profile.updated_at
    new = facts(experience_years=12)
    await doctors.edit(session, CURATOR, user.id, new, seen)
    await doctors.edit(session, CURATOR, user.id, new)
    query = sa.select(AuditEvent).where(col(AuditEvent.action) == "doctor.changed")
    events = (await session.scalars(query)).all()
    assert [each.data for each in events] == [
        {"before": {"experience_years": "None"}, "after": {"experience_years": "12"}}
    ]


async def test_of_two_open_forms_the_second_does_not_win(session: AsyncSession) -> None:
    user, _ = await doctors.create(session, CURATOR, PERSON, facts())
    profile = await session.scalar(sa.select(DoctorProfile))
    assert profile is not None
    stale = profile.updated_at - timedelta(seconds=1)
    with pytest.raises(ChangedMeanwhile):
        await doctors.edit(session, CURATOR, user.id, facts(), stale)
    with pytest.raises(NotFound):
        await doctors.edit(session, CURATOR, factories.nobody(), facts())
    themselves = Actor(user.id, Role.CURATOR, Via.CONSOLE)
    with pytest.raises(Forbidden):
        await doctors.edit(session, themselves, user.id, facts())


async def test_dispatchers_keep_no_doctors_and_no_clinics(
    session: AsyncSession,
) -> None:
    clinic = await factories.clinic(session)
    with pytest.raises(Forbidden):
        await doctors.create(session, DISPATCHER, PERSON, facts())
    with pytest.raises(Forbidden):
        await doctors.edit(session, DISPATCHER, factories.nobody(), facts())
    with pytest.raises(Forbidden):
        await clinics.add_manager(session, DISPATCHER, clinic.id, PERSON)


async def test_a_clinic_gets_a_manager(session: AsyncSession) -> None:
    clinic = await factories.clinic(session)
    user, _ = await clinics.add_manager(session, CURATOR, clinic.id, PERSON)
    assert [each.id for each in await clinics.members(session, clinic.id)] == [user.id]
    assert await roles.roles_of(session, user.id) == {Role.CLINIC}
    with pytest.raises(NotFound):
        await clinics.add_manager(session, CURATOR, factories.nobody(), PERSON)


async def test_plain_rows_are_journalled_as_they_change(session: AsyncSession) -> None:
    values = {
        "kind": "visit",
        "call_type": "urgent",
        "title_ru": "Вызов",
        "title_en": "Visit",
        "starts": time(8),
        "price_kopecks": 450_000,
        "id": factories.nobody(),
    }
    row = await plain_tables.create(session, FINANCE, PriceItem, values)
    assert row.id != values["id"]
    await session.refresh(row)
    change = {"price_kopecks": 500_000, "starts": time(9), "title_ru": "Вызов"}
    await plain_tables.change(
        session, FINANCE, PriceItem, row.id, change, row.updated_at
    )
    await plain_tables.change(session, FINANCE, PriceItem, row.id, change)
    query = sa.select(AuditEvent).order_by(col(AuditEvent.id))
    events = (await session.scalars(query)).all()
    assert [each.action for each in events] == [
        "price_item.created",
        "price_item.changed",
    ]
    assert events[1].data == {
        "before": {"price_kopecks": 450_000, "starts": "08:00:00"},
        "after": {"price_kopecks": 500_000, "starts": "09:00:00"},
    }


async def test_plain_rows_have_their_own_permissions(session: AsyncSession) -> None:
    clinic = await factories.clinic(session)
    with pytest.raises(Forbidden):
        await plain_tables.create(session, CURATOR, PriceItem, {})
    with pytest.raises(Forbidden):
        await plain_tables.change(session, FINANCE, ClinicProfile, clinic.id, {})
    with pytest.raises(NotFound):
        await plain_tables.change(
            session, CURATOR, ClinicProfile, factories.nobody(), {}
        )
    stale = clinic.updated_at - timedelta(seconds=1)
    with pytest.raises(ChangedMeanwhile):
        await plain_tables.change(
            session, CURATOR, ClinicProfile, clinic.id, {"name": "x"}, stale
        )


async def test_todays_figures(session: AsyncSession) -> None:
    anna, doctor = await factories.dispatcher(session), await factories.doctor(session)
    for status in (Status.PENDING, Status.COMPLETED, Status.CANCELLED):
        await factories.booking_in(session, status, doctor=doctor, dispatcher=anna)
    counts = await figures.calls(session)
    assert {status: n for status, n in counts.items() if n} == {
        Status.PENDING: 1,
        Status.COMPLETED: 1,
        Status.CANCELLED: 1,
    }
    assert await figures.taken_today(session) == 3
    assert await figures.quoted_today(session) > 0
    assert await figures.doctors(session) == {"all": 1, "on_duty": 1, "ending": 0}
    await factories.clinic(session)
    assert await figures.clinics(session) == 1
    assert await figures.people(session) == {"staff": 1, "blocked": 0}
